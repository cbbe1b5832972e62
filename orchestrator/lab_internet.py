"""What stands around the nodes in the lab: its names, its resolver, its certificate authority. Pure.

`test` is the lab's whole world: a signed zone that delegates to each territory's zone, all signed with one key, so
that every DS record is known before any server runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

from orchestrator import dns
from orchestrator.ansible_vars import Surroundings, Variables, zone
from orchestrator.model import LAB_IPV4, LAB_IPV6, LAB_OUTSIDE, Node
from orchestrator.providers.lab_provider import AUTHORITY_NAME, INTERNET

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

    from orchestrator.providers.lab import HostSpec

WORLD = "test"
NAMESERVER = f"ns.{LAB_OUTSIDE}"
AUTHORITY_PORT = 14000


def places(outside: HostSpec) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Where the resolver and the certificate authority answer, and where the nameserver; IPv4 first."""
    resolver, nameserver = zip(outside.ipv4, outside.ipv6, strict=True)
    return resolver, nameserver


RESOLVER, _ = places(INTERNET)


def reverse_zones() -> list[str]:
    """The names of the zones that turn the lab's addresses into names."""
    return [_reverse_zone(LAB_IPV4.with_prefixlen, 8), _reverse_zone(LAB_IPV6.with_prefixlen, 4)]


def _reverse_zone(network: str, bits_per_label: int) -> str:
    found = ip_network(network)
    labels = found.network_address.reverse_pointer.split(".")
    return ".".join(labels[(found.max_prefixlen - found.prefixlen) // bits_per_label :])


def surroundings(key: EllipticCurvePrivateKey, acme_ca: str, outside: HostSpec = INTERNET) -> Surroundings:
    """What a node of the lab finds outside its host.

    Args:
        key: the key that signs every zone of the lab.
        acme_ca: PEM of the authority behind the HTTPS of the lab's certificate authority.
        outside: the host that plays the internet.
    """
    return Surroundings(
        networks=(LAB_IPV4.with_prefixlen, LAB_IPV6.with_prefixlen),
        forwarders=places(outside)[0],
        trust_anchors=trust_anchors(key),
        private_zones=(WORLD, *reverse_zones()),
        acme_directory=f"https://{AUTHORITY_NAME}:{AUTHORITY_PORT}/dir",
        acme_ca=acme_ca,
    )


def trust_anchors(key: EllipticCurvePrivateKey) -> tuple[str, ...]:
    """DS records, as in a zone file, of the zones that no other zone of the lab delegates."""
    return tuple(f"{apex}. IN DS {dns.delegation_signer(apex, key)}" for apex in (WORLD, *reverse_zones()))


def zones(nodes: Sequence[Node], key: EllipticCurvePrivateKey, outside: HostSpec = INTERNET) -> list[Variables]:
    """Every zone that the lab serves, without the SOA and NS records of its apex."""
    territories = {node.territory.domain: zone(node.territory) for node in nodes}
    hosts = [(records, f"{node.territory.host.name}.{node.territory.domain}")
             for node, records in zip(nodes, territories.values(), strict=True)]  # fmt: skip
    pointers = [pointer for records, host in hosts for pointer in dns.reverse(records, host)]
    itself = [
        dns.Record(name, kind, address, "the lab itself")
        for name, addresses in zip((AUTHORITY_NAME, NAMESERVER), places(outside), strict=True)
        for kind, address in zip(("A", "AAAA"), addresses, strict=True)
    ]
    delegations = [
        record
        for name in (LAB_OUTSIDE, *territories)
        for record in (
            dns.Record(name, "NS", f"{NAMESERVER}.", "served by the lab"),
            dns.Record(name, "DS", dns.delegation_signer(name, key), "signed with the lab's key"),
        )
    ]
    glue = [record for record in itself if record.name == NAMESERVER]
    served: dict[str, Iterable[dns.Record]] = {WORLD: [*delegations, *glue], LAB_OUTSIDE: itself, **territories}
    for apex in reverse_zones():
        served[apex] = [pointer for pointer in pointers if pointer.name.endswith(f".{apex}")]
    return [{"name": name, "records": [_plain(record) for record in records]} for name, records in served.items()]


def internet_variables(
    nodes: Sequence[Node],
    key: EllipticCurvePrivateKey,
    forwarders: Sequence[str],
    local_names: Mapping[str, Sequence[str]],
    certificate: str,
    secrets: Variables,
    outside: HostSpec = INTERNET,
) -> Variables:
    """The variables of role `lab_internet`.

    Args:
        nodes: every lab territory of the mesh, deployed or not.
        key: the key that signs every zone.
        forwarders: this machine's own resolvers.
        local_names: names that only this machine's /etc/hosts knows, with their addresses.
        certificate: PEM of the certificate authority's own HTTPS certificate.
        secrets: lab_internet_dnssec_key and lab_internet_acme_key, vaulted.
        outside: the host that plays the internet.
    """
    resolver, nameserver = places(outside)
    return {
        "lab_internet_resolver_addresses": list(resolver),
        "lab_internet_authority_addresses": list(nameserver),
        "lab_internet_networks": [LAB_IPV4.with_prefixlen, LAB_IPV6.with_prefixlen],
        "lab_internet_forwarders": list(forwarders),
        "lab_internet_local_names": [
            {"name": name, "addresses": list(addresses)} for name, addresses in local_names.items()
        ],
        "lab_internet_trust_anchors": list(trust_anchors(key)),
        "lab_internet_zones": zones(nodes, key, outside),
        "lab_internet_acme_certificate": certificate,
        **secrets,
    }


def _plain(record: dns.Record) -> Mapping[str, Any]:
    return {"name": record.name, "type": record.type, "data": record.data, "ttl": record.ttl}
