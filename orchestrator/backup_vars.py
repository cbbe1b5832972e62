"""The variables of the roles that make backups and keep those of peers. Pure."""

from __future__ import annotations

import hashlib
import json
import secrets as chance
from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import date

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
)

from orchestrator import contract, vaulted
from orchestrator.backup_model import Backup
from orchestrator.card import Card
from orchestrator.errors import UsageError
from orchestrator.model import Node
from orchestrator.vaulted import Variables

COPIES = 2  # peers that keep a territory's backups
PORT = 8000  # as in roles/backup_server/meta/contract.yml
QUARTER = 91  # days
PASSWORDS = 10  # that are kept: a repository that was begun with one of them can be read
LONGEST = 26  # characters of a name that is part of a system user's


def password_ring() -> str:
    """The first password of the repositories, as JSON: `current`, and `previous` ones, latest first."""
    return json.dumps({"current": chance.token_urlsafe(32), "previous": []})


def password_renewed(ring: str, _today: date) -> str:
    """The ring with another password in use; the earlier ones still open what was begun with them."""
    before = json.loads(ring)
    previous = [before["current"], *before["previous"]][:PASSWORDS]
    return json.dumps({"current": chance.token_urlsafe(32), "previous": previous})


def key() -> str:
    """A new key, as OpenSSH writes it, by which the node logs in at a server of the partner's own."""
    made = Ed25519PrivateKey.generate()
    return made.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()


def public_key(private: str, node: Node) -> str:
    """Its public half: the line for that login's `authorized_keys`."""
    opened = load_ssh_private_key(private.encode(), None).public_key()
    return f"{opened.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()} maillage-{node.name}"


def keepers(node: Node, cards: Iterable[Card]) -> list[Card]:
    """The peers that keep a territory's backups: those that it names, or the two after it on a ring.

    The ring has every member that offers space, in an order that is the same for all: each keeps the backups of two
    others, and from three members on no two depend on each other alone.

    Raises:
        UsageError: a named peer has no card here, or offers no space.
    """
    backup, known = node.territory.services.backup, {card.territory: card for card in cards}
    if backup is None:
        return []
    for name in backup.to:
        if name not in known:
            raise UsageError(f"{node.name}: backups are to go to {name}, whose card is not here: `card import` it")
        if not known[name].offers.backup:
            raise UsageError(f"{node.name}: backups are to go to {name}, whose card offers no space for them")
    if backup.to:
        return [known[name] for name in backup.to]
    ring = sorted([node.name, *(card.territory for card in known.values() if card.offers.backup)], key=_digest)
    start = ring.index(node.name) + 1
    return [known[name] for name in (ring[start:] + ring[: start - 1])[:COPIES]]


def backup(node: Node, secrets: Mapping[str, str], cards: Sequence[Card], on: Mapping[str, Variables]) -> Variables:
    """Those of role `backup`; see `ansible_vars.node_variables`."""
    declared = node.territory.services.backup
    sftp = declared.sftp if declared else None
    return {
        "backup_enabled": "backup" in on,
        "backup_territory": node.name,
        "backup_repositories": [*(_repository(node, card) for card in keepers(node, cards)), *_own(declared)],
        "backup_state": _state(on),
        "backup_time": declared.at if declared else "02:30",
        "backup_upload": declared.upload * 10**6 // 8 // 1024 if declared and declared.upload else 0,
        "backup_known_host": sftp.host_key if sftp else "",
        **vaulted.of_role("backup", secrets, on, "backup.passwords", "backup_passwords"),
        **(vaulted.secret(secrets, "backup.key", "backup_key") if sftp else {}),
    }


def server(node: Node, cards: Iterable[Card], on: Container[str]) -> Variables:
    """Those of role `backup_server`, likewise."""
    mesh = node.territory.mesh
    return {
        "backup_server_enabled": "backup_server" in on,
        "backup_server_peers": [
            {"name": short(card.territory), "address": str(card.wireguard.address)} for card in cards
        ],
        "backup_server_bytes": mesh.keeps if mesh and mesh.keeps else 0,
    }


def short(name: str) -> str:
    """A territory's name where there is no room for a long one."""
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 9]}-{_digest(name)[:8]}"


def _own(declared: Backup | None) -> list[Variables]:
    """Places of the partner's own."""
    found: list[Variables] = []
    if declared and declared.own:
        found.append({"name": "own", "url": f"{declared.own}/", "offset": 0})
    if declared and (sftp := declared.sftp):
        # Of two slashes, the second one begins a path that is not below the login's own folder.
        url = f"sftp://{sftp.user}@{sftp.host}:{sftp.port}/{sftp.folder}/"
        found.append({"name": "sftp", "url": url, "offset": 0})
    return found


def _repository(node: Node, card: Card) -> Variables:
    url = f"rest:http://[{card.wireguard.address}]:{PORT}/"
    return {"name": card.territory, "url": url, "offset": int(_digest(f"{node.name} {card.territory}"), 16) % QUARTER}


def _state(on: Mapping[str, Variables]) -> list[Variables]:
    """What the roles declare, in the order in which it is put back."""
    declared = [
        (role, entry) for role, known in on.items() for entry in contract.active(contract.load(role).state, known)
    ]
    return [{"role": role, **entry.model_dump(exclude={"when", "reason"})} for role, entry in declared]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
