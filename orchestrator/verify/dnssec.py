"""Check signatures here, from a trust anchor down, where the resolver does not: a lab's leaves it to the nodes."""

from __future__ import annotations

from collections.abc import Iterable

import dns.dnssec
import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.resolver
import dns.rrset

from orchestrator.verify.check import CheckFailedError
from orchestrator.verify.network import Network


class Chain:
    """The chain of trust between the anchors and whatever is asked.

    Attributes:
        anchors: DS records by the zone that they vouch for.
    """

    def __init__(self, network: Network, anchors: Iterable[str]) -> None:
        self.network = network
        self.anchors: dict[dns.name.Name, set[dns.rdata.Rdata]] = {}
        for line in anchors:
            zone, _, data = line.partition(" IN DS ")
            record = dns.rdata.from_text("IN", "DS", data)
            self.anchors.setdefault(dns.name.from_text(zone), set()).add(record)
        self._keys: dict[dns.name.Name, dns.rrset.RRset] = {}

    def validate(self, answer: dns.resolver.Answer) -> None:
        """Check the signature of an answer.

        Raises:
            CheckFailedError: there is none, or it is not right.
        """
        records = answer.rrset
        assert records is not None
        signatures = self._signatures(answer)
        signer = signatures[0].signer
        own_zone = records.rdtype != dns.rdatatype.DS  # the zone above speaks for a delegation
        if not records.name.is_subdomain(signer) or (signer == records.name and not own_zone):
            raise CheckFailedError(f"{_said(records)} is signed by {signer}, which has no say in it")
        self._verify(records, signatures, self._zone_keys(signer))

    def _zone_keys(self, zone: dns.name.Name) -> dns.rrset.RRset:
        """The keys of a zone, once those above vouch for them."""
        if zone not in self._keys:
            trusted = self.anchors.get(zone) or self._delegation(zone)
            answer = self.network.ask(zone.to_text(omit_final_dot=True), "DNSKEY")
            keys = answer.rrset
            assert keys is not None
            vouched = [key for key in keys if _digests(zone, key) & trusted]
            if not vouched:
                raise CheckFailedError(f"no key of {zone} is one that the zone above vouches for")
            self._verify(keys, self._signatures(answer), dns.rrset.from_rdata_list(zone, 0, vouched))
            self._keys[zone] = keys
        return self._keys[zone]

    def _delegation(self, zone: dns.name.Name) -> set[dns.rdata.Rdata]:
        if not any(zone.is_subdomain(anchor) for anchor in self.anchors):
            raise CheckFailedError(f"no trust anchor covers {zone}")
        answer = self.network.ask(zone.to_text(omit_final_dot=True), "DS")
        self.validate(answer)
        return set(answer)

    @staticmethod
    def _signatures(answer: dns.resolver.Answer) -> dns.rrset.RRset:
        records = answer.rrset
        assert records is not None
        found = answer.response.get_rrset(
            answer.response.answer, records.name, dns.rdataclass.IN, dns.rdatatype.RRSIG, records.rdtype
        )
        if found is None:
            raise CheckFailedError(f"{_said(records)} is not signed")
        return found

    @staticmethod
    def _verify(records: dns.rrset.RRset, signatures: dns.rrset.RRset, keys: dns.rrset.RRset) -> None:
        reason = "none is by a key of the zone"
        for signature in signatures:  # while keys are changed there are several, and one is enough
            try:
                dns.dnssec.validate_rrsig(records, signature, {keys.name: keys})
            except dns.exception.ValidationFailure as error:
                reason = str(error)
            else:
                return
        raise CheckFailedError(f"the signature of {_said(records)} is wrong ({reason})")


def _digests(zone: dns.name.Name, key: dns.rdata.Rdata) -> set[dns.rdata.Rdata]:
    return {dns.dnssec.make_ds(zone, key, algorithm) for algorithm in ("SHA256", "SHA384")}


def _said(records: dns.rrset.RRset) -> str:
    return f"{records.name} {dns.rdatatype.to_text(records.rdtype)}"
