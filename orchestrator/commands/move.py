"""`move`: take contacts and calendars from radicale to Nextcloud, after `engine: nextcloud` in territory.yml."""

from __future__ import annotations

import argparse

from orchestrator import drills, report
from orchestrator.commands import add_archive_arguments, deploy, load_for_run
from orchestrator.errors import UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("territories", nargs=1, metavar="TERRITORY")
    add_archive_arguments(parser)
    drills.add_argument(parser)
    parser.add_argument("--no-verify", action="store_true", help="do not use the node from outside afterwards")


def run(arguments: argparse.Namespace) -> int:
    """Deploy the node with Nextcloud, move everything there, then set radicale's data aside; say what was left."""
    loaded, [node] = load_for_run(arguments)
    if node.territory.engine != "nextcloud":
        raise UsageError(
            f"{node.name}: write `engine: nextcloud` in its territory.yml first; `move` then takes contacts and "
            "calendars from radicale to Nextcloud"
        )
    outcome = deploy.deploy(loaded, [node], arguments, unproven=arguments.without_drill, move=True)
    if not arguments.json:
        for line in report.left(outcome):
            print(line)
    return deploy.conclude_run(arguments, [node], outcome)
