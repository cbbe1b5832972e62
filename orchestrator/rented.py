"""What is rented for a host at Hetzner Cloud: as it should be, as it is, and the steps from one to the other. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from orchestrator.errors import CloudRefused
from orchestrator.host_model import Machine

IMAGE = "debian-13"
KEPT = "kept when the server goes"
Family = Literal["ipv4", "ipv6"]
FAMILIES: tuple[Family, ...] = ("ipv4", "ipv6")
Rule = tuple[str, int | None]  # protocol, and port where it has ports; everybody may come in there
PING: Rule = ("icmp", None)
Kind = Literal[
    "SSH key", "firewall", "address", "reverse DNS", "volume", "server", "attached volume", "attached address",
    "attached firewall", "power",
]  # fmt: skip


@dataclass(frozen=True)
class Wanted:
    """What a host needs.

    Attributes:
        territory: whose it is.
        host: the name that everything goes by, such as caen.calvados.
        machine: what the partner wrote.
        keys: public keys of those who are let in, as `type base64`.
        rules: what the firewall lets through.
        reverse: the name that the addresses lead back to.
    """

    territory: str
    host: str
    machine: Machine
    keys: tuple[str, ...]
    rules: frozenset[Rule]
    reverse: str


@dataclass(frozen=True)
class Address:
    """A primary IP: what a host takes of it, what it leads back to, if the server has it, and if it outlives that."""

    address: str
    reverse: str
    attached: bool
    kept: bool
    location: str


@dataclass(frozen=True)
class Volume:
    """A volume: whole gigabytes, and whether the server has it."""

    gigabytes: int
    attached: bool
    location: str


@dataclass(frozen=True)
class Server:
    """A server; `runs` unless it is off, `shielded` when ours is the one firewall before it."""

    type: str
    location: str
    runs: bool
    shielded: bool


@dataclass(frozen=True)
class Found:
    """What is there.

    Attributes:
        keys: the public keys in the project, whoever put them there.
        rules: of the firewall; None where there is none.
    """

    keys: frozenset[str] = frozenset()
    rules: frozenset[Rule] | None = None
    addresses: Mapping[Family, Address] = field(default_factory=dict)
    volume: Volume | None = None
    server: Server | None = None


@dataclass(frozen=True)
class Price:
    """A month's, in the currency of the account, without and with VAT."""

    net: Decimal
    gross: Decimal

    def __add__(self, other: Price) -> Price:
        return Price(self.net + other.net, self.gross + other.gross)

    def __sub__(self, other: Price) -> Price:
        return Price(self.net - other.net, self.gross - other.gross)


NOTHING = Price(Decimal(0), Decimal(0))


@dataclass(frozen=True)
class Prices:
    """What things cost: servers by type and location, addresses by family and location, volumes by the gigabyte."""

    currency: str
    vat: Decimal
    servers: Mapping[tuple[str, str], Price]
    addresses: Mapping[tuple[str, str], Price]
    gigabyte: Price

    def server(self, kind: str, location: str) -> Price:
        """That of a server.

        Raises:
            CloudRefused: there is no such type there.
        """
        found = self.servers.get((kind, location))
        if found is None:
            types = sorted(each for each, there in self.servers if there == location)
            known = f"it has {', '.join(types)}" if types else "there is no such location"
            raise CloudRefused(f"Hetzner has no server of type {kind} in {location}; {known}")
        return found

    def volume(self, gigabytes: int) -> Price:
        """That of a volume."""
        return Price(self.gigabyte.net * gigabytes, self.gigabyte.gross * gigabytes)


@dataclass(frozen=True)
class Step:
    """One thing to do at Hetzner.

    Attributes:
        action: `create`, or `change` of what is there.
        kind: what of.
        name: which one.
        what: what it will be.
        price: what it adds to a month's bill.
        off: the server is switched off for it.
    """

    action: Literal["create", "change"]
    kind: Kind
    name: str
    what: str
    price: Price = NOTHING
    off: bool = False

    @property
    def title(self) -> str:
        """What it is about; a public key goes by its end."""
        return f"{self.kind} {f'…{self.name[-12:]}' if self.kind == 'SSH key' else self.name}"


