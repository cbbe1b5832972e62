"""What the orchestrator emits for a role passes Ansible's own validator for that role, and nothing is left out."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from role_files import ROOT, Role, roles

from orchestrator import ansible_vars, cards, engines, lab_internet
from orchestrator.apps import AppArchive
from orchestrator.backup_model import Backup
from orchestrator.mesh import Mesh
from orchestrator.model import Membership, Node, Release

KEY = generate_private_key(SECP256R1())


@pytest.fixture
def nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Node]:
    """The territories of the sample mesh."""
    monkeypatch.setenv("MAILLAGE_STATE", str(tmp_path))
    return list(engines.load(ROOT / "inventories" / "normandie").nodes.values())


class EverySecret(dict[str, str]):
    """Has a ciphertext for every name that is asked for."""

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str)

    def __missing__(self, name: str) -> str:
        return f"ciphertext of {name}"


def with_engine(node: Node, engine: str) -> Node:
    """The same territory with another cloud."""
    territory = node.territory
    cloud = territory.services.cloud.model_copy(update={"engine": engine})
    services = territory.services.model_copy(update={"cloud": cloud})
    return replace(node, territory=territory.model_copy(update={"services": services}))


def in_the_mesh(node: Node) -> Node:
    """The same territory with backups, in a mesh whose members it keeps those of."""
    services = node.territory.services.model_copy(update={"backup": Backup(own="/mnt/sauvegarde")})
    update = {"services": services, "mesh": Membership(name="normandie", keeps="1 TB")}
    return replace(node, territory=node.territory.model_copy(update=update))


def plain(value: Any) -> Any:
    """The variables as Ansible sees them: a vaulted value is a string."""
    if isinstance(value, dict):
        return value["__ansible_vault"] if "__ansible_vault" in value else {k: plain(v) for k, v in value.items()}
    return [plain(each) for each in value] if isinstance(value, list) else value


def refused(role: str, variables: dict[str, Any]) -> list[str]:
    """What Ansible's validator has against the variables; it knows no other names than the spec's."""
    messages: list[str] = ArgumentSpecValidator(Role(role).options).validate(plain(variables)).error_messages
    return messages


@pytest.mark.parametrize("around", ["the lab", "the real internet"])
def test_variables_of_a_node_pass(nodes: list[Node], tmp_path: Path, around: str) -> None:
    outside = lab_internet.surroundings(KEY, "a certificate") if around == "the lab" else ansible_vars.Surroundings()
    release = Release("33.0.9", "/tmp/nextcloud-33.0.9.tar.bz2", "a checksum", "checksum")
    archives = {"contacts": AppArchive("/tmp/contacts.tar.gz", "a checksum", unsigned=False)}
    members = Mesh(tmp_path, {node.name: in_the_mesh(node) for node in nodes})
    cards.of_the_lab([], members, date(2026, 11, 28))
    for node in [*nodes, *(with_engine(node, "nextcloud") for node in nodes), *members.nodes.values()]:
        peers = cards.peers(node, members)
        assert len(peers) == (2 if node.territory.mesh else 0)
        emitted = ansible_vars.node_variables(node, EverySecret(), outside, release, archives=archives, cards=peers)
        found = {role: refused(role, variables) for role, variables in emitted.items()}
        assert [message for messages in found.values() for message in messages] == []
        assert set(found) == {role.name for role in roles()} - {"lab_internet"}


def test_variables_of_the_lab_s_internet_pass(nodes: list[Node]) -> None:
    private = ("dnssec_key", "acme_key", "dkim_key")
    secrets = {f"lab_internet_{name}": {"__ansible_vault": "a ciphertext"} for name in private}
    world = lab_internet.World(nodes, {}, '"v=DKIM1; p="', KEY)
    emitted = lab_internet.internet_variables(world, ["192.0.2.53"], {"paquets.test": ["192.0.2.80"]}, "", secrets)
    assert refused("lab_internet", emitted) == []
