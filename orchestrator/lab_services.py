"""The lab's internet as it is on this machine: its material, its host, and its variables for Ansible."""

from __future__ import annotations

import secrets
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import SecretStr

from orchestrator import lab_internet, lab_world, mail_keys, mail_secrets, vault
from orchestrator.ansible_vars import Surroundings
from orchestrator.model import Node
from orchestrator.providers import provider
from orchestrator.providers.lab import HostSpec, Lab, material, network
from orchestrator.providers.lab_provider import AUTHORITY_NAME, INTERNET
from orchestrator.vaulted import Variables

if TYPE_CHECKING:
    from orchestrator.mesh import Mesh
    from orchestrator.ssh import Connection

HOST = INTERNET.name
ROOTS = "/var/lib/maillage/acme-roots.pem"  # on the host: every root that its certificate authority has had


def new_key() -> SecretStr:
    """A key for the lab's own secrets that lives as long as one run."""
    return SecretStr(secrets.token_urlsafe(32))


def connection() -> Connection:
    """How to reach the lab's internet."""
    return Lab().connection(HOST)


@cache
def _material() -> material.Material:
    return material.ensure(
        Lab().place,
        lab_world.DOMAINS,
        [AUTHORITY_NAME, *lab_internet.CORRESPONDENT_NAMES],
        [*INTERNET.ipv4, *INTERNET.ipv6],
    )


def _key() -> EllipticCurvePrivateKey:
    key = load_pem_private_key(_material().dnssec_key.read_bytes(), None)
    assert isinstance(key, EllipticCurvePrivateKey)
    return key


def surroundings(outside: HostSpec = INTERNET) -> Surroundings:
    """What the lab's nodes find outside their hosts."""
    return lab_internet.surroundings(_key(), _material().authority.read_text(encoding="utf-8"), outside)


def variables(mesh: Mesh, key: SecretStr, label: str) -> Variables:
    """The variables of the host `internet`.

    Args:
        mesh: all territories; those of the lab are served.
        key: encrypts the secrets.
        label: the key's name for Ansible.
    """
    return {**connection().ansible_variables(), **role_variables(mesh, key, label)}


def role_variables(
    mesh: Mesh,
    key: SecretStr,
    label: str,
    outside: HostSpec = INTERNET,
    *,
    correspondents: bool | None = None,
) -> Variables:
    """The variables of role `lab_internet` on the host that plays the internet; see `variables`.

    There is somebody to write to where a territory whose host was made has mail, unless it is said.
    """
    found = _material()
    private = {
        "lab_internet_dnssec_key": found.dnssec_key,
        "lab_internet_acme_key": found.certificate_key,
        "lab_internet_dkim_key": found.dkim_key,
    }
    nodes = [node for node in mesh.nodes.values() if node.territory.is_lab]
    dkim = mail_keys.dkim_record(found.dkim_key.read_text(encoding="utf-8"))
    published = {node.name: mail_secrets.published(node) for node in nodes}
    return lab_internet.internet_variables(
        lab_internet.World(nodes, published, dkim, _key(), outside),
        network.machine_resolvers(),
        _local_names(),
        found.certificate.read_text(encoding="utf-8"),
        {name: _vaulted(path, key, label) for name, path in private.items()},
        correspondents=any(node.territory.services.mail and _made(node) for node in nodes)
        if correspondents is None
        else correspondents,
    )


def _made(node: Node) -> bool:
    return provider(node.territory.host).exists(node.name, node.territory.host)


def _local_names() -> dict[str, list[str]]:
    """Names that only this machine's /etc/hosts knows, with their addresses."""
    found: dict[str, list[str]] = {}
    for line in network.machine_names():
        address, *names = line.split()
        for name in names:
            found.setdefault(name, []).append(address)
    return found


def _vaulted(path: Path, key: SecretStr, label: str) -> Variables:
    return {"__ansible_vault": vault.encrypt(path.read_text(encoding="utf-8"), key, label)}


def authorities() -> Path:
    """Bundle of the roots of the lab's certificate authority, fetched from its host."""
    roots = Lab().place.directory / "authorities.pem"
    fetched = connection().run(f"cat {ROOTS}")
    if fetched.returncode == 0 and fetched.stdout:
        unfinished = roots.with_suffix(".unfinished")
        unfinished.write_text(fetched.stdout, encoding="utf-8")
        unfinished.replace(roots)
    return roots