def steps(wanted: Wanted, found: Found, prices: Prices) -> list[Step]:
    """What is to be done, in order; nothing when all is as it should be.

    Raises:
        CloudRefused: it cannot be got from what is there.
    """
    _refuse_moves(wanted, found)
    host, machine = wanted.host, wanted.machine
    made = [Step("create", "SSH key", key, "lets its owner in") for key in wanted.keys if key not in found.keys]
    if found.rules is None:
        made.append(Step("create", "firewall", host, _ports(wanted.rules)))
    elif found.rules != wanted.rules:
        made.append(Step("change", "firewall", host, _ports(wanted.rules)))
    for family in FAMILIES:
        if family not in found.addresses:
            cost = prices.addresses.get((family, machine.location), NOTHING)
            made.append(Step("create", "address", family, f"in {machine.location}; {KEPT}", cost))
        elif not found.addresses[family].kept:
            made.append(Step("change", "address", family, KEPT))
    for family in FAMILIES:
        address = found.addresses.get(family)
        if address is None or address.reverse != wanted.reverse:
            made.append(Step("change", "reverse DNS", family, wanted.reverse))
    if found.volume is None:
        what = f"{machine.gigabytes} GB in {machine.location}; {KEPT}"
        made.append(Step("create", "volume", host, what, prices.volume(machine.gigabytes)))
    elif found.volume.gigabytes != machine.gigabytes:
        cost = prices.volume(machine.gigabytes) - prices.volume(found.volume.gigabytes)
        what = f"{machine.gigabytes} GB instead of {found.volume.gigabytes}"
        made.append(Step("change", "volume", host, what, cost))
    return [*made, *_server(wanted, found, prices)]


def _server(wanted: Wanted, found: Found, prices: Prices) -> Iterator[Step]:
    host, machine, server = wanted.host, wanted.machine, found.server
    cost = prices.server(machine.type, machine.location)
    if server is None:
        yield Step("create", "server", host, f"{machine.type} in {machine.location}, {IMAGE}", cost)
        return
    for family in FAMILIES:
        if family not in found.addresses or not found.addresses[family].attached:
            yield Step("change", "attached address", family, host, off=True)
    if not server.shielded:
        yield Step("change", "attached firewall", host, host)
    if found.volume is None or not found.volume.attached:
        yield Step("change", "attached volume", host, host)
    if server.type != machine.type:
        before = prices.servers.get((server.type, machine.location), NOTHING)
        yield Step("change", "server", host, f"{machine.type} instead of {server.type}", cost - before, off=True)
    elif not server.runs:
        yield Step("change", "power", host, "on")


def _refuse_moves(wanted: Wanted, found: Found) -> None:
    """What is made stays where it is, and a volume does not shrink."""
    here = wanted.machine.location
    places: Iterable[tuple[str, Address | Volume | Server | None]] = [
        *((f"address ({family})", found.addresses.get(family)) for family in FAMILIES),
        ("volume", found.volume),
        ("server", found.server),
    ]
    for what, each in places:
        if each and each.location != here:
            raise CloudRefused(
                f"{wanted.host}: its {what} is in {each.location}, and territory.yml says {here}: what is made stays "
                f"where it is; write `location: {each.location}`"
            )
    if found.volume and found.volume.gigabytes > wanted.machine.gigabytes:
        raise CloudRefused(
            f"{wanted.host}: its volume has {found.volume.gigabytes} GB, and territory.yml says "
            f"{wanted.machine.gigabytes}: a volume does not shrink; write `volume: {found.volume.gigabytes} GB`"
        )


def bill(wanted: Wanted, prices: Prices) -> Price:
    """What a month of all of it costs."""
    machine = wanted.machine
    total = prices.server(machine.type, machine.location) + prices.volume(machine.gigabytes)
    for family in FAMILIES:
        total += prices.addresses.get((family, machine.location), NOTHING)
    return total


def _ports(rules: Iterable[Rule]) -> str:
    return "open for all: " + ", ".join(f"{port or ''}/{name}".lstrip("/") for name, port in sorted(rules, key=str))
