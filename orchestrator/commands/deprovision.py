"""`deprovision`: give back what was rented for a territory's host; what must outlive it stays, unless asked for."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import Any

from orchestrator import dns_update, engines, node_status, provisioning, publication
from orchestrator.commands import conclude
from orchestrator.errors import DnsRefused, HostError, UsageError
from orchestrator.locations import mesh_folder
from orchestrator.model import Node
from orchestrator.progress import note

DAY = 86400  # seconds
COPIES = 2  # at peers


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("territory", metavar="TERRITORY")
    parser.add_argument(
        "--everything", action="store_true", help="also the volume with its data, the addresses, and what DNS holds"
    )
    parser.add_argument(
        "--without-backup", action="store_true", help=f"also without a backup of today, found whole at {COPIES} peers"
    )


def run(arguments: argparse.Namespace) -> int:
    """Say what goes and what stays, ask, and do it."""
    [node] = engines.load(mesh_folder(arguments.mesh)).select([arguments.territory])
    things = provisioning.things(node, note)
    found = things.found()
    met = node.territory.host.ssh is not None
    at_risk = (met and found.server is not None) or (arguments.everything and found.volume is not None)
    if at_risk and not arguments.without_backup and (why := _refusal(node)):
        raise UsageError(f"{node.name}: {why}; a backup first (`backup run {node.name}`), or say --without-backup")
    going, staying = things.made(kept=False), things.made(kept=True)
    if arguments.everything:
        going, staying = [*going, *staying], []
    records = _records(node) if arguments.everything else None
    for what, _ in going:
        print(f"goes   {what}", file=sys.stderr)
    for step in records.chosen if records else ():
        print(f"goes   {publication.words(step)}", file=sys.stderr)
    for what, _ in staying:
        print(f"stays  {what}, and is paid for", file=sys.stderr)
    if not going and node.territory.host.address.all:
        print("nothing of it is in the project of this token; territory.yml forgets where it was", file=sys.stderr)
    if going or (records and records.chosen) or node.territory.host.address.all:
        _ask(node)
    if records:
        records.publish()
    for what, give_back in going:
        note(f"giving back {what}")
        give_back()
    provisioning.forget(node, "ssh", *(("address",) if arguments.everything else ()))
    gone = [what for what, _ in going] + [publication.words(step) for step in (records.chosen if records else ())]
    answer = {"gone": gone, "stays": [what for what, _ in staying]}
    if not arguments.json:
        print(f"{node.name}: given back: {', '.join(answer['gone']) or 'nothing, there was nothing'}")
    return conclude(answer, None, as_json=arguments.json)


def _records(node: Node) -> publication.Publication | None:
    """What is to be taken out of the DNS; what cannot be is said, and keeps nothing else from being given back."""
    if dns_update.published(node) and node.territory.dns is None:
        note(f"{node.name}: records that dns.json lists stay where they were published: `dns:` is not in territory.yml")
    try:
        return publication.look(node, none=True)
    except DnsRefused as error:
        note(f"{node.name}: the DNS is left as it is: {error}")
        return None


def _ask(node: Node) -> None:
    print(f"Write the territory's name to go on: {node.name}? ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip() != node.name:
        raise UsageError(f"that is not {node.name}: nothing was given back")


def _refusal(node: Node) -> str | None:
    """Why the host must not go yet; None when its data is safe elsewhere."""
    if not node.territory.services.backup:
        return "it makes no backups"
    try:
        found = node_status.ask(node)
    except HostError as error:
        return f"its host does not say whether there is a backup ({error})"
    good = whole(found)
    if len(good) >= COPIES:
        return None
    where = " and ".join(good) or "no peer"
    return f"a backup of the last 24 hours was found whole at {where}, and {COPIES} peers must have one"


def whole(found: Mapping[str, Any]) -> list[str]:
    """The peers that hold a backup of the last 24 hours, found whole; `found` is what a host says of itself."""
    repositories = found.get("repositories", {})
    return sorted(
        name
        for name, entry in repositories.items()
        if name in found["peers"] and not entry.get("error")
        if found["now"] - DAY < entry.get("made", 0) <= entry.get("checked", 0)
    )
