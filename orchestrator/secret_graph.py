"""Which secrets a territory has, how each is made, and what is renewed with it. Pure but for chance."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date

from orchestrator import accounts, backup_vars, mail_keys, mesh_keys
from orchestrator.model import Node

PASSWORDS = "subscribers"
# No letter or digit that looks like another one on paper.
ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"


def token() -> str:
    """A secret between programs: 256 bits."""
    return secrets.token_urlsafe(32)


def password() -> str:
    """A first password for a person to type on a phone: 80 bits, in groups of four."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(4)) for _ in range(4))


@dataclass(frozen=True)
class Secret:
    """One secret of the graph; whatever depends on another is renewed with it.

    Attributes:
        name: dotted.
        generate: makes the first value; None where only the partner can give it.
        depends_on: names of others.
        renew: makes the value that follows another one, where the two have something in common.
    """

    name: str
    generate: Callable[[], str] | None
    depends_on: tuple[str, ...] = ()
    renew: Callable[[str, date], str] | None = None


def declared(node: Node) -> list[Secret]:
    """Every secret that the node needs."""
    engine = node.territory.engine
    services = [Secret(f"directory.{engine}", token)] if engine else []
    if node.territory.services.mail:
        services += [
            Secret("directory.mail", token),
            Secret("directory.webmail", token),
            Secret("mail.webmail", token),
            Secret("mail.dkim", mail_keys.dkim_ring, renew=mail_keys.dkim_renewed),
            Secret("mail.tls", mail_keys.tls_ring, renew=mail_keys.tls_renewed),
        ]
        if node.territory.services.mail.smarthost:
            services.append(Secret("mail.smarthost", None))
    if node.territory.services.backup:
        services.append(Secret("backup.passwords", backup_vars.password_ring, renew=backup_vars.password_renewed))
        if node.territory.services.backup.sftp:
            services.append(Secret("backup.key", backup_vars.key))
    if node.territory.mesh:
        services += [Secret("mesh.card", mesh_keys.signing), Secret("mesh.wireguard", mesh_keys.wireguard)]
    if node.territory.dns and node.territory.dns.provider == "rfc2136":
        services.append(Secret("dns.tsig", None))
    subscribers = [Secret(f"{PASSWORDS}.{uid}", password) for uid in node.subscriptions.subscribers]
    return [*services, *(Secret(f"directory.{name}", token) for name in accounts.own(node.territory)), *subscribers]


def affected(graph: Iterable[Secret], name: str) -> list[Secret]:
    """The named secret and, in the order declared, whatever depends on it."""
    graph = list(graph)
    found = {name}
    while more := {secret.name for secret in graph if found.intersection(secret.depends_on)} - found:
        found |= more
    return [secret for secret in graph if secret.name in found]
