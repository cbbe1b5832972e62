"""What stands around the nodes in the lab: its names, its resolver, its certificate authority. Pure.

`test` is the lab's whole world: a signed zone that delegates to each territory's zone, all signed with one key, so
that every DS record is known before any server runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

from orchestrator import dns, lab_world
from orchestrator.ansible_vars import Surroundings, place, public_name, zone
from orchestrator.mail_keys import Published
from orchestrator.model import Node
from orchestrator.providers.lab_provider import AUTHORITY_NAME, INTERNET
from orchestrator.vaulted import Variables

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

    from orchestrator.providers.lab import HostSpec

WORLD = "test"
NAMESERVER = f"ns.{lab_world.OUTSIDE}"
AUTHORITY_PORT = 14000
SELECTOR = "correspondant"  # of the key that signs the correspondent's mail
# What they ask for when somebody writes in their name.
POLICIES = {lab_world.CORRESPONDENT: "reject", lab_world.FALSE: "quarantine"}
# What the lab's certificate bears for them; the server's own name in the false domain is what is missing.
CORRESPONDENT_NAMES = (
    f"mail.{lab_world.CORRESPONDENT}",
    f"mta-sts.{lab_world.CORRESPONDENT}",
    f"mta-sts.{lab_world.FALSE}",
)


def places(outside: HostSpec) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Where the resolver and the certificate authority answer, and where the nameserver; IPv4 first."""
    resolver, nameserver = zip(outside.ipv4, outside.ipv6, strict=True)
    return resolver, nameserver


RESOLVER, _ = places(INTERNET)


def reverse_zones() -> list[str]:
    """The names of the zones that turn the lab's addresses into names."""
    return [_reverse_zone(lab_world.IPV4.with_prefixlen, 8), _reverse_zone(lab_world.IPV6.with_prefixlen, 4)]


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
        networks=(lab_world.IPV4.with_prefixlen, lab_world.IPV6.with_prefixlen),
        forwarders=places(outside)[0],
        trust_anchors=trust_anchors(key),
        private_zones=(WORLD, *reverse_zones()),
        acme_directory=f"https://{AUTHORITY_NAME}:{AUTHORITY_PORT}/dir",
        acme_ca=acme_ca,
    )


def trust_anchors(key: EllipticCurvePrivateKey) -> tuple[str, ...]:
    """DS records, as in a zone file, of the zones that no other zone of the lab delegates."""
    return tuple(f"{apex}. IN DS {dns.delegation_signer(apex, key)}" for apex in (WORLD, *reverse_zones()))


@dataclass(frozen=True)
class World:
    """Whom the lab's internet leads to.

    Attributes:
        nodes: every lab territory of the mesh, deployed or not.
        published: what the zone of each says of its keys of mail, by the territory's name.
        correspondent: what the zone says of the key that signs the correspondent's mail.
        key: the key that signs every zone.
        outside: the host that plays the internet.
    """

    nodes: Sequence[Node]
    published: Mapping[str, Published | None]
    correspondent: str
    key: EllipticCurvePrivateKey
    outside: HostSpec = INTERNET


