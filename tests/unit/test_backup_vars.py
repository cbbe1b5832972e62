"""Where backups go, and with which passwords."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError
from test_card import KEYS, WIREGUARD, made

from orchestrator import backup_vars, mesh_keys
from orchestrator.backup_model import Backup, Sftp
from orchestrator.card import Card
from orchestrator.errors import UsageError
from orchestrator.model import Node

NAMES = ["calvados", "eure", "manche", "mayenne", "orne", "sarthe", "seine-maritime", "somme"]


@pytest.fixture
def cards() -> dict[str, Card]:
    for name in NAMES:
        KEYS.setdefault(name, mesh_keys.signing())
        WIREGUARD.setdefault(name, mesh_keys.public_wireguard(mesh_keys.wireguard()))
    return {name: made(name) for name in NAMES}


def named(node: Node, name: str, **backup: Any) -> Node:
    """A territory with backups, under another name."""
    services = node.territory.services.model_copy(update={"backup": Backup(**backup)})
    return replace(node, territory=node.territory.model_copy(update={"territory": name, "services": services}))


def chosen(node: Node, cards: dict[str, Card], name: str, members: list[str], **backup: Any) -> list[str]:
    """Whom a territory gives its backups to, in a mesh of these members."""
    others = [cards[member] for member in members if member != name]
    return [card.territory for card in backup_vars.keepers(named(node, name, **backup), others)]


@pytest.mark.parametrize("size", range(3, len(NAMES) + 1))
def test_the_load_is_spread(lab_node: Node, cards: dict[str, Card], size: int) -> None:
    members = NAMES[:size]
    kept = Counter(keeper for name in members for keeper in chosen(lab_node, cards, name, members))
    assert set(kept.values()) == {2}
    assert set(kept) == set(members)


@pytest.mark.parametrize("size", range(5, len(NAMES) + 1))
def test_no_two_depend_on_each_other_alone(lab_node: Node, cards: dict[str, Card], size: int) -> None:
    members = NAMES[:size]
    keepers = {name: set(chosen(lab_node, cards, name, members)) for name in members}
    assert not any(a in keepers[b] and b in keepers[a] for a, b in itertools.combinations(members, 2))


def test_a_first_partner_and_a_mesh_of_two(lab_node: Node, cards: dict[str, Card]) -> None:
    assert chosen(lab_node, cards, "calvados", ["calvados"]) == []
    assert chosen(lab_node, cards, "calvados", ["calvados", "orne"]) == ["orne"]


def test_who_offers_nothing_keeps_nothing(lab_node: Node, cards: dict[str, Card]) -> None:
    cards["orne"] = made("orne", offers={"backup": 0})
    assert chosen(lab_node, cards, "calvados", ["calvados", "manche", "orne"]) == ["manche"]
    with pytest.raises(UsageError, match="orne, whose card offers no space"):
        chosen(lab_node, cards, "calvados", ["manche", "orne"], to=("orne",))


def test_whom_the_partner_names(lab_node: Node, cards: dict[str, Card]) -> None:
    assert chosen(lab_node, cards, "calvados", NAMES, to=("somme", "orne")) == ["somme", "orne"]
    with pytest.raises(UsageError, match="somme, whose card is not here: `card import` it"):
        chosen(lab_node, cards, "calvados", ["manche"], to=("somme",))


def test_an_earlier_password_is_kept() -> None:
    first = backup_vars.password_ring()
    ring = first
    for _ in range(15):
        before = json.loads(ring)["current"]
        ring = backup_vars.password_renewed(ring, date(2026, 11, 28))
        assert json.loads(ring)["previous"][0] == before
        assert json.loads(ring)["current"] != before
    assert len(json.loads(ring)["previous"]) == 10


@pytest.mark.parametrize("name", ["calvados", "a" * 26, "a" * 27, "a" * 63])
def test_a_name_fits_into_that_of_a_user(name: str) -> None:
    short = backup_vars.short(name)
    assert len(f"peer-{short}") <= 31
    assert (short == name) == (len(name) <= 26)
    assert backup_vars.short(f"{name}b") != short


SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJp0TvTzpzn1OBbBc6n8HPnMrGsyhlGw4H4Bt6HqNlSD"
SFTP = {"host": "bureau.example", "user": "sauvegarde", "host_key": SSH_KEY}


@pytest.mark.parametrize(
    ("place", "url"),
    [
        ({"own": "/mnt/sauvegarde"}, "/mnt/sauvegarde/"),
        ({"sftp": {**SFTP, "folder": "mayenne"}}, "sftp://sauvegarde@bureau.example:22/mayenne/"),
        ({"sftp": {**SFTP, "folder": "/srv/mayenne", "port": 23}}, "sftp://sauvegarde@bureau.example:23//srv/mayenne/"),
        ({"sftp": {**SFTP, "folder": "a", "host": "192.0.2.7"}}, "sftp://sauvegarde@192.0.2.7:22/a/"),
    ],
)
def test_a_place_of_ones_own(lab_node: Node, place: dict[str, Any], url: str) -> None:
    node, sealed = named(lab_node, "calvados", **place), {"backup.passwords": "…", "backup.key": "…"}
    made = backup_vars.backup(node, sealed, [], {"backup": {"backup_enabled": True}})
    assert [each["url"] for each in made["backup_repositories"]] == [url]
    assert ("backup_key" in made) == ("sftp" in place)
    assert made["backup_known_host"] == (SSH_KEY if "sftp" in place else "")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"folder": "../ailleurs"}, "must be a folder of that server"),
        ({"folder": "a b"}, "must be a folder of that server"),
        ({"host": "bureau"}, "must be the server's name"),
        ({"host": "-oProxyCommand=x.example"}, "must be the server's name"),
        ({"user": "-root"}, "must be a system account"),
        ({"host_key": "-----BEGIN OPENSSH PRIVATE KEY-----"}, "never a private one"),
        ({"port": "22"}, "must be a port number"),
    ],
)
def test_mistakes_about_a_server(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        Backup(sftp=Sftp(**{**SFTP, "folder": "mayenne", **change}))


def test_the_line_that_lets_the_node_in(lab_node: Node) -> None:
    public = backup_vars.public_key(backup_vars.key(), lab_node)
    assert public.startswith("ssh-ed25519 AAAA")
    assert public.endswith(f" maillage-{lab_node.name}")
