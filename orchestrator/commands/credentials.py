"""`credentials`: list, show or renew the secrets of a territory; a value is shown only when it is asked for by name."""

from __future__ import annotations

import argparse
import json

from orchestrator import engines, secrets
from orchestrator.errors import UsageError
from orchestrator.locations import mesh_folder
from orchestrator.model import Node
from orchestrator.secret_graph import PASSWORDS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("territory", metavar="TERRITORY")
    parser.add_argument("name", metavar="NAME", nargs="?", help="print this secret; without it, list the names")
    parser.add_argument("--renew", action="store_true", help="make NAME anew, and what depends on it; show nothing")


def run(arguments: argparse.Namespace) -> int:
    """List, show or renew."""
    [node] = engines.load(mesh_folder(arguments.mesh)).select([arguments.territory])
    if arguments.renew:
        if arguments.name is None:
            raise UsageError(f"name the secret to renew; `credentials {node.name}` lists them")
        _refuse_owned(node, arguments.name)
        renewed = secrets.renew(node, arguments.name)
        text = f"renewed: {', '.join(renewed)}; `deploy {node.name}` puts it in place"
        _print(arguments.json, {"renewed": renewed}, text)
    elif arguments.name is None:
        names = secrets.names(node)
        _print(arguments.json, {"names": names}, "\n".join(names))
    else:
        value = secrets.reveal(node, arguments.name).get_secret_value()
        _print(arguments.json, {"name": arguments.name, "value": value}, value)
    return 0


def _refuse_owned(node: Node, name: str) -> None:
    """A password that was given away belongs to its owner: no deployment would put a new one in place."""
    kind, _, uid = name.partition(".")
    if kind == PASSWORDS and secrets.stored_value(node, name) is not None:
        raise UsageError(f"a password belongs to its owner; `subscriber reset {node.name} {uid}` gives a new first one")


def _print(as_json: bool, report: dict[str, object], text: str) -> None:
    print(json.dumps(report) if as_json else text)
