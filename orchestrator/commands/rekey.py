"""`rekey`: a new key for a territory, and all its secrets encrypted with it."""

from __future__ import annotations

import argparse

from orchestrator import engines, keys, secrets
from orchestrator.locations import mesh_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("territory", metavar="TERRITORY")


def run(arguments: argparse.Namespace) -> int:
    """Change the key."""
    [node] = engines.load(mesh_folder(arguments.mesh)).select([arguments.territory])
    count = secrets.rekey(node)
    print(f"{node.name}: new key in {keys.file(node.territory)}, {count} secrets encrypted with it")
    return 0
