"""The cards that a partner holds: the territory's own, made from its files and keys, and those of its peers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import date, timedelta
from pathlib import Path

from orchestrator import ansible_vars, card, mesh_keys, monitoring_vars, secrets
from orchestrator.card import Card
from orchestrator.errors import SecretsError, UsageError
from orchestrator.files import write_text
from orchestrator.locations import state_folder
from orchestrator.mesh import Mesh
from orchestrator.model import Node, Territory

FOLDER = "cards"
PORT = 51820  # of WireGuard, as in roles/mesh/meta/contract.yml
RENEWED_BEFORE = timedelta(days=100)  # of its end, a card that is exported is made anew


def path_of(mesh: Path, territory: str, *, lab: bool = False) -> Path:
    """Where the card of a territory is kept; those of the lab go with it."""
    return (state_folder() if lab else mesh) / FOLDER / f"{territory}.json"


def held(mesh: Path) -> dict[str, Card]:
    """The cards in the folder of the mesh, by territory.

    Raises:
        CardRefused: one of them is not what its territory signed.
    """
    found = {}
    for path in sorted((mesh / FOLDER).glob("*.json")):
        each = card.read(path)
        if path.stem != each.territory:
            raise UsageError(f"{path} is the card of {each.territory}; a card's file has the name of its territory")
        found[each.territory] = each
    return found


def own(node: Node, mesh: Path, today: date, *, leaves: bool = False) -> Card:
    """The card of a territory as its files and keys say: the one that is kept, or a new one with the next serial.

    Raises:
        UsageError: the territory is in no mesh.
        SecretsError: its keys are not there.
    """
    before = kept(node, mesh)
    wanted = _content(node, (before.serial if before else 0) + 1, today, leaves=leaves)
    if before is not None and date.fromisoformat(before.expires) - today > RENEWED_BEFORE:
        changing = {"serial", "issued", "expires"}
        if wanted.model_dump(exclude=changing) == before.model_dump(exclude={*changing, "signature"}):
            return before
    return card.signed(wanted, mesh_keys.opened_signing(_secret(node, "mesh.card")))


def kept(node: Node, mesh: Path) -> Card | None:
    """The last card that was made for a territory of one's own."""
    try:
        return card.read(path_of(mesh, node.name, lab=node.territory.is_lab))
    except FileNotFoundError:
        return None


def keep(found: Card, mesh: Path, *, lab: bool = False) -> Path:
    """Write a card to its place."""
    path = path_of(mesh, found.territory, lab=lab)
    write_text(path, card.text(found), 0o644)
    return path


def of_the_lab(nodes: Iterable[Node], mesh: Mesh, today: date) -> None:
    """Have the cards of the lab's territories, who hand them to each other: new ones of those named, where need be."""
    renewed = {node.name for node in nodes}
    for node in mesh.nodes.values():
        if not (node.territory.is_lab and node.territory.mesh):
            continue
        before = kept(node, mesh.folder)
        if before is None or node.name in renewed:
            secrets.ensure(node)
            if (found := own(node, mesh.folder, today)) != before:
                keep(found, mesh.folder, lab=True)


def peers(node: Node, mesh: Mesh) -> list[Card]:
    """The cards of the other members of a territory's mesh.

    One that has left is no peer; one that has expired still is: an old card must not cut a working mesh.
    """
    if node.territory.mesh is None:
        return []
    found = held(mesh.folder)
    if node.territory.is_lab:
        lab = [other for other in mesh.nodes.values() if other.territory.is_lab and other.territory.mesh]
        found |= {other.name: each for other in lab if (each := kept(other, mesh.folder)) is not None}
    members = (each for each in found.values() if each.mesh == node.territory.mesh.name and not each.leaves)
    return sorted((each for each in members if each.territory != node.name), key=lambda each: each.territory)


