"""What a role declares to the rest of the node: `roles/<role>/meta/contract.yml`, checked and filtered.

A declaration may carry `when`, the name of one boolean variable of the role; nothing else is computed here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

ROLES = Path(__file__).resolve().parent.parent / "roles"

Port_ = Annotated[int, Field(ge=1, le=65535)]
ProbeKind = Literal["https", "smtp", "submissions", "imaps", "dns"]
Label = Annotated[str, Field(pattern=r"^(@|[a-z0-9_]([a-z0-9-]*[a-z0-9])?(\._(tcp|udp|tls))?)$")]


class Declaration(BaseModel):
    """One entry of a contract.

    Attributes:
        when: the boolean variable of the role that this entry depends on, or none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    when: str | None = None


class Package(Declaration):
    """A Debian package that the role needs."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.+-]+$")]


class Debconf(Declaration):
    """An answer given to a package before it is installed, in the form of debconf-set-selections(1)."""

    package: str
    question: str
    type: Literal["boolean", "string", "select", "multiselect", "password", "note"]
    value: str


class Port(Declaration):
    """A port that the firewall opens, for IPv4 and IPv6: to everybody, or with `mesh` to peers over the mesh alone."""

    port: Port_
    protocol: Literal["tcp", "udp"]
    mesh: bool = False
    reason: str


class Record(Declaration):
    """A DNS record of the territory's zone, `name` relative to its domain (`@` is the domain itself).

    `HOST` stands for the A and AAAA records of the territory's host. A record with `certificate` puts its name on the
    domain's TLS certificate. One with `each_domain` is repeated below every further domain whose mail is kept here:
    names in its data are still relative to the territory's, and `{domain}` stands for the one that it is below,
    `{senders}` for what SPF must name besides this server.
    """

    name: Label
    type: Literal["HOST", "TXT", "SRV", "MX", "CNAME", "CAA"]
    data: str | None = None
    certificate: bool = False
    each_domain: bool = False
    reason: str


class State(Declaration):
    """Where the role keeps what must survive the host, and how it is saved and put back.

    Attributes:
        folder: a folder below /srv/maillage.
        leave_out: patterns of restic's, relative to the folder: what can be made again.
        dump: the command that writes a consistent copy to standard output; the folder's files are not saved then.
        load: the command that makes the folder, which is empty, from such a copy on standard input.
        units: what is stopped while the folder is put back.
        drill: the command that judges a copy, or a folder, whose path is added, and prints what it has found.
        restored: the command that is run once everything is back and the units run.
        extract: the command that writes what one subscriber had in the copies of databases; `{uid}`, `{path}` (or ""),
            `{copies}` (the folder with the copies) and `{folder}` (where to) stand for what is asked.
        subscriber: where in the folder one subscriber's part is; `{uid}` stands for the login name.
        reason: what the subscriber would miss.
    """

    folder: Annotated[str, Field(pattern=r"^/srv/maillage/[a-z0-9/_-]+$")]
    leave_out: list[str] = []
    dump: list[str] = []
    load: list[str] = []
    units: list[str] = []
    drill: list[str] = []
    restored: list[str] = []
    extract: list[str] = []
    subscriber: Annotated[str, Field(pattern=r"^[a-z0-9/_-]*\{uid\}[a-z/]*$")] | None = None
    reason: str

    @model_validator(mode="after")
    def _both_ways(self) -> State:
        if bool(self.dump) != bool(self.load):
            raise ValueError("what is dumped must be loaded again, and the other way round")
        return self


class Service(BaseModel):
    """What subscribers know a service as: a name in kebab-case, and what the status page calls it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[a-z]+(-[a-z]+)*$")]
    fr: str
    en: str


class Probe(Declaration):
    """What "it works" means, seen from outside.

    Attributes:
        kind: of `https`, a request of `path` and the answer's `status`; of the others, a greeting at their usual port,
            over TLS; of `dns`, that the host's name leads to its address.
        service: for whom peers look too; without it, only `verify` does.
    """

    name: str
    kind: ProbeKind = "https"
    host: Label
    path: Annotated[str, Field(pattern=r"^/[A-Za-z0-9./_-]*$")] | None = None
    status: Annotated[int, Field(ge=200, le=599)] | None = None
    service: Service | None = None

    @model_validator(mode="after")
    def _asked_and_answered(self) -> Probe:
        if not (self.kind == "https") == (self.path is not None) == (self.status is not None):
            raise ValueError("path and status belong to https, and to nothing else")
        return self


class Watched(Declaration):
    """A unit that must run; `fr` and `en` are what subscribers notice when it does not, a sentence each."""

    unit: Annotated[str, Field(pattern=r"^[a-z0-9@.-]+\.(service|socket|timer)$")]
    fr: str
    en: str


class Words(BaseModel):
    """An alert in one language: a sentence on what is wrong, and one on what subscribers notice.

    `[name]` stands for the label of that name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    wrong: str
    noticed: str


class Alert(Declaration):
    """What the partner is told about, and when.

    Attributes:
        name: in CamelCase, as Prometheus has it.
        expr: PromQL; each series that it gives is one alert.
        after: minutes for which it must hold.
        about: whose trouble it is: this host's, or that of the peer in the label `territory`.
        first: the command that a partner gives first.
    """

    name: Annotated[str, Field(pattern=r"^([A-Z][a-z0-9]+)+$")]
    expr: str
    after: Annotated[int, Field(ge=0, le=100_000)]
    about: Literal["host", "peer"] = "host"
    fr: Words
    en: Words
    first: str


class Line(BaseModel):
    """One line of a graph: PromQL, in which `$step` stands for the time between two points, and what it is called.

    Each series that it gives is one; `[name]` stands for the label of that name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    expr: str
    fr: str
    en: str


class Graph(Declaration):
    """What the partner can look at over time, with its title in both languages."""

    fr: str
    en: str
    unit: Literal["%", "bytes", "bytes/s", "/h", "s", "h", ""]
    lines: Annotated[list[Line], Field(min_length=1)]


class Contract(BaseModel):
    """The whole of `meta/contract.yml`; every list may be left out."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    packages: list[Package] = []
    debconf: list[Debconf] = []
    ports: list[Port] = []
    dns: list[Record] = []
    state: list[State] = []
    probes: list[Probe] = []
    watched: list[Watched] = []
    alerts: list[Alert] = []
    graphs: list[Graph] = []


Entry = TypeVar("Entry", bound=Declaration)


@cache
def load(role: str, roles: Path = ROLES) -> Contract:
    """Read one role's contract.

    Raises:
        pydantic.ValidationError: the file does not follow the schema (a defect of the role, found by the tests).
        FileNotFoundError: the role has no contract.
    """
    content = (roles / role / "meta" / "contract.yml").read_text(encoding="utf-8")
    return Contract.model_validate(yaml.load(content, Loader=yaml.CSafeLoader) or {})


def active(entries: Iterable[Entry], variables: Mapping[str, Any]) -> list[Entry]:
    """Keep the entries whose `when` names a variable that is true."""
    return [entry for entry in entries if entry.when is None or variables[entry.when] is True]
