"""What one would look at first on a node that has trouble: from the host itself, or from outside when it is silent."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator import node_status
from orchestrator.card import Card
from orchestrator.errors import HostError, HostUnreachable, printable
from orchestrator.model import Node

# Alerts that others often follow from come first; those that are not named, after them, as the host gives them.
FIRST = ("DiskFilling", "MemoryShort", "ServiceDown", "PeerDown", "UnitFailed", "MailQueueStuck")
SECONDS = 10  # for a peer's answer
LARGEST = 100_000  # bytes of it
STATES = {"up": "all of it works", "partly": "a part does not answer", "down": "nothing answers"}


@dataclass(frozen=True)
class Finding:
    """One thing to look at: what is wrong, and the command that one gives first, with where (`on the host`, `here`)."""

    what: str
    where: str = ""
    command: str = ""

    def __str__(self) -> str:
        return f"{self.what}\n   {self.where}: {self.command}" if self.command else self.what


def findings(
    node: Node, peers: Iterable[Card], authority: Callable[[], ssl.SSLContext]
) -> tuple[list[Finding], HostError | None]:
    """What one would look at, most urgent first, nothing where all is well; and why the host could not be asked.

    Args:
        node: whose host.
        peers: who may have seen it when it does not answer itself.
        authority: gives what the certificates of these are checked with.
    """
    try:
        return list(judged(node.name, node_status.ask(node))), None
    except HostUnreachable as error:
        return [*silent(node), *seen(node.name, peers, authority())], error
    except HostError as error:
        return [], error


def judged(name: str, found: Mapping[str, Any]) -> Iterator[Finding]:
    """What a host says of itself, see `node_status.ask`: alerts, what is about to be one, what else is odd."""
    if found["restoring"]:
        yield Finding("A restore is not finished.", "here", f"python -m orchestrator restore {name}")
    alerts = found["alerts"] or []
    rank = {alert: place for place, alert in enumerate(FIRST)}
    for alert in sorted(alerts, key=lambda each: rank.get(each["labels"].get("alertname", ""), len(FIRST))):
        first = node_status.filled(alert, "first")
        where = "here" if first.startswith("python -m orchestrator") else "on the host"
        yield Finding(_said(alert, name), where, first)
    for alert in found["pending"]:
        yield Finding(f"Not long enough for an alert yet: {_said(alert, name)}")
    if found["alerts"] is None:
        yield Finding("Nothing watches it: `monitoring: {}` below services in its territory.yml, then `deploy`.")
    for unit in found["failed"]:
        if not any(alert["labels"].get("name") == unit for alert in alerts):
            yield Finding(f"{printable(unit)} has failed.", "on the host", f"systemctl status {printable(unit)}")


def _said(alert: Mapping[str, Any], name: str) -> str:
    """What an alert says, with whose it is where that is somebody else's."""
    of = alert["labels"].get("territory", name)
    return ("" if of == name else f"{printable(of)}: ") + node_status.filled(alert, "en")


def silent(node: Node) -> Iterator[Finding]:
    """A host that SSH does not reach: what of it answers all the same."""
    from orchestrator.verify.network import IPV4, IPV6
    from orchestrator.verify.ports import PATIENCE, knock

    ports = (80, 443, *((25, 993) if node.territory.services.mail else ()))
    for address in node.territory.host.address.all:
        answers = knock(str(address), ports, IPV6 if address.version == 6 else IPV4, PATIENCE)
        yield Finding(f"From here, at {address}: {', '.join(f'port {port} {said}' for port, said in answers.items())}.")
    yield Finding(
        "Is the machine on? Ask its provider's console. If it is lost with its disk:",
        "here",
        f"python -m orchestrator restore {node.name}",
    )


def seen(name: str, peers: Iterable[Card], authority: ssl.SSLContext) -> Iterator[Finding]:
    """What peers see of a territory, from their public status pages."""
    for card in peers:
        if card.offers.watches:
            yield Finding(f"{card.territory} sees it: {_view(name, card, authority)}.")


def _view(name: str, card: Card, authority: ssl.SSLContext) -> str:
    import httpx

    found = card.wireguard.reached_from(ipv4=True)
    address = f"[{found}]" if found and found.version == 6 else str(found)
    url, headers, below = f"https://{address}/status/status.json", {"Host": card.domain}, {"sni_hostname": card.domain}
    body = b""
    try:
        with (
            httpx.Client(verify=authority, timeout=SECONDS, trust_env=False) as client,
            client.stream("GET", url, headers=headers, extensions=below) as answer,
        ):
            for chunk in answer.raise_for_status().iter_bytes():
                body += chunk
                if len(body) > LARGEST:
                    return "it says more than it should"
        [said] = [each for each in json.loads(body) if each["name"] == name]
        return STATES.get(said["state"], "it does not know")
    except httpx.HTTPError as error:
        return f"its status page does not answer ({printable(str(error))})"
    except (ValueError, TypeError, KeyError):
        return "it says nothing of it"
