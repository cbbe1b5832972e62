"""`plan`: what `deploy` would do, in its order, from what is rented to what subscribers notice; touches nothing."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from orchestrator import (
    ansible_vars,
    deployment,
    dns,
    foreseen,
    hosts,
    mail_secrets,
    packages,
    progress,
    provisioning,
    publication,
    report,
)
from orchestrator.commands import add_archive_arguments, conclude, load_for_run, provision
from orchestrator.errors import DeployFailed, DnsRefused, MaillageError
from orchestrator.model import Node
from orchestrator.outcome import Outcome
from orchestrator.provisioning import NOBODY, Rental
from orchestrator.publication import Publication


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("territories", nargs="+", metavar="TERRITORY")
    add_archive_arguments(parser)
    parser.add_argument("--diff", action="store_true", help="also the differences inside files, secrets masked")


def run(arguments: argparse.Namespace) -> int:
    """Show the plan."""
    loaded, nodes = load_for_run(arguments)
    rentals = {node.name: rental for node in nodes if (rental := provision.look(node))}
    lost = [name for name, rental in rentals.items() if not rental.there]
    absent = [node.name for node in nodes if node.name in lost or not hosts.exists(node)]
    nodes = [provisioning.imagined(node) if node.name in absent else node for node in nodes]
    # A lab host that is not there is not made for a plan; the key of an existing one may have to be confirmed.
    existing = [node for node in nodes if not node.territory.is_lab and node.name not in absent]
    facts, refused = hosts.ensure(existing)
    hosts.require(refused)
    for node in nodes:
        if node.territory.is_lab and node.name not in absent:
            facts[node.name] = hosts.check(node)
    records: dict[str, Publication] = {}
    problems = []
    for node in nodes:
        try:
            if found := publication.look(node):
                records[node.name] = found
        except DnsRefused as refusal:
            problems.append(str(refusal))
    archive, unsigned = arguments.nextcloud_archive, arguments.allow_unsigned_archive
    present = [(node, facts[node.name].nextcloud if node.name in facts else "") for node in nodes]
    releases = deployment.releases_for(present, archive, allow_unsigned=unsigned)
    archives = deployment.app_archives(nodes, archive, allow_unsigned=unsigned)
    estimated = [node for node in nodes if node.name in absent]
    with (
        deployment.prepared(loaded, nodes, absent=estimated, releases=releases, archives=archives) as ansible,
        progress.shown("plan") as listener,
    ):
        outcome = ansible(check=True, listener=listener)
    versions = {node.name: packages.versions(node, outcome) for node in nodes if node.name not in absent}
    notices: dict[str, dict[str, Any]] = {}
    for node in nodes:
        rental = rentals.get(node.name)
        steps = rental.steps if rental else ()
        release = node.name in releases and bool(facts.get(node.name) and facts[node.name].nextcloud)
        notices[node.name] = {
            "downtime": list(foreseen.downtime(ansible_vars.host_name(node), outcome, steps, release=release)),
            "mail": [] if node.name in absent else hosts.mail_notices(node),
            "risk": foreseen.risk(node, facts.get(node.name), release=release, volume=bool(rental and rental.volume)),
        }
    if not arguments.json:
        _show(nodes, outcome, absent, rentals, records, versions, notices)
        if arguments.diff:
            for (host, path), text in outcome.diffs.items():
                print(f"--- {host}: {path}\n{text.rstrip()}")
    names = sorted(ansible_vars.host_name(node) for node in estimated)
    error: MaillageError | None = DnsRefused("\n".join(problems)) if problems else None
    if outcome.failures:
        error = DeployFailed(f"the plan is not complete:\n{report.failures(outcome)}")
    return conclude(
        {
            "cloud": {name: provision.answer(rental) for name, rental in rentals.items()},
            "dns": {name: [asdict(step) for step in found.steps] for name, found in records.items()},
            "packages": versions,
            "changes": [asdict(change) | {"estimated": change.host in names} for change in outcome.changes],
            "estimated": names,
            "foreseen": notices,
            "notices": outcome.as_data()["notices"],
        },
        error,
        as_json=arguments.json,
    )


def _stand_ins(node: Node) -> str:
    """What stands above in place of addresses that are not known yet."""
    found = node.territory.host.address.all
    return f"; {' and '.join(map(str, found))} stand for the addresses that it will get" if found == NOBODY.all else ""


def _show(
    nodes: Sequence[Node],
    outcome: Outcome,
    absent: Sequence[str],
    rentals: Mapping[str, Rental],
    records: Mapping[str, Publication],
    versions: Mapping[str, Mapping[str, str]],
    notices: Mapping[str, Mapping[str, Any]],
) -> None:
    for name, rental in rentals.items():
        print("\n".join([f"{name}: what is rented", *provision.lines(rental)]))
    for node in nodes:
        if node.name in records:
            chosen = [step for step in records[node.name].steps if step.action != "leave"]
            print(f"{node.name}: DNS{'' if chosen else ': nothing to change'}")
            print("".join(f"  {publication.words(step)}\n" for step in chosen), end="")
        elif not node.territory.is_lab:
            print(f"{node.name}: what its DNS must say, at your DNS provider:")
            for record in ansible_vars.zone(node.territory, mail_secrets.published(node)):
                print(f"  {dns.line(record)}")
    for node in nodes:
        if node.name in absent:
            there = node.name in rentals and rentals[node.name].there
            state = "was not met yet" if there else "does not exist yet"
            print(f"{ansible_vars.host_name(node)} {state}: estimated{_stand_ins(node)}")
        for name, version in versions.get(node.name, {}).items():
            print(f"  {ansible_vars.host_name(node):20} package {name} {version}")
    for line in (*report.changes(outcome, each=True), *report.notices(outcome)):
        print(line)
    if not outcome.changes:
        print("nothing to change")
    for node in nodes:
        for what, how_long in notices[node.name]["downtime"]:
            print(f"{node.name}: interrupted: {what}: {how_long}")
        for sentence in notices[node.name]["mail"]:
            print(f"{node.name}: mail: {sentence}")
        print(f"{node.name}: data at risk: {notices[node.name]['risk']}")
