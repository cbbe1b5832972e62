"""The zone, as the resolver gives it: every expected record, and whether the answers were validated."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import partial

import dns.flags
import dns.name
import dns.rdata
import dns.resolver

from orchestrator.verify.check import CheckFailedError, CheckSkippedError, Step
from orchestrator.verify.dnssec import Chain
from orchestrator.verify.network import Network, NoRecordError


def steps(network: Network) -> Iterator[Step]:
    """One step for each name and type, then one for the signature of the zone."""
    expected: dict[tuple[str, str], set[dns.rdata.Rdata]] = defaultdict(set)
    for name, kind, data in network.target.records:
        record = dns.rdata.from_text("IN", kind, data, origin=dns.name.root, relativize=False)
        expected[name.rstrip("."), kind].add(record)
    zone = Zone(network)
    for (name, kind), records in expected.items():
        yield Step(f"DNS {name} {kind}", partial(zone.records, name, kind, records))
    yield Step(f"DNSSEC {network.target.domain}", zone.signature)


class Zone:
    """The territory's zone from here."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.target = network.target
        self.chain = Chain(network, self.target.trust_anchors) if self.target.trust_anchors else None

    def records(self, name: str, kind: str, expected: set[dns.rdata.Rdata]) -> str:
        """The records of a name are those that are expected."""
        answer = self.network.ask(name, kind)
        seen = set(answer)
        # A partner may have other TXT records beside ours; another address or mail host would lead subscribers astray.
        if expected - seen if kind == "TXT" else expected ^ seen:
            raise CheckFailedError(f"{_text(seen)} instead of {_text(expected)}")
        validated = self._validated(answer)
        if not validated and self.target.signed:
            raise CheckFailedError(f"{_text(expected)}, but not validated (no AD flag)")
        return _text(expected) + (", validated" if validated else "")

    def signature(self) -> str:
        """Strict where the zone must be signed; elsewhere that, and a validating resolver, is the partner's choice."""
        domain = self.target.domain
        try:
            self.network.ask(domain, "DS")
        except NoRecordError as error:
            if self.target.signed:
                raise
            raise CheckSkippedError(f"the zone is not signed ({error})") from error
        if self._validated(self.network.ask(domain, "SOA")):
            return f"signed, and validated {'from the trust anchor' if self.chain else 'by the resolver'}"
        if self.target.signed:
            raise CheckFailedError("signed, but not validated (no AD flag)")
        raise CheckSkippedError(f"signed, but {self.network.asked} does not say whether it validates")

    def _validated(self, answer: dns.resolver.Answer) -> bool:
        if self.chain is None:
            return bool(answer.response.flags & dns.flags.AD)
        self.chain.validate(answer)
        return True


def _text(records: Iterable[dns.rdata.Rdata]) -> str:
    return ", ".join(sorted(record.to_text() for record in records))
