"""What no single field can say: fields of a territory against each other, and territories against each other. Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address

from orchestrator import backup_checks, lab_world, mail_checks
from orchestrator.findings import SUBSCRIPTIONS, TERRITORY, Finding
from orchestrator.host_model import Host
from orchestrator.model import Node
from orchestrator.yamlfile import Location

SPECIAL_DOMAINS = ("arpa", "internal", "invalid", "local", "localhost", "onion")  # RFC 6761, 6762, 7686


def check(nodes: Sequence[Node]) -> Iterator[Finding]:
    """Find every contradiction among the nodes present."""
    for node in nodes:
        yield from _names(node)
        yield from _host(node)
        yield from _dns(node)
        yield from _engine(node)
        yield from _plans(node)
        yield from _subscribers(node)
        yield from mail_checks.check(node)
        yield from backup_checks.check(node)
    yield from _shared(nodes, "this address", _addresses)
    yield from _shared(nodes, "this host key", _host_keys)
    yield from _domains(nodes)


def _names(node: Node) -> Iterator[Finding]:
    territory = node.territory
    if territory.territory != node.folder.name:
        yield Finding(node, TERRITORY, ("territory",), "must be the name of the folder that the file is in")
    if territory.domain.rpartition(".")[2] in SPECIAL_DOMAINS:
        yield Finding(
            node, TERRITORY, ("domain",), "ends in a name that is kept for special uses; write a registered domain"
        )
    contact = territory.partner.contact.partition("@")[2]
    if any(_inside(contact, own) for own in {territory.domain, *territory.mail_domains}):
        message = "must be outside the domains that are kept here: it is used when the node is down"
        yield Finding(node, TERRITORY, ("partner", "contact"), message)


def _host(node: Node) -> Iterator[Finding]:
    for index, host in enumerate(node.territory.hosts):
        at: Location = ("hosts", index)
        if not host.address.all and host.provider != "hcloud":
            yield Finding(node, TERRITORY, (*at, "address"), "must have ipv4 or ipv6, or both")
        if host.provider == "lab":
            yield from _lab_host(node, host, at)
        elif host.disk is not None:
            yield Finding(node, TERRITORY, (*at, "disk"), "is for lab hosts only; remove it", at_key=True)
        if host.provider == "hcloud":
            yield from _rented_host(node, host, at)
        elif host.hcloud is not None:
            yield Finding(node, TERRITORY, (*at, "hcloud"), "is for provider hcloud only; remove it", at_key=True)


def _rented_host(node: Node, host: Host, at: Location) -> Iterator[Finding]:
    if host.hcloud is None:
        message = "is missing; it must be a mapping with type, location, volume"
        yield Finding(node, TERRITORY, (*at, "hcloud"), message)
    if not node.territory.partner.ssh_keys:
        message = "must have a public key of yours: the new server lets nobody else in"
        yield Finding(node, TERRITORY, ("partner", "ssh_keys"), message)
    if host.ssh and (host.ssh.user, host.ssh.port) != ("root", 22):
        yield Finding(node, TERRITORY, (*at, "ssh"), "a rented server is reached as root at port 22; remove the others")


def _dns(node: Node) -> Iterator[Finding]:
    place = node.territory.dns
    for name in ("server", "key"):
        if place and (getattr(place, name) is None) is (place.provider == "rfc2136"):
            message = "is missing; see docs/dns.md" if place.provider == "rfc2136" else "is not asked for; remove it"
            yield Finding(node, TERRITORY, ("dns", name), message)


def _lab_host(node: Node, host: Host, at: Location) -> Iterator[Finding]:
    if host.ssh is not None:
        yield Finding(node, TERRITORY, (*at, "ssh"), "is for existing hosts only; remove it", at_key=True)
    for own in lab_world.DOMAINS:
        if _inside(node.territory.domain, own):
            yield Finding(node, TERRITORY, ("domain",), f"is inside {own}, which is the lab's own; choose another")
    ipv4, ipv6 = host.address.ipv4, host.address.ipv6
    if ipv4 and not (ipv4 in lab_world.IPV4 and lab_world.OWN_ADDRESSES < int(ipv4) - int(lab_world.IPV4[0]) < 255):
        first, last = lab_world.IPV4[lab_world.OWN_ADDRESSES + 1], lab_world.IPV4[254]
        message = f"must be one of the lab's addresses, {first} to {last}"
        yield Finding(node, TERRITORY, (*at, "address", "ipv4"), message)
    if ipv6 and not (ipv6 in lab_world.IPV6 and int(ipv6) - int(lab_world.IPV6[0]) > 0x10):
        message = f"must be one of the lab's addresses, {lab_world.IPV6[0x11]} or above"
        yield Finding(node, TERRITORY, (*at, "address", "ipv6"), message)


def _engine(node: Node) -> Iterator[Finding]:
    cloud = node.territory.services.cloud
    if cloud and cloud.engine is None and not node.territory.is_lab:
        yield Finding(node, TERRITORY, ("services", "cloud"), "name the engine: nextcloud or radicale", at_key=True)
    if cloud and cloud.engine == "radicale" and cloud.apps:
        message = "are Nextcloud's; remove them, or write engine: nextcloud"
        yield Finding(node, TERRITORY, ("services", "cloud", "apps"), message, at_key=True)


def _plans(node: Node) -> Iterator[Finding]:
    cloud, plans = node.territory.services.cloud, node.territory.plans
    if cloud and cloud.default_plan not in plans:
        location = ("services", "cloud", "default_plan")
        yield Finding(
            node, TERRITORY, location, "names a plan that is not defined under plans; define it or name another"
        )


def _subscribers(node: Node) -> Iterator[Finding]:
    plans, services = node.territory.plans, node.territory.services
    subscribers = node.subscriptions.subscribers
    if subscribers and services.cloud is None and services.mail is None:
        message = (
            "has neither cloud nor mail, but subscriptions.yml has subscribers; switch one on or remove them first"
        )
        yield Finding(node, TERRITORY, ("services",), message)
    for uid, subscriber in subscribers.items():
        if subscriber.plan not in plans:
            message = "names a plan that territory.yml does not define; define it or name another"
            yield Finding(node, SUBSCRIPTIONS, ("subscribers", uid, "plan"), message)


def _addresses(node: Node) -> Iterator[tuple[Location, IPv4Address | IPv6Address]]:
    for index, host in enumerate(node.territory.hosts):
        for address in host.address.all:
            yield ("hosts", index, "address", f"ipv{address.version}"), address


def _host_keys(node: Node) -> Iterator[tuple[Location, str]]:
    for index, host in enumerate(node.territory.hosts):
        if host.ssh and host.ssh.host_key:
            kind, key = host.ssh.host_key.split(" ")[:2]
            yield ("hosts", index, "ssh", "host_key"), f"{kind} {key}"


def _shared(
    nodes: Iterable[Node], what: str, values: Callable[[Node], Iterable[tuple[Location, Hashable]]]
) -> Iterator[Finding]:
    """A host belongs to one territory: neither its addresses nor its key may appear twice."""
    first: dict[Hashable, Node] = {}
    for node in nodes:
        for location, value in values(node):
            other = first.setdefault(value, node)
            if other is not node:
                yield Finding(
                    node, TERRITORY, location, f"{what} is already {other.name}'s; a host is in one territory only"
                )


def _domains(nodes: Iterable[Node]) -> Iterator[Finding]:
    owners: dict[str, Node] = {}
    places: dict[str, Location] = {}
    for node in nodes:
        further = node.territory.mail_domains[1:]
        written: list[tuple[str, Location]] = [(node.territory.domain, ("domain",))]
        written += [(domain, ("services", "mail", "domains", index)) for index, domain in enumerate(further)]
        for domain, location in written:
            if domain in owners:
                message = f"is already {owners[domain].name}'s domain; each domain belongs to one territory, once"
                yield Finding(node, TERRITORY, location, message)
                continue
            owners[domain], places[domain] = node, location
    for domain, node in owners.items():
        parent = domain
        while parent := parent.partition(".")[2]:
            if parent in owners:
                message = f"is inside {owners[parent].name}'s domain; choose one that is not inside another"
                yield Finding(node, TERRITORY, places[domain], message)


def _inside(name: str, domain: str) -> bool:
    return name == domain or name.endswith(f".{domain}")
