"""`status`: what nodes say of themselves: backups, drills, peers, certificates, disk."""

from __future__ import annotations

import argparse
from typing import Any

from orchestrator import cards, engines, node_status
from orchestrator.commands import conclude
from orchestrator.errors import HostError, UsageError
from orchestrator.locations import mesh_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("territories", nargs="*", metavar="TERRITORY")
    parser.add_argument("--all", action="store_true", help="every territory of the mesh folder")


def run(arguments: argparse.Namespace) -> int:
    """Print a line for each thing that is known; exit 5 when a host could not be asked."""
    if bool(arguments.territories) == arguments.all:
        raise UsageError("name the territories, or say --all")
    answer: dict[str, Any] = {}
    silent: list[str] = []
    loaded = engines.load(mesh_folder(arguments.mesh))
    for node in loaded.select(arguments.territories):
        held = {card.territory: card.expires for card in cards.peers(node, loaded)}
        try:
            answer[node.name] = node_status.ask(node) | {"cards": held}
        except HostError as error:
            silent.append(str(error))
            continue
        if not arguments.json:
            for what, line in node_status.told(answer[node.name]):
                print(f"{node.name:12} {what:12} {line}")
    failed = HostError("\n".join(silent)) if silent else None
    return conclude(answer, failed, as_json=arguments.json)
