"""`deploy`: make one territory, several, or all of them what their files say, then use them as a subscriber would."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from orchestrator import (
    accounts,
    ansible_vars,
    deployment,
    drills,
    engines,
    host_backup,
    hosts,
    progress,
    provisioning,
    publication,
    report,
    secrets,
)
from orchestrator.commands import add_archive_arguments, conclude, load_for_run, provision
from orchestrator.errors import (
    BackupFailed,
    DeployFailed,
    HostError,
    HostUnreachable,
    MaillageError,
    PreflightRefused,
    UsageError,
    VerificationFailed,
)
from orchestrator.mesh import Mesh
from orchestrator.model import Node, Release
from orchestrator.outcome import Failure, Outcome

if TYPE_CHECKING:
    from orchestrator.preflight import Facts
    from orchestrator.verify.check import Check


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("territories", nargs="*", metavar="TERRITORY")
    parser.add_argument("--all", action="store_true", help="every territory of the mesh, in parallel")
    add_archive_arguments(parser)
    drills.add_argument(parser)
    parser.add_argument("--no-verify", action="store_true", help="do not use the node from outside afterwards")


def run(arguments: argparse.Namespace) -> int:
    """Deploy, verify, say what was done and what comes next."""
    if bool(arguments.territories) == arguments.all:
        raise UsageError("name the territories to deploy, or say --all")
    loaded, nodes, before = ready(arguments)
    outcome = deploy(loaded, nodes, arguments, unproven=arguments.without_drill)
    code = conclude_run(arguments, nodes, outcome, before)
    if code == 0:
        for node in nodes:
            _tell_of_earlier_backups(node)
    return code


def ready(arguments: argparse.Namespace) -> tuple[Mesh, list[Node], dict[str, Any]]:
    """Rent what is missing, and publish the records; no host is made before its archive, secrets and zone are there.

    Returns:
        The mesh and the chosen territories, as their files say by then; what was done, by `cloud` and `dns`.
    """
    loaded, nodes = load_for_run(arguments)
    new = [(node, "") for node in nodes if not hosts.exists(node)]
    deployment.releases_for(new, arguments.nextcloud_archive, allow_unsigned=arguments.allow_unsigned_archive)
    for node, _ in new:
        if provisioning.is_rented(node):
            _refuse_early(node)
    done: dict[str, Any] = {"cloud": {}, "dns": {}}
    for node in nodes:
        if rental := provision.look(node):
            if not arguments.json:
                print("\n".join(provision.lines(rental)), flush=True)
            provision.provide(rental, lambda: load_for_run(arguments, again=True)[0])
            done["cloud"][node.name] = provision.answer(rental)
    if done["cloud"]:
        loaded, nodes = load_for_run(arguments, again=True)
    for node in nodes:
        if records := publication.look(node):
            records.publish()
            done["dns"][node.name] = [asdict(step) for step in records.steps]
            for step in records.steps:
                if not arguments.json and step.action != "leave":
                    print(f"  {node.name:12} {publication.words(step)}", flush=True)
    return loaded, nodes, done


def _refuse_early(node: Node) -> None:
    """What would stop the deployment later stops it before anything is rented: secrets, their key, and the zone."""
    secrets.ensure(node)
    for name in secrets.names(node):
        secrets.reveal(node, name)
    publication.keeper(node)


def _tell_of_earlier_backups(node: Node) -> None:
    """A node that has never made a backup may stand where another one was lost."""
    if not node.territory.services.backup or host_backup.state(node):
        return
    try:
        found = host_backup.backups(node, lambda _: None)
    except BackupFailed:
        return  # nobody answers yet: `status` and the first backup will say so
    if found:
        progress.note(
            f"{node.name}: there are backups of an earlier host of it, the last of {found[-1]['time'][:16]} UTC: "
            f"`restore {node.name}` brings everything back; if nobody wants it, `backup begin-anew {node.name}`"
        )


def conclude_run(
    arguments: argparse.Namespace, nodes: Sequence[Node], outcome: Outcome, before: Mapping[str, Any] | None = None
) -> int:
    """Say what was done, verify, and say what comes next; `before` is what was done before it."""
    answer: dict[str, Any] = {**(before or {}), **outcome.as_data()}
    if not arguments.json:
        for line in _done(outcome):
            print(line)
    if outcome.interrupted:
        raise KeyboardInterrupt
    names = {ansible_vars.host_name(node): node for node in nodes}
    ended = {failure.host for failure in outcome.failures}
    # Where something else than a node failed, such as the lab's internet, no node was finished.
    sound = [node for name, node in names.items() if name not in ended] if ended <= set(names) else []
    working = True
    if sound and not arguments.no_verify:
        from orchestrator.commands.verify import verify_nodes

        checks = answer["checks"] = []

        def say(node: Node, check: Check) -> None:
            checks.append({"territory": node.name, **asdict(check)})
            if not arguments.json:
                print(f"  {node.name:12} {check}", flush=True)

        working = verify_nodes(sound, say)
    error: MaillageError | None = None
    if outcome.failures:
        error = DeployFailed(f"{report.failures(outcome)}\nMend that and run the same command again: it goes on.")
    elif not working:
        error = VerificationFailed("deployed, but not all of it works as a subscriber would use it: see FAIL above")
    elif not arguments.json:
        for node in nodes:
            print("\n".join(_next(node)))
    return conclude(answer, error, as_json=arguments.json)


def deploy(
    loaded: Mesh, nodes: Sequence[Node], arguments: argparse.Namespace, *, unproven: bool, move: bool = False
) -> Outcome:
    """Have the hosts up and converge them, alone on each.

    Args:
        loaded: the whole mesh.
        nodes: the chosen ones.
        arguments: where the archive comes from.
        unproven: take risks also where no restore of the backups was practised lately.
        move: also take to Nextcloud what radicale holds.
    """
    archive, allow_unsigned = arguments.nextcloud_archive, arguments.allow_unsigned_archive
    archives = deployment.app_archives(nodes, archive, allow_unsigned=allow_unsigned)
    facts, refused = hosts.ensure(nodes, move=move)
    known = all(each.node for each in facts.values())
    reached = [node for node in nodes if node.name in facts]
    for node in reached:
        engines.record(node)
        # One that is in service already is watched by its monitoring.
        for sentence in () if facts[node.name].mailboxes else hosts.mail_notices(node):
            progress.note(f"{node.name}: mail: {sentence}")
    present = [(node, facts[node.name].nextcloud) for node in reached]
    releases = deployment.releases_for(present, archive, allow_unsigned=allow_unsigned)
    if not unproven:
        refused |= _unproven(present, releases, facts, move=move)
    reached = [node for node in reached if node.name not in refused]
    if not reached:
        hosts.require(refused)
    with hosts.locked(reached, internet=True) as lost:
        refused |= lost
        reached = [node for node in reached if node.name not in lost]
        with (
            deployment.prepared(loaded, reached, releases=releases, archives=archives) as ansible,
            progress.shown("deploy" if known else "deploy-first") as listener,
        ):
            outcome = ansible(listener=listener)
            if move and not (outcome.failures or outcome.interrupted):
                left_out = {"nextcloud_move_leave_out": [accounts.VERIFY, accounts.SECOND]}
                outcome += ansible("move.yml", variables=left_out, listener=listener)
    outcome.failures += [failure for node in nodes if node.name in refused for failure in _refused(node, refused)]
    return outcome


def _unproven(
    present: Sequence[tuple[Node, str]], releases: Mapping[str, Release], facts: Mapping[str, Facts], *, move: bool
) -> dict[str, HostError]:
    """By the node's name, why one whose data would be at risk must wait."""
    found: dict[str, HostError] = {}
    for node, release in present:
        what = "a move to Nextcloud" if move else "another release of Nextcloud"
        if (move or (release and node.name in releases)) and (why := drills.refusal(facts[node.name], node.name, what)):
            found[node.name] = PreflightRefused(f"{ansible_vars.host_name(node)}: {why}")
    return found


