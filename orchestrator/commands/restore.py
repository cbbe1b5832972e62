"""`restore`: bring a lost node back on a new host, or what one subscriber had into a folder beside."""

from __future__ import annotations

import argparse
import json
import re
import shlex
from datetime import datetime

from orchestrator import fields, host_backup, hosts
from orchestrator.commands import add_archive_arguments, deploy, load_for_run
from orchestrator.errors import UsageError
from orchestrator.mesh import Mesh
from orchestrator.model import Node
from orchestrator.progress import note


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("territories", nargs=1, metavar="TERRITORY")
    parser.add_argument(
        "--at",
        type=_moment,
        metavar="TIME",
        help="as it was then, as `backup list` writes it, or a day; default: the newest",
    )
    parser.add_argument(
        "--replace", action="store_true", help="also on a node that is in use: what is there is set aside"
    )
    parser.add_argument("--subscriber", type=_login, metavar="UID", help="only what this one had, into a folder beside")
    parser.add_argument(
        "--path", type=_below, metavar="PATH", help="with --subscriber: only this file or folder of theirs"
    )
    add_archive_arguments(parser)
    parser.add_argument("--no-verify", action="store_true", help="do not use the node from outside afterwards")


def _moment(text: str) -> str:
    """The end of a day, a minute or a second, as the host understands it; without a zone, of this machine's."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("write a day or a time, such as 2027-03-01T12:00") from None
    if re.fullmatch(r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}", text):
        moment = moment.replace(hour=23, minute=59)
    if not re.search(r":[0-9]{2}:[0-9]{2}", text):
        moment = moment.replace(second=59)
    return moment.replace(microsecond=999_999).astimezone().isoformat()


def _login(text: str) -> str:
    if not re.fullmatch(fields.LOGIN_NAME, text):
        raise argparse.ArgumentTypeError("write the subscriber's login name")
    return text


def _below(text: str) -> str:
    if not text.strip("/") or {"", ".", ".."} & set(text.strip("/").split("/")):
        raise argparse.ArgumentTypeError("write a path below what the subscriber has, such as Photos/2026")
    return text.strip("/")


def run(arguments: argparse.Namespace) -> int:
    """Deploy where need be, restore, deploy again so that all of it fits, verify."""
    if arguments.path and not arguments.subscriber:
        raise UsageError("--path goes with --subscriber: whose path is it?")
    at = ["--at", arguments.at] if arguments.at else []
    if arguments.subscriber:
        _, [node] = load_for_run(arguments)
        path = ["--path", arguments.path] if arguments.path else []
        if arguments.replace:
            raise UsageError("--replace is for a whole node: with --subscriber nothing is replaced")
        folder = host_backup.extract(node, [arguments.subscriber, *path, *at], note)
        text = f"restored on the host of {node.name}, beside what is there: {folder}"
        print(json.dumps({"territory": node.name, "folder": folder}) if arguments.json else text)
        return 0
    for node in load_for_run(arguments)[1]:
        host_backup.require_declared(node)
    loaded, [node], before = deploy.ready(arguments)
    words = [*at, *(["--replace"] if arguments.replace else [])]
    state = host_backup.state(node)
    if state == f"restored {shlex.join(words)}".strip():
        note(f"{node.name}: what you ask is restored already; what is left is to deploy and verify")
        return _conclude(loaded, node, arguments)
    if state.startswith("restored"):
        state = "in use"
    if state == "in use" and not arguments.replace:
        raise UsageError(
            f"{node.name} is in use and has its own backups; for a part of what was there, say --subscriber; "
            "--replace sets what is there aside, and restores all"
        )
    # A node that is half restored is not deployed: its services would begin on what is there so far.
    if state != "restoring":
        first = deploy.deploy(loaded, [node], arguments, unproven=True)
        if first.failures or first.interrupted:
            return deploy.conclude_run(arguments, [node], first, before)
    with hosts.locked([node]):
        host_backup.restore(node, words, note)
    return _conclude(loaded, node, arguments)


def _conclude(loaded: Mesh, node: Node, arguments: argparse.Namespace) -> int:
    outcome = deploy.deploy(loaded, [node], arguments, unproven=True)
    if not (outcome.failures or outcome.interrupted):
        host_backup.concluded(node)
    return deploy.conclude_run(arguments, [node], outcome)
