"""A territory's DNS zone, derived from its contracts and its host: never written by hand. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING

from orchestrator import contract

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

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


def zone(
    domain: str,
    host: str,
    addresses: Iterable[IPv4Address | IPv6Address],
    roles: Mapping[str, Mapping[str, object]],
) -> list[Record]:
    """Every record that a territory needs, save SOA and NS, which belong to whoever serves the zone.

    Args:
        domain: the territory's domain.
        host: name of its host, below the domain.
        addresses: public addresses of the host.
        roles: the roles that are on, each with its variables.
    """
    import dns.name
    import dns.rdata

    origin = dns.name.from_text(domain)
    places = [("A" if address.version == 4 else "AAAA", str(address)) for address in addresses]
    records = {Record(f"{host}.{domain}", kind, data, "the host itself") for kind, data in places}
    for role, variables in roles.items():
        for entry in contract.active(contract.load(role).dns, variables):
            name = domain if entry.name == "@" else f"{entry.name}.{domain}"
            if entry.type == "HOST":
                records |= {Record(name, kind, data, entry.reason) for kind, data in places}
            else:
                data = dns.rdata.from_text("IN", entry.type, entry.data or "", origin=origin, relativize=False)
                records.add(Record(name, entry.type, data.to_text(), entry.reason))
    return sorted(records)


def certificate_names(domain: str, roles: Mapping[str, Mapping[str, object]]) -> list[str]:
    """The names that the territory's TLS certificate must bear, the domain first."""
    declared = [entry for role, known in roles.items() for entry in contract.active(contract.load(role).dns, known)]
    labels = sorted({entry.name for entry in declared if entry.certificate} - {"@"})
    return [domain, *(f"{label}.{domain}" for label in labels)]


def reverse(records: Iterable[Record], host: str) -> list[Record]:
    """The PTR records that make the host's addresses and its name agree."""
    import dns.reversename

    return sorted(
        Record(str(dns.reversename.from_address(record.data))[:-1], "PTR", f"{host}.", "the host's own name")
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
