"""What is verified: everything that the checks need to know of a node, and nothing of how it was made. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator import accounts, ansible_vars, contract, dns

if TYPE_CHECKING:
    from email.message import EmailMessage

    from pydantic import SecretStr

    from orchestrator.contract import Probe
    from orchestrator.mail_keys import Published
    from orchestrator.model import Node

# What a node runs for itself, or would if it were not well: directory, calendars behind nginx, databases, portmapper,
# mail in clear, and its filter.
PRIVATE_PORTS = (110, 111, 143, 389, 636, 3306, 5232, 5432, 6379, 8000, 8080, 11334)


@dataclass(frozen=True)
class Account:
    """A mailbox, and what opens it.

    Attributes:
        address: the mail address, also the login.
        server: full name of the server.
        password: of the account.
    """

    address: str
    server: str
    password: SecretStr = field(repr=False)


@dataclass(frozen=True)
class Correspondent:
    """Somebody outside to write to.

    Attributes:
        address: theirs.
        send: has them send a mail.
        receive: waits for the mail with a Message-ID, and gives it as it came to them.
    """

    address: str
    send: Callable[[EmailMessage], None]
    receive: Callable[[str], EmailMessage]


@dataclass(frozen=True)
class Mail:
    """What there is to send mail with.

    Attributes:
        accounts: two of the node's, made for this purpose.
        others: one of each other territory that can be looked at from here.
        correspondent: somebody outside, or None.
    """

    accounts: tuple[Account, Account]
    others: tuple[Account, ...] = ()
    correspondent: Correspondent | None = None


@dataclass(frozen=True)
class Target:
    """A node as it is promised to be, for someone who knows only its public names.

    Attributes:
        territory: its name, for the report.
        domain: its domain.
        cloud: the full name of the host that serves contacts and calendars, or None when it serves none.
        names: every full name that its certificate must bear, the domain included.
        addresses: what the names must resolve to; a family without an address is not looked at.
        user: the account made for this purpose.
        password: its password.
        records: the DNS records that must be there, as (full name, type, data).
        probes: from the contracts; their hosts are relative to the domain.
        open_ports: TCP ports that must answer.
        closed_ports: TCP ports that must not.
        signed: the zone must be signed and its answers validated.
        trust_anchors: DS records, as `zone. IN DS data`, from which signatures are checked here; without them, what the
            nameservers say of their own checking is believed.
        nameservers: whom to ask, as `address` or `address@port`; empty means this machine's own resolver.
        authority: bundle of the certificates to trust, or None for those that this machine trusts.
        neighbour: another account of the node, which `user` must not be able to look into; None tries an invented one.
        files: `cloud` serves files, too.
        second: another account made for this purpose, and its password; what is shared with it is its own to see.
        mail: what there is to send mail with, or None where the node has no mail.
        ask: runs a command on the host; None looks from outside only.
        https_port: where HTTPS is served.
        http_port: where the redirect to HTTPS is served.
    """

    territory: str
    domain: str
    cloud: str | None
    names: tuple[str, ...]
    addresses: tuple[IPv4Address | IPv6Address, ...]
    user: str
    password: SecretStr = field(repr=False)
    records: tuple[tuple[str, str, str], ...] = ()
    probes: tuple[Probe, ...] = ()
    open_ports: tuple[int, ...] = ()
    closed_ports: tuple[int, ...] = ()
    signed: bool = False
    trust_anchors: tuple[str, ...] = ()
    nameservers: tuple[str, ...] = ()
    authority: Path | None = None
    neighbour: str | None = None
    files: bool = False
    second: tuple[str, SecretStr] | None = field(default=None, repr=False)
    mail: Mail | None = None
    ask: Callable[[str], str] | None = field(default=None, repr=False)
    https_port: int = 443
    http_port: int = 80

    def url(self, name: str, path: str = "/") -> str:
        """The HTTPS address of a path on one of the node's names."""
        port = "" if self.https_port == 443 else f":{self.https_port}"
        return f"https://{name}{port}{path}"


def of(
    node: Node,
    password: SecretStr,
    *,
    nameservers: Sequence[str] = (),
    trust_anchors: Sequence[str] = (),
    authority: Path | None = None,
    second: SecretStr | None = None,
    ask: Callable[[str], str] | None = None,
    keys: Published | None = None,
    mail: Mail | None = None,
) -> Target:
    """Everything that a node promises, derived from its files and its roles' contracts.

    Args:
        node: the territory.
        password: of the account that verifies.
        nameservers: see Target.
        trust_anchors: see Target.
        authority: see Target.
        second: password of the second account that verifies, where there is one.
        ask: see Target.
        keys: what the zone says of the keys of mail.
        mail: see Target.
    """
    territory, roles = node.territory, ansible_vars.roles(node.territory)
    host, domain = territory.host, territory.domain
    contracts = [(contract.load(role), known) for role, known in roles.items()]
    records = ansible_vars.zone(territory, keys)
    if territory.is_lab:  # elsewhere the reverse zone is the business of whoever owns the address
        records += dns.reverse(records, ansible_vars.public_name(territory))
    declared = {
        p.port for c, known in contracts for p in contract.active(c.ports, known) if p.protocol == "tcp" and not p.mesh
    }
    open_ports = declared | {host.ssh.port if host.ssh else 22}
    active = [uid for uid, each in node.subscriptions.subscribers.items() if each.state == "active"]
    return Target(
        territory=node.name,
        domain=domain,
        cloud=f"cloud.{domain}" if territory.services.cloud else None,
        names=tuple(name for each in dns.certificates(ansible_vars.place(territory), roles) for name in each["names"]),
        addresses=host.address.all,
        user=accounts.VERIFY,
        password=password,
        records=tuple((record.name, record.type, record.data) for record in records),
        probes=tuple(p for c, known in contracts for p in contract.active(c.probes, known) if p.kind == "https"),
        open_ports=tuple(sorted(open_ports)),
        closed_ports=tuple(port for port in PRIVATE_PORTS if port not in open_ports),
        signed=territory.is_lab,
        trust_anchors=tuple(trust_anchors),
        nameservers=tuple(nameservers),
        authority=authority,
        neighbour=next(iter(active), None),
        files=territory.engine == "nextcloud",
        second=(accounts.SECOND, second) if second else None,
        mail=mail,
        ask=ask,
    )