def zones(world: World) -> list[Variables]:
    """Every zone that the lab serves, without the SOA and NS records of its apex."""
    key, outside = world.key, world.outside
    territories: dict[str, list[dns.Record]] = {}
    pointers: list[dns.Record] = []
    for node in world.nodes:
        records = zone(node.territory, world.published.get(node.name))
        pointers += dns.reverse(records, public_name(node.territory))
        for domain in (node.territory.domain, *place(node.territory).further):
            territories[domain] = [each for each in records if f".{each.name}".endswith(f".{domain}")]
    itself = [
        dns.Record(name, kind, address, "the lab itself")
        for name, addresses in zip((AUTHORITY_NAME, NAMESERVER), places(outside), strict=True)
        for kind, address in zip(("A", "AAAA"), addresses, strict=True)
    ]
    delegations = [
        record
        for name in (*lab_world.DOMAINS, *territories)
        for record in (
            dns.Record(name, "NS", f"{NAMESERVER}.", "served by the lab"),
            dns.Record(name, "DS", dns.delegation_signer(name, key), "signed with the lab's key"),
        )
    ]
    glue = [record for record in itself if record.name == NAMESERVER]
    correspondents = {domain: correspondent(domain, world.correspondent, outside) for domain in lab_world.DOMAINS[1:]}
    pointers += dns.reverse(correspondents[lab_world.CORRESPONDENT], f"{dns.MAIL}.{lab_world.CORRESPONDENT}")
    served: dict[str, Iterable[dns.Record]] = {
        WORLD: [*delegations, *glue],
        lab_world.OUTSIDE: itself,
        **correspondents,
        **territories,
    }
    for apex in reverse_zones():
        served[apex] = [pointer for pointer in pointers if pointer.name.endswith(f".{apex}")]
    return [{"name": name, "records": [_plain(record) for record in records]} for name, records in served.items()]


def correspondent(domain: str, key: str, outside: HostSpec) -> list[dns.Record]:
    """The zone of somebody to write to who is in no territory: strict about mail in their name, and about encryption.

    Args:
        domain: theirs.
        key: what the zone says of the key that signs their mail.
        outside: the host that plays the internet, theirs too.
    """
    reason = "the lab's correspondent"
    server = f"{dns.MAIL}.{domain}"
    records = [
        dns.Record(name, kind, address[0], reason)
        for name in (server, f"mta-sts.{domain}")
        for kind, address in (("A", outside.ipv4), ("AAAA", outside.ipv6))
    ]
    texts = {
        domain: "v=spf1 mx -all",
        server: "v=spf1 a -all",
        f"_dmarc.{domain}": f"v=DMARC1; p={POLICIES[domain]}; rua=mailto:dmarc@{domain}",
        f"_mta-sts.{domain}": "v=STSv1; id=1",
        f"_smtp._tls.{domain}": f"v=TLSRPTv1; rua=mailto:tlsrpt@{domain}",
    }
    records += [dns.Record(name, "TXT", f'"{text}"', reason) for name, text in texts.items()]
    records.append(dns.Record(f"{SELECTOR}._domainkey.{domain}", "TXT", key, reason))
    return [*records, dns.Record(domain, "MX", f"10 {server}.", reason)]


def internet_variables(
    world: World,
    forwarders: Sequence[str],
    local_names: Mapping[str, Sequence[str]],
    certificate: str,
    secrets: Variables,
    *,
    correspondents: bool = False,
) -> Variables:
    """The variables of role `lab_internet`.

    Args:
        world: see World.
        forwarders: this machine's own resolvers.
        local_names: names that only this machine's /etc/hosts knows, with their addresses.
        certificate: PEM of the certificate of the lab's own servers.
        secrets: lab_internet_dnssec_key, lab_internet_acme_key and lab_internet_dkim_key, vaulted.
        correspondents: there is somebody to write to, since somebody has mail.
    """
    resolver, nameserver = places(world.outside)
    return {
        "lab_internet_resolver_addresses": list(resolver),
        "lab_internet_authority_addresses": list(nameserver),
        "lab_internet_networks": [lab_world.IPV4.with_prefixlen, lab_world.IPV6.with_prefixlen],
        "lab_internet_forwarders": list(forwarders),
        "lab_internet_local_names": [
            {"name": name, "addresses": list(addresses)} for name, addresses in local_names.items()
        ],
        "lab_internet_trust_anchors": list(trust_anchors(world.key)),
        "lab_internet_zones": zones(world),
        "lab_internet_acme_certificate": certificate,
        "lab_internet_correspondent": correspondents,
        "lab_internet_correspondent_domains": list(lab_world.DOMAINS[1:]),
        **secrets,
    }


def _plain(record: dns.Record) -> Mapping[str, Any]:
    return {"name": record.name, "type": record.type, "data": record.data, "ttl": record.ttl}
