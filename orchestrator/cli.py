"""The command line: one table of commands, one place where errors end.

Each command is a module of `orchestrator.commands` with `add_arguments(parser)` and `run(arguments) -> int`, imported
only when it is the one that was asked for: `--help` stays instant.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
from collections.abc import Sequence
from errno import ENOSPC
from importlib import import_module
from typing import Any, NamedTuple

from orchestrator import __version__, cloud_token
from orchestrator.errors import MaillageError

INTERRUPTED = 130


class Command(NamedTuple):
    """One line of the table."""

    help: str
    reports: bool = False  # takes --json


COMMANDS = {
    "init": Command("write a new territory, with its secrets"),
    "validate": Command("check every file of the mesh", reports=True),
    "schema": Command("print the JSON Schema of territory.yml, for editors"),
    "inventory": Command("print Ansible's inventory of the mesh"),
    "provision": Command("rent what a territory's host needs at Hetzner Cloud", reports=True),
    "deprovision": Command("give back what was rented for a territory's host", reports=True),
    "plan": Command("show what deploy would change", reports=True),
    "deploy": Command("make territories what their files say, and verify them", reports=True),
    "move": Command("take contacts and calendars from radicale to Nextcloud", reports=True),
    "verify": Command("use a node from outside, as a subscriber would", reports=True),
    "dns": Command("print, compare or publish the DNS records of a territory", reports=True),
    "subscriber": Command("add, suspend, resume, remove or list subscribers"),
    "credentials": Command("list, show or renew the secrets of a territory", reports=True),
    "status": Command("say how a node is: backups, drills, peers, certificates, disk", reports=True),
    "doctor": Command("say what to look at first on a node that has trouble", reports=True),
    "graphs": Command("draw what was measured on a node, into one page"),
    "incident": Command("tell subscribers something on the status page, and that it is over"),
    "backup": Command("make a backup now, practise a restore, list what can be restored"),
    "restore": Command("bring a lost node back, or a part of what one subscriber had", reports=True),
    "card": Command("show, export, import and verify the cards that territories exchange"),
    "recovery": Command("share a territory's key among holders, on paper, and get it back from them"),
    "rekey": Command("give a territory a new key"),
    "lab": Command("start, remove or show the lab of this machine"),
}

EPILOG = """exit codes:
  0 done   1 unexpected error   2 wrong command line   3 invalid inventory, or a key, secret or archive missing or wrong
  4 name server or cloud refused
  5 host unreachable or unfit   6 deployment failed   7 verification failed   8 host locked   9 backup or restore failed
  130 interrupted
"""


class _CommandParser(argparse.ArgumentParser):
    """Imports its command's module once it has to read that command's arguments."""

    command = ""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:  # noqa: ANN401  (argparse's own)
        if self.command:
            module = import_module(f"orchestrator.commands.{self.command}")
            module.add_arguments(self)
            self.set_defaults(run=module.run)
            self.command = ""
        return super().parse_known_args(args, namespace)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: without the program's name; those of the process by default.

    Returns:
        The exit code.
    """
    parsed: argparse.Namespace | None = None
    cloud_token.take()
    # No crash dump of this process, nor of one that it starts: it would hold keys.
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    try:
        parsed = _parser().parse_args(arguments)
        code: int = parsed.run(parsed)
        sys.stdout.flush()
    except MaillageError as error:
        _report(error, as_json=getattr(parsed, "json", False))
        return error.exit_code
    except KeyboardInterrupt:
        print("Interrupted; run the same command again to finish.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if os.environ.get("MAILLAGE_DEBUG") == "1":
            raise
        print(_unforeseen(error), file=sys.stderr)
        return 1
    return code


def _unforeseen(error: Exception) -> str:
    """What no command foresaw, in one sentence. Its own text stays out: it may hold anything, a secret too."""
    if isinstance(error, EOFError):
        return "The input ended before the question was answered; nothing was done."
    if isinstance(error, ModuleNotFoundError) and not str(error.name).startswith("orchestrator"):
        return f"This Python has no {error.name}: run `make setup`, then `. .venv/bin/activate`."
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}; check its owner and mode, and the room on the disk."
    if isinstance(error, OSError) and error.errno == ENOSPC:
        return "The output could not be written: there is no space left where it goes."
    return f"Unexpected {type(error).__name__}: a defect of maillage; MAILLAGE_DEBUG=1 shows where, please report it."


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="maillage",
        description="A libre cloud, territory by territory.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"maillage {__version__}")
    _add_mesh(parser, default=None)
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=_CommandParser)
    for name, command in COMMANDS.items():
        subparser = commands.add_parser(
            name, help=command.help, description=f"{command.help[0].upper()}{command.help[1:]}."
        )
        subparser.command = name
        _add_mesh(subparser, default=argparse.SUPPRESS)
        if command.reports:
            subparser.add_argument("--json", action="store_true", help="report as JSON on standard output")
    return parser


def _add_mesh(parser: argparse.ArgumentParser, default: str | None) -> None:
    text = "the mesh folder (default: MAILLAGE_MESH, else the sample of this clone)"
    parser.add_argument("--mesh", metavar="FOLDER", default=default, help=text)


def _report(error: MaillageError, as_json: bool) -> None:
    if as_json:
        import json

        problems = [
            {
                "path": str(found.path),
                "line": found.line,
                "column": found.column,
                "field": found.field,
                "message": found.message,
            }
            for found in getattr(error, "problems", [])
        ]
        print(json.dumps({"error": str(error), "exit_code": error.exit_code, "problems": problems}, ensure_ascii=False))
    print(error, file=sys.stderr)
