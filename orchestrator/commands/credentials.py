"""`credentials`: the secrets of a territory; a value is shown only when asked for by name."""

from __future__ import annotations

import argparse
import getpass
import json
import sys

from orchestrator import engines, secrets
from orchestrator.errors import UsageError
from orchestrator.locations import mesh_folder
from orchestrator.model import Node
from orchestrator.secret_graph import PASSWORDS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("territory", metavar="TERRITORY")
    parser.add_argument("name", metavar="NAME", nargs="?", help="print this secret; without it, list the names")
    change = parser.add_mutually_exclusive_group()
    change.add_argument("--renew", action="store_true", help="make NAME anew, and what depends on it; show nothing")
    change.add_argument("--make", action="store_true", help="make what is not there yet; what is there stays as it is")
    change.add_argument("--set", action="store_true", help="give NAME, which only you know, over standard input")


def run(arguments: argparse.Namespace) -> int:
    """List, show, make, renew or give."""
    [node] = engines.load(mesh_folder(arguments.mesh)).select([arguments.territory])
    if arguments.renew:
        if arguments.name is None:
            raise UsageError(f"name the secret to renew; `credentials {node.name}` lists them")
        _refuse_owned(node, arguments.name)
        renewed = secrets.renew(node, arguments.name)
        text = f"renewed: {', '.join(renewed)}; `deploy {node.name}` puts it in place"
        if "mesh.card" in renewed:
            text += "; your peers see another key and refuse the next card: call them first (docs/mesh.md)"
        _print(arguments.json, {"renewed": renewed}, text)
    elif arguments.make:
        if arguments.name is not None:
            raise UsageError("--make makes every secret that is not there yet: leave NAME out")
        made = _made(node)
        text = f"made: {', '.join(made)}; keep the changed secrets.yml" if made else "nothing is missing"
        _print(arguments.json, {"made": made}, text)
    elif arguments.set:
        if arguments.name is None:
            raise UsageError("name the secret that you give, such as mail.smarthost")
        secrets.give(node, arguments.name, _typed(arguments.name))
        text = f"{arguments.name} is stored, encrypted; `deploy {node.name}` puts it in place"
        _print(arguments.json, {"given": arguments.name}, text)
    elif arguments.name is None:
        names = secrets.names(node)
        _print(arguments.json, {"names": names}, "\n".join(names))
    else:
        value = secrets.reveal(node, arguments.name).get_secret_value()
        _print(arguments.json, {"name": arguments.name, "value": value}, value)
    return 0


def _made(node: Node) -> list[str]:
    """Make what is missing; its names."""
    lacking = [name for name in secrets.names(node) if secrets.stored_value(node, name) is None]
    secrets.create_missing(node)
    return [name for name in lacking if secrets.stored_value(node, name) is not None]


def _typed(name: str) -> str:
    """One line from whoever gives it; nothing of it is shown."""
    value = getpass.getpass(f"{name}: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    if not value or not value.isprintable():
        raise UsageError(f"no {name} was given: one line, printable, on standard input")
    return value


def _refuse_owned(node: Node, name: str) -> None:
    """A password that was given away belongs to its owner: no deployment would put a new one in place."""
    kind, _, uid = name.partition(".")
    if kind == PASSWORDS and secrets.stored_value(node, name) is not None:
        raise UsageError(f"a password belongs to its owner; `subscriber reset {node.name} {uid}` gives a new first one")


def _print(as_json: bool, report: dict[str, object], text: str) -> None:
    print(json.dumps(report) if as_json else text)
