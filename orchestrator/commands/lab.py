"""`lab`: the small internet on this machine that territories with `provider: lab` live in."""

from __future__ import annotations

import argparse
import json
import shutil
from contextlib import suppress

from orchestrator import mesh
from orchestrator.errors import UsageError
from orchestrator.explain import closest
from orchestrator.locations import mesh_folder, state_folder
from orchestrator.providers.lab import HostStatus, Lab
from orchestrator.providers.lab_provider import INTERNET, specification
from orchestrator.ssh import remove_control_directory

PURGED = ("lab", "keys", "secrets", "cards")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    up = actions.add_parser("up", help="start the lab's internet and the territories' hosts")
    up.add_argument("territories", nargs="*", metavar="TERRITORY", help="default: all lab territories of the mesh")
    down = actions.add_parser("down", help="remove hosts with all their data; without names, the network too")
    down.add_argument("hosts", nargs="*", metavar="HOST", help="or its territory; default: all")
    down.add_argument(
        "--purge", action="store_true", help="also the image, downloads, keys, secrets and cards of the lab"
    )
    status = actions.add_parser("status", help="what is there")
    status.add_argument("--json", action="store_true", help="report as JSON on standard output")


def run(arguments: argparse.Namespace) -> int:
    """Do what is asked."""
    lab = Lab()
    if arguments.action == "up":
        loaded = mesh.load(mesh_folder(arguments.mesh), only=arguments.territories)
        nodes = loaded.select(arguments.territories)
        specs = [
            specification(node.name, host) for node in nodes for host in node.territory.hosts if host.provider == "lab"
        ]
        lab.up([INTERNET, *specs], _say)
        _show(lab.status())
    elif arguments.action == "down":
        _down(lab, arguments.hosts, purge=arguments.purge)
    elif arguments.json:
        print(json.dumps([_as_json(host) for host in lab.status()]))
    else:
        _show(lab.status())
    return 0


def _down(lab: Lab, names: list[str], *, purge: bool) -> None:
    if names:
        known = [host.spec.name for host in lab.status()]
        # A territory has one host for now, and is what everybody calls it.
        of_territory = {name.partition(".")[2]: name for name in known}
        names = [name if name in known else of_territory.get(name, name) for name in names]
        if unknown := [name for name in names if name not in known]:
            raise UsageError(f"there is no lab host {unknown[0]!r}; {closest(unknown[0], known)}")
        for name in names:
            lab.destroy(name)
            _say(f"{name} is removed")
        return
    lab.down(_say)
    if purge:
        for part in PURGED:
            shutil.rmtree(state_folder() / part, ignore_errors=True)
        with suppress(OSError):  # it holds something that is not ours, or is gone already
            state_folder().rmdir()
        remove_control_directory()


def _show(hosts: list[HostStatus]) -> None:
    for host in hosts:
        addresses = " ".join((*host.spec.ipv4, *host.spec.ipv6))
        print(f"{host.spec.name:24} {'running' if host.running else 'stopped':8} {addresses}")
    if not hosts:
        print("no lab host; `lab up` makes them")


def _as_json(host: HostStatus) -> dict[str, object]:
    spec = host.spec
    return {
        "name": spec.name,
        "running": host.running,
        "ipv4": spec.ipv4,
        "ipv6": spec.ipv6,
        "disk_bytes": spec.disk_bytes,
        "image": spec.base,
    }


def _say(line: str) -> None:
    print(line, flush=True)
