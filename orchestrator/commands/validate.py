"""`validate`: check every file of the mesh, touch nothing."""

from __future__ import annotations

import argparse
import json

from orchestrator import mesh
from orchestrator.locations import mesh_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("territories", nargs="*", metavar="TERRITORY", help="default: all")


def run(arguments: argparse.Namespace) -> int:
    """Say that all is well, or raise with every problem."""
    loaded = mesh.load(mesh_folder(arguments.mesh), only=arguments.territories)
    nodes = loaded.select(arguments.territories)
    if arguments.json:
        print(json.dumps({"valid": [node.name for node in nodes]}))
    else:
        for node in nodes:
            print(f"{node.name}: valid; subscribers: {len(node.subscriptions.subscribers)}")
    return 0
