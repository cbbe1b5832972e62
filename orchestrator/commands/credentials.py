"""`credentials`: list, show or renew the secrets of a territory; a value is shown only when it is asked for by name."""

from __future__ import annotations

import argparse
import json

from orchestrator import mesh, secrets
from orchestrator.errors import UsageError
from orchestrator.locations import mesh_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("territory", metavar="TERRITORY")
    parser.add_argument("name", metavar="NAME", nargs="?", help="print this secret; without it, list the names")
    parser.add_argument("--renew", action="store_true", help="make NAME anew, and what depends on it; show nothing")


def run(arguments: argparse.Namespace) -> int:
    """List, show or renew."""
    [node] = mesh.load(mesh_folder(arguments.mesh)).select([arguments.territory])
    if arguments.renew:
        if arguments.name is None:
            raise UsageError(f"name the secret to renew; `credentials {node.name}` lists them")
        renewed = secrets.renew(node, arguments.name)
        lines = [f"renewed: {name}; {_next(node.name, name)}" for name in renewed]
        _print(arguments.json, {"renewed": renewed}, "\n".join(lines))
    elif arguments.name is None:
        names = secrets.names(node)
        _print(arguments.json, {"names": names}, "\n".join(names))
    else:
        value = secrets.reveal(node, arguments.name).get_secret_value()
        _print(arguments.json, {"name": arguments.name, "value": value}, value)
    return 0


def _next(territory: str, name: str) -> str:
    kind, _, uid = name.partition(".")
    if kind == "subscribers":  # whoever has an account may have changed its password: nothing overwrites that unasked
        return (
            f"`deploy {territory}` gives it to a new account; for an existing one: `subscriber reset {territory} {uid}`"
        )
    return f"`deploy {territory}` puts it in place"


def _print(as_json: bool, report: dict[str, object], text: str) -> None:
    print(json.dumps(report) if as_json else text)
