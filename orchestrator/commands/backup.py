"""`backup`: make one now, practise a restore, list what can be restored, or show the key for a server of one's own."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import datetime

from orchestrator import backup_vars, engines, host_backup, secrets
from orchestrator.errors import UsageError
from orchestrator.locations import mesh_folder
from orchestrator.progress import note
from orchestrator.report import size


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    actions = parser.add_subparsers(
        dest="action", metavar="ACTION", required=True, parser_class=argparse.ArgumentParser
    )
    for name, text in (
        ("run", "make one now, as each night"),
        ("drill", "restore the newest one into a scratch place of the host, and compare, as each week"),
        ("list", "the backups that can be restored"),
        ("key", "the public key to let in at the server that `sftp` names"),
        ("begin-anew", "let backups follow those of an earlier host that nobody wants back"),
    ):
        action = actions.add_parser(name, help=text, description=f"{text.capitalize()}.")
        action.add_argument("territory", metavar="TERRITORY")
        if name == "list":
            action.add_argument("--json", action="store_true", help="report as JSON on standard output")
        if name == "begin-anew":
            action.add_argument("--yes", action="store_true", help="do not ask")


def run(arguments: argparse.Namespace) -> int:
    """Do what is asked."""
    [node] = engines.load(mesh_folder(arguments.mesh)).select([arguments.territory])
    if arguments.action in ("run", "drill"):
        host_backup.run(node, arguments.action, lambda line: print(line, flush=True))
    elif arguments.action == "key":
        print(backup_vars.public_key(secrets.reveal(node, "backup.key").get_secret_value(), node))
    elif arguments.action == "begin-anew":
        if not arguments.yes:
            question = f"Does nobody want back what an earlier host of {node.name} had saved? [yes/no] "
            if not sys.stdin.isatty() or input(question).strip().lower() not in ("yes", "oui"):
                raise UsageError("nothing is changed; say --yes to do it without a question")
        host_backup.begin_anew(node)
        print(f"the next backup of {node.name} follows those that are there; they stay until peers retire them")
    else:
        found = host_backup.backups(node, note)
        if arguments.json:
            print(json.dumps(found, indent=2))
        else:
            for each in found:
                count = f"{each['files']} files, {size(each['bytes'])}" if each["files"] is not None else ""
                made = datetime.fromisoformat(each["time"]).astimezone().isoformat(timespec="seconds")
                print(f"{made}  {each['at']:20} {count}")
            if not found:
                print(f"no backup of {node.name} is there yet: `backup run {node.name}` makes one")
    return 0
