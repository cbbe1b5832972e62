"""`restore`: bring a lost node back on a new host, or what one subscriber had into a folder beside."""

from __future__ import annotations

import argparse
from datetime import datetime

from orchestrator import host_backup, hosts
from orchestrator.commands import add_archive_arguments, deploy, load_for_run
from orchestrator.errors import UsageError
from orchestrator.progress import note


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("territories", nargs=1, metavar="TERRITORY")
    parser.add_argument(
        "--at", type=_moment, metavar="TIME", help="as it was then, for example 2027-03-01T12:00; default: the newest"
    )
    parser.add_argument(
        "--replace", action="store_true", help="also on a node that is in use: what is there is set aside"
    )
    parser.add_argument("--subscriber", metavar="UID", help="only what this one had, into a folder beside")
    parser.add_argument("--path", metavar="PATH", help="with --subscriber: only this file or folder of theirs")
    add_archive_arguments(parser)
    parser.add_argument("--no-verify", action="store_true", help="do not use the node from outside afterwards")


def _moment(text: str) -> str:
    """A time as the host understands it; one without a zone is of this machine's."""
    try:
        return datetime.fromisoformat(text).astimezone().isoformat()
    except ValueError:
        raise argparse.ArgumentTypeError("write a time such as 2027-03-01T12:00") from None


def run(arguments: argparse.Namespace) -> int:
    """Deploy where need be, restore, deploy again so that all of it fits, verify."""
    if arguments.path and not arguments.subscriber:
        raise UsageError("--path goes with --subscriber: whose path is it?")
    loaded, [node] = load_for_run(arguments)
    at = ["--at", arguments.at] if arguments.at else []
    if arguments.subscriber:
        path = ["--path", arguments.path] if arguments.path else []
        folder = host_backup.extract(node, [arguments.subscriber, *path, *at])
        print(f"restored on the host of {node.name}, beside what is there: {folder}")
        return 0
    state = host_backup.state(node)
    if state == "in use" and not arguments.replace:
        raise UsageError(
            f"{node.name} is in use and has its own backups; for a part of what was there, say --subscriber; "
            "--replace sets what is there aside, and restores all"
        )
    # A node that is half restored is not deployed: its services would begin on what is there so far.
    if state != "restoring":
        first = deploy.deploy(loaded, [node], arguments, unproven=True)
        if first.failures or first.interrupted:
            return deploy.conclude_run(arguments, [node], first)
    with hosts.locked([node]):
        replace = ["--replace"] if arguments.replace else []
        host_backup.restore(node, [*at, *replace], note)
    return deploy.conclude_run(arguments, [node], deploy.deploy(loaded, [node], arguments, unproven=True))
