"""A territory's DNS records, derived from its contracts, its host and its keys: never written by hand. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any

from orchestrator import contract

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

    from orchestrator.mail_keys import Published

Roles = Mapping[str, Mapping[str, object]]
MAIL = "mail"  # the name, below the territory's domain, of the server that mail is handed to
TTL = 3600
ECDSA_P256_SHA256 = 13  # RFC 6605


@dataclass(frozen=True, order=True)
class Record:
    """One resource record.

    Attributes:
        name: absolute owner name, without the final dot.
        type: A, AAAA, SRV…
        data: as in a zone file, every name absolute.
        reason: why the record is there, for whoever reads the zone.
        ttl: seconds.
    """

    name: str
    type: str
    data: str
    reason: str
    ttl: int = TTL


def line(record: Record) -> str:
    """A record as in a zone file, with its reason."""
    return f"{record.name}. {record.ttl} IN {record.type} {record.data}  ; {record.reason}"


@dataclass(frozen=True)
class Place:
    """Where a zone leads to.

    Attributes:
        domain: the territory's domain.
        further: other domains whose mail is kept there.
        host: name of the host, below the domain.
        addresses: public addresses of the host.
        senders: what SPF must name besides the host, such as `include:spf.provider.example`; empty for nothing.
    """

    domain: str
    further: tuple[str, ...]
    host: str
    addresses: tuple[IPv4Address | IPv6Address, ...]
    senders: str = ""

    @property
    def records(self) -> list[tuple[str, str]]:
        """Type and data of the records of a name that leads to the host."""
        return [("A" if address.version == 4 else "AAAA", str(address)) for address in self.addresses]


def zone(place: Place, roles: Roles, keys: Published | None = None) -> list[Record]:
    """Every record that a territory needs, below all its domains, save SOA and NS, which belong to whoever serves them.

    Args:
        place: the domains and the host.
        roles: the roles that are on, each with its variables.
        keys: what the zone says of the mail's keys; None leaves it out.
    """
    import dns.name
    import dns.rdata

    origin = dns.name.from_text(place.domain)
    records = {Record(f"{place.host}.{place.domain}", kind, data, "the host itself") for kind, data in place.records}
    for domain, entry in _declared(place, roles):
        name = _below(domain, entry.name)
        if entry.type == "HOST":
            records |= {Record(name, kind, data, entry.reason) for kind, data in place.records}
        else:
            text = (entry.data or "").replace("{domain}", domain).replace("{senders}", place.senders)
            data = dns.rdata.from_text("IN", entry.type, text, origin=origin, relativize=False)
            records.add(Record(name, entry.type, data.to_text(), entry.reason))
    return sorted(records | set(_keys(place, keys) if keys else ()))


def _keys(place: Place, keys: Published) -> Iterator[Record]:
    for data in keys.tlsa:
        yield Record(
            f"_25._tcp.{MAIL}.{place.domain}", "TLSA", data, "other mail servers know the key (DANE, RFC 7672)"
        )
    for selector, data in keys.dkim.items():
        own = f"{selector}._domainkey.{place.domain}"
        yield Record(own, "TXT", data, "signatures of mail can be checked (DKIM)")
        for domain in place.further:
            name = f"{selector}._domainkey.{domain}"
            yield Record(name, "CNAME", f"{own}.", "the same signatures, also when their keys change (DKIM)")


def certificates(place: Place, roles: Roles) -> list[dict[str, Any]]:
    """The TLS certificates that the territory must have: the `name` of each, and all `names` on it, its own first.

    One for each domain, so that names of one that do not lead here keep no other domain from having its own.
    """
    names = {place.domain: {place.domain}}
    for domain, entry in _declared(place, roles):
        if entry.certificate:
            names.setdefault(domain, set()).add(_below(domain, entry.name))
    found = []
    for domain, each in names.items():
        own = domain if domain in each else min(each)
        found.append({"name": own, "names": [own, *sorted(each - {own})]})
    return found


def _declared(place: Place, roles: Roles) -> Iterator[tuple[str, contract.Record]]:
    """Each entry of the contracts, with the domain that it is below."""
    for role, variables in roles.items():
        for entry in contract.active(contract.load(role).dns, variables):
            for domain in (place.domain, *(place.further if entry.each_domain else ())):
                yield domain, entry


def _below(domain: str, label: str) -> str:
    return domain if label == "@" else f"{label}.{domain}"


def reverse(records: Iterable[Record], host: str) -> list[Record]:
    """The PTR records that make the host's addresses and a name of it agree."""
    import dns.reversename

    return sorted(
        Record(
            str(dns.reversename.from_address(record.data))[:-1],
            "PTR",
            f"{host}.",
            "the name that it goes by; set where the address comes from",
        )
        for record in records
        if record.name == host and record.type in ("A", "AAAA")
    )


def delegation_signer(zone_name: str, key: EllipticCurvePrivateKey) -> str:
    """The DS record (RFC 4034, SHA-256) of a zone signed by one P-256 key, as in a zone file."""
    import dns.dnssec
    import dns.name
    from dns.rdtypes.dnskeybase import Flag

    public = dns.dnssec.make_dnskey(key.public_key(), ECDSA_P256_SHA256, flags=Flag.SEP | Flag.ZONE)
    return dns.dnssec.make_ds(dns.name.from_text(zone_name), public, "SHA256").to_text()
