"""`incident`: tell subscribers something on the status page, and that it is over."""

from __future__ import annotations

import argparse
import json
import shlex
from datetime import datetime

from orchestrator import engines, hosts
from orchestrator.errors import HostError, UsageError
from orchestrator.files import UNWANTED
from orchestrator.locations import mesh_folder

PROGRAM = "/usr/lib/maillage/incident"
LONGEST = 500  # characters, as in roles/monitoring


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("territory", metavar="TERRITORY")
    parser.add_argument("text", nargs="?", type=_text, metavar="TEXT", help="what to tell, in French; without it, list")
    parser.add_argument("--en", type=_text, metavar="TEXT", help="the same in English")
    parser.add_argument("--over", action="store_true", help="whatever was told is over")


def _text(text: str) -> str:
    if not text.strip() or len(text) > LONGEST or UNWANTED.search(text) or "\n" in text:
        raise argparse.ArgumentTypeError(f"write one line of at most {LONGEST} characters, no invisible ones")
    return text.strip()


def run(arguments: argparse.Namespace) -> int:
    """Tell, end, or list."""
    if arguments.over and arguments.text:
        raise UsageError("say what is new, or --over; not both at once")
    if arguments.en and not arguments.text:
        raise UsageError("--en translates a text: write that first")
    [node] = engines.load(mesh_folder(arguments.mesh)).select([arguments.territory])
    host = hosts.made(node)
    told = json.dumps({"fr": arguments.text, "en": arguments.en or ""}) if arguments.text else ""
    action = "begin" if arguments.text else "over" if arguments.over else "list"
    script = f"test -x {PROGRAM} || exit 3; printf %s {shlex.quote(told)} | {PROGRAM} {action}"
    process = host.run(script)
    if process.returncode == 3:
        raise UsageError(f"{node.name} has no status page: write `monitoring: {{}}` and a mesh, and deploy")
    if process.returncode:
        raise HostError(f"{node.name}: it could not be told: {process.stderr.strip()}")
    told_so_far = json.loads(process.stdout)
    if not told_so_far:
        print(f"nothing is told of {node.name}")
    for each in told_so_far:
        begin, end = (_moment(each[name]) for name in ("begin", "end"))
        print(f"{begin} – {end:16}  {each['fr']}{' / ' if each['en'] else ''}{each['en']}")
    return 0


def _moment(seconds: float | None) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M") if seconds else "not over"
