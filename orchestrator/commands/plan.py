"""`plan`: what `deploy` would change, host by host and role by role; touches nothing."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict

from orchestrator import ansible_vars, deployment, dns, hosts, mail_secrets, progress, report
from orchestrator.commands import add_archive_arguments, conclude, load_for_run
from orchestrator.errors import DeployFailed
from orchestrator.model import Node
from orchestrator.outcome import Outcome


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("territories", nargs="+", metavar="TERRITORY")
    add_archive_arguments(parser)
    parser.add_argument("--diff", action="store_true", help="also the differences inside files, secrets masked")


def run(arguments: argparse.Namespace) -> int:
    """Show the plan."""
    loaded, nodes = load_for_run(arguments)
    absent = [node for node in nodes if not hosts.exists(node)]
    # A lab host that is not there is not made for a plan; the key of an existing one may have to be confirmed.
    existing = [node for node in nodes if not node.territory.is_lab]
    facts, refused = hosts.ensure(existing)
    hosts.require(refused)
    for node in nodes:
        if node.territory.is_lab and node not in absent:
            facts[node.name] = hosts.check(node)
    present = [(node, facts[node.name].nextcloud if node.name in facts else "") for node in nodes]
    releases = deployment.releases_for(
        present, arguments.nextcloud_archive, allow_unsigned=arguments.allow_unsigned_archive
    )
    archives = deployment.app_archives(
        nodes, arguments.nextcloud_archive, allow_unsigned=arguments.allow_unsigned_archive
    )
    with (
        deployment.prepared(loaded, nodes, absent=absent, releases=releases, archives=archives) as ansible,
        progress.shown("plan") as listener,
    ):
        outcome = ansible(check=True, listener=listener)
    estimated = sorted(ansible_vars.host_name(node) for node in absent)
    if not arguments.json:
        _show(nodes, outcome, estimated, diffs=arguments.diff)
    changes = [asdict(change) | {"estimated": change.host in estimated} for change in outcome.changes]
    error = DeployFailed(f"the plan is not complete:\n{report.failures(outcome)}") if outcome.failures else None
    return conclude(
        {"changes": changes, "estimated": estimated, "notices": outcome.as_data()["notices"]},
        error,
        as_json=arguments.json,
    )


def _show(nodes: Sequence[Node], outcome: Outcome, estimated: Sequence[str], *, diffs: bool) -> None:
    for host in estimated:
        print(f"{host} does not exist yet: estimated")
    for line in (*report.changes(outcome, each=True), *report.notices(outcome)):
        print(line)
    for node in nodes:
        if not node.territory.is_lab:
            print(f"{node.name}: what its DNS must say, at your DNS provider:")
            for record in ansible_vars.zone(node.territory, mail_secrets.published(node)):
                print(f"  {dns.line(record)}")
    if diffs:
        for (host, path), text in outcome.diffs.items():
            print(f"--- {host}: {path}\n{text.rstrip()}")
    if not outcome.changes:
        print("nothing to change")