def _refused(node: Node, refused: Mapping[str, HostError]) -> Iterator[Failure]:
    """One for each reason why a host could not be used, while others could."""
    host, error = ansible_vars.host_name(node), refused[node.name]
    for line in str(error).splitlines():
        yield Failure(host, "", "", line.removeprefix(f"{host}: "), isinstance(error, HostUnreachable))


def _done(outcome: Outcome) -> Iterator[str]:
    yield from report.changes(outcome, each=False)
    yield from report.notices(outcome)
    if outcome.interrupted:
        yield "interrupted: the task that was under way may have changed more than is listed"
        return
    yield f"{len(outcome.changes)} changes; time: {report.times(outcome)}" if outcome.changes else "nothing to change"


def _next(node: Node) -> Iterator[str]:
    """What the partner can do now."""
    domain, subscribers = node.territory.domain, node.subscriptions.subscribers
    me = f"{sys.executable} -m orchestrator"
    yield f"{node.name} is ready: https://{domain}/"
    if node.territory.services.cloud:
        files = node.territory.engine == "nextcloud"
        offer = "files, photos, contacts and calendar" if files else "contacts and calendar"
        yield f"  {offer}: https://cloud.{domain}/{'' if files else ' (this engine offers no files)'}"
    if node.territory.services.mail:
        yield f"  mail: addresses @{', @'.join(node.territory.mail_domains)}, in a browser https://webmail.{domain}/"
    if ansible_vars.roles(node.territory).get("monitoring", {}).get("monitoring_mesh"):
        yield f"  status page, for subscribers: https://{domain}/status/"
    if first := next(iter(subscribers), None):
        yield f"  first password of {first}: {me} credentials {node.name} subscribers.{first}"
    if node.territory.is_lab:
        from orchestrator import lab_internet, lab_services

        yield f"  it lives on this machine alone: the resolver {lab_internet.RESOLVER[0]} knows its names,"
        yield f"  and its certificate is trusted by whoever trusts {lab_services.authorities()}"