def refusal(card: Card, known: Iterable[Card], meshes: Collection[str], today: date) -> str | None:
    """Why a card is not taken in, in one sentence; None when it may be.

    Args:
        card: the one that came.
        known: the cards that are held, and that of the territory itself.
        meshes: the names of those that the partner's territories are in.
        today: the day.
    """
    name = card.territory
    if card.mesh not in meshes:
        return f"the card of {name} is for the mesh {card.mesh}; yours is {', '.join(sorted(meshes))}"
    if date.fromisoformat(card.expires) < today:
        return f"the card of {name} has expired on {card.expires}; ask for a new one (`card export`)"
    if date.fromisoformat(card.issued) > today + timedelta(days=1):
        return f"the card of {name} is from the future ({card.issued}); check both clocks"
    for other in known:
        if other.territory == name:
            if other.key != card.key:
                return (
                    f"the card of {name} is signed with another key than the one you hold: call its partner "
                    f"({other.contact}); if the change is meant, remove cards/{name}.json and import this one anew"
                )
            if other.serial > card.serial:
                return f"the card of {name} is older ({card.serial}) than the one you hold ({other.serial})"
            if other.serial == card.serial and other != card:
                return f"there are two different cards {card.serial} of {name}; ask for a new one (`card export`)"
        else:
            for what, mine, theirs in (
                ("domain", card.domain, other.domain),
                ("signing key", card.key, other.key),
                ("WireGuard key", card.wireguard.key, other.wireguard.key),
                ("address in the mesh", card.wireguard.address, other.wireguard.address),
            ):
                if mine == theirs:
                    return f"the card of {name} claims the {what} of {other.territory}; call both partners"
            if card.wireguard.endpoints & other.wireguard.endpoints:
                return f"the card of {name} claims the endpoint of {other.territory}; call both partners"
    return None


def meshes(nodes: Iterable[Node]) -> set[str]:
    """The names of the meshes that a partner's territories are in.

    Raises:
        UsageError: none is in a mesh.
    """
    names = {node.territory.mesh.name for node in nodes if node.territory.mesh}
    if not names:
        raise UsageError("no territory here is in a mesh: write `mesh: {name: …}` into its territory.yml first")
    return names


def _content(node: Node, serial: int, today: date, *, leaves: bool) -> card.Content:
    territory = node.territory
    if territory.mesh is None:
        raise UsageError(f"{node.name} is in no mesh: write `mesh: {{name: …}}` into its territory.yml first")
    return card.Content.model_validate(
        {
            "format": card.FORMAT,
            "mesh": territory.mesh.name,
            "territory": node.name,
            "domain": territory.domain,
            "partner": territory.partner.name,
            "contact": territory.partner.contact,
            "locale": territory.partner.locale,
            "serial": serial,
            "issued": today.isoformat(),
            "expires": (today + card.VALID).isoformat(),
            "leaves": leaves,
            "key": mesh_keys.public_signing(_secret(node, "mesh.card")),
            "wireguard": _wireguard(node, territory, territory.mesh.name),
            "offers": {
                "backup": territory.mesh.keeps or 0,
                "watches": territory.services.monitoring is not None,
            },
            "probes": dict(_probes(territory)),
        }
    )


def _probes(territory: Territory) -> Iterator[tuple[str, dict[str, object]]]:
    for probe in monitoring_vars.looked_at(ansible_vars.roles(territory)):
        if probe.service:
            asked = probe.model_dump(include={"kind", "host", "path", "status"}, exclude_none=True)
            yield probe.service.name, asked | {"fr": probe.service.fr, "en": probe.service.en}


def _wireguard(node: Node, territory: Territory, mesh: str) -> dict[str, object]:
    addresses = {"ipv4": territory.host.address.ipv4, "ipv6": territory.host.address.ipv6}
    return {
        "key": mesh_keys.public_wireguard(_secret(node, "mesh.wireguard")),
        "address": str(card.address(mesh, node.name)),
        "port": PORT,
        **{family: str(each) for family, each in addresses.items() if each is not None},
    }


def _secret(node: Node, name: str) -> str:
    found = secrets.stored_value(node, name)
    if found is None:
        raise SecretsError(f"{node.name} has no {name} yet; `credentials {node.name} --make` makes it")
    return found.get_secret_value()
