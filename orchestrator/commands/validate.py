"""`validate`: check every file of the mesh, touch nothing."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence

from orchestrator import cards, mesh
from orchestrator.errors import InvalidInventory, Problem
from orchestrator.findings import TERRITORY, Finding
from orchestrator.locations import mesh_folder
from orchestrator.model import Node


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("territories", nargs="*", metavar="TERRITORY", help="default: all")


def run(arguments: argparse.Namespace) -> int:
    """Say that all is well, or raise with every problem."""
    loaded = mesh.load(mesh_folder(arguments.mesh), only=arguments.territories)
    nodes = loaded.select(arguments.territories)
    if problems := list(_unknown_peers(loaded, nodes)):
        raise InvalidInventory(problems)
    if arguments.json:
        print(json.dumps({"valid": [node.name for node in nodes]}))
    else:
        for node in nodes:
            print(f"{node.name}: valid; subscribers: {len(node.subscriptions.subscribers)}")
    return 0


def _unknown_peers(loaded: mesh.Mesh, nodes: Sequence[Node]) -> Iterator[Problem]:
    """Peers that are to keep backups, and whose card is not here; the cards are read, too."""
    known = set(cards.held(loaded.folder)) | {node.name for node in loaded.nodes.values() if node.territory.is_lab}
    for node in nodes:
        for index, name in enumerate(node.territory.services.backup.to if node.territory.services.backup else ()):
            if name not in known:
                at = ("services", "backup", "to", index)
                message = f"{name} is no peer whose card is here; `card import` it first"
                yield mesh.problem(Finding(node, TERRITORY, at, message), {})
