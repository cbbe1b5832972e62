"""The variables of the role that watches a node. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address

from orchestrator import contract, lab_world
from orchestrator.card import Card
from orchestrator.card import address as mesh_address
from orchestrator.model import Node, Territory
from orchestrator.vaulted import Variables

# Three of the root name servers: whoever reaches none of them is cut off from the world, and judges nobody.
WORLD = ("193.0.14.129", "192.5.5.241", "199.7.83.42")
STOPPED = ("[name] ne fonctionne pas.", "[name] does not run.")


def monitoring(
    node: Node, cards: Sequence[Card], on: Mapping[str, Variables], forwarders: Sequence[str] = ()
) -> Variables:
    """Those of role `monitoring`; see `ansible_vars.node_variables`; `forwarders` are resolvers that the node asks."""
    territory = node.territory
    declared, mail = territory.services.monitoring, "mail" in on
    return {
        "monitoring_enabled": "monitoring" in on,
        "monitoring_mesh": territory.mesh is not None,
        "monitoring_territory": node.name,
        "monitoring_domain": territory.domain,
        "monitoring_contact": territory.partner.contact,
        "monitoring_locale": territory.partner.locale,
        "monitoring_mail": mail,
        "monitoring_units": sorted(each.unit for each in _watched(on)),
        "monitoring_rules": list(rules(on)),
        "monitoring_addresses": [str(each) for each in territory.host.address.all] if mail else [],
        "monitoring_blacklists": list(declared.blacklists) if declared and not territory.is_lab else [],
        "monitoring_mesh_address": str(mesh_address(territory.mesh.name, node.name)) if territory.mesh else "",
        "monitoring_peers": [_peer(each, territory) for each in cards] if "monitoring" in on else [],
        "monitoring_services": sorted(
            (each.service.model_dump() | {"kind": each.kind} for each in looked_at(on) if each.service),
            key=lambda each: str(each["name"]),
        ),
        "monitoring_world": list(forwarders or WORLD),
    }


def _peer(card: Card, territory: Territory) -> Variables:
    """What there is to know of a peer, from its card; nothing is asked of an address that is not of the world's."""
    address = card.wireguard.reached_from(territory.host.address.ipv4 is not None)
    return {
        "name": card.territory,
        "domain": card.domain,
        "contact": card.contact,
        "locale": card.locale,
        "address": str(address or ""),
        "mesh_address": str(card.wireguard.address),
        "watches": card.offers.watches,
        "probes": [
            {
                "name": name,
                **probe.model_dump(include={"kind", "path", "status", "fr", "en"}),
                "host": card.domain if probe.host == "@" else f"{probe.host}.{card.domain}",
            }
            for name, probe in sorted(card.probes.items())
            if _may_be_asked(address, territory)
        ],
    }


def _may_be_asked(address: IPv4Address | IPv6Address | None, territory: Territory) -> bool:
    """A card must not have its peers ask inside their own networks."""
    if address is None:
        return False
    if territory.is_lab:
        return address in (lab_world.IPV4 if address.version == 4 else lab_world.IPV6)
    return address.is_global


def looked_at(on: Mapping[str, Variables]) -> Iterator[contract.Probe]:
    """The probes that peers look at, each for one of the node's services."""
    for role, known in on.items():
        for probe in contract.active(contract.load(role).probes, known):
            if probe.service:
                yield probe


def _watched(on: Mapping[str, Variables]) -> Iterator[contract.Watched]:
    for role, known in on.items():
        yield from contract.active(contract.load(role).watched, known)


def rules(on: Mapping[str, Variables]) -> Iterator[Variables]:
    """One for each unit that must run, and those that the roles declare."""
    for each in _watched(on):
        yield {
            "name": "ServiceDown",
            "expr": f'node_systemd_unit_state{{name="{each.unit}",state="active"}} == 0',
            "after": 2,
            "about": "host",
            "fr": {"wrong": STOPPED[0], "noticed": each.fr},
            "en": {"wrong": STOPPED[1], "noticed": each.en},
            "first": "systemctl status [name]",
        }
    for role, known in on.items():
        for alert in contract.active(contract.load(role).alerts, known):
            yield alert.model_dump(exclude={"when"})
