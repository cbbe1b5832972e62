"""What the API says, in the words of `rented`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

from orchestrator.errors import CloudRefused
from orchestrator.rented import Address, Family, Found, Price, Prices, Rule, Server, Volume, Wanted

if TYPE_CHECKING:
    from hcloud.firewalls.domain import FirewallRule

TERRITORY, HOST = "maillage.territory", "maillage.host"  # labels
EVERYWHERE = ["0.0.0.0/0", "::/0"]


def prices(found: Mapping[str, Any]) -> Prices:
    """What things cost."""

    def by_location(entries: Iterable[dict[str, Any]], name: str) -> dict[tuple[str, str], Price]:
        return {
            (entry[name], each["location"]): _price(each["price_monthly"])
            for entry in entries
            for each in entry["prices"]
        }

    return Prices(
        found["currency"],
        Decimal(found["vat_rate"]),
        by_location(found["server_types"], "name"),
        by_location(found["primary_ips"], "type"),
        _price(found["volume"]["price_per_gb_month"]),
    )


def found(keys: Iterable[Any], firewall: Any, addresses: Mapping[Family, Any], volume: Any, server: Any) -> Found:  # noqa: ANN401 - of their library, whose types name no more
    """The things of one host, each None where there is none; no more is asked for."""
    shields = server.public_net.firewalls if server else []
    return Found(
        keys=frozenset(map(public, keys)),
        rules=frozenset(map(_rule, firewall.rules)) if firewall else None,
        addresses={family: _address(each, server) for family, each in addresses.items()},
        volume=Volume(volume.size, _at(volume.server, server), volume.location.name) if volume else None,
        server=Server(
            server.server_type.name,
            server.location.name,
            server.status != "off",
            bool(firewall and [each.firewall.id for each in shields] == [firewall.id]),
        )
        if server
        else None,
    )


def public(key: Any) -> str:  # noqa: ANN401
    """An SSH key, as `type base64`."""
    return " ".join(key.public_key.split()[:2])


def rules(wanted: Iterable[Rule]) -> list[FirewallRule]:
    """Rules as they are written there."""
    from hcloud.firewalls.domain import FirewallRule

    return [
        FirewallRule("in", protocol, source_ips=EVERYWHERE, port=str(port) if port else None)
        for protocol, port in sorted(wanted, key=str)
    ]


def refuse_other_hosts(wanted: Wanted, things: Iterable[Any]) -> None:
    """See that what a territory has there is of the host that is asked for.

    Raises:
        CloudRefused: it is another's; somebody has given the host another name.
    """
    for each in things:
        host = each.labels.get(HOST, "")
        if host != wanted.host.partition(".")[0]:
            raise CloudRefused(
                f"{wanted.host}: what is rented for {wanted.territory} belongs to its host {host}: write "
                f"`name: {host}` back into territory.yml"
            )


def twice(wanted: Wanted, kind: str, names: str) -> CloudRefused:
    """There is more of something than a host has."""
    return CloudRefused(
        f"{wanted.host}: more than one of {kind} has the label {TERRITORY}={wanted.territory} ({names}); take it off "
        "the one that is not the node's"
    )


def named(kind: str, name: str) -> Any:  # noqa: ANN401
    """One of their kinds of thing, by its name."""
    from hcloud.locations.domain import Location
    from hcloud.server_types.domain import ServerType

    return {"Location": Location, "ServerType": ServerType}[kind](name=name)


def own(ip: str) -> str:
    """The address of a host: of IPv6, they give a whole network, and the host takes its first."""
    return str(ip_network(ip)[1]) if "/" in ip else ip


def _address(found: Any, server: Any) -> Address:  # noqa: ANN401
    address = own(found.ip)
    reverse = next((each["dns_ptr"] for each in found.dns_ptr if each["ip"] == address), "")
    attached = bool(server and found.assignee_id == server.id)
    return Address(address, reverse, attached, not found.auto_delete, found.location.name)


def _at(other: Any, server: Any) -> bool:  # noqa: ANN401
    return bool(server and other and other.id == server.id)


def _rule(found: FirewallRule) -> Rule:
    """A rule as it is; one that nothing here would write is unlike any of ours."""
    usual = found.direction == "in" and sorted(found.source_ips) == EVERYWHERE
    port = int(found.port) if found.port and found.port.isdigit() else None
    return (found.protocol if usual and (port or not found.port) else f"other {found.protocol}", port)


def _price(found: dict[str, str]) -> Price:
    return Price(Decimal(found["net"]), Decimal(found["gross"]))
