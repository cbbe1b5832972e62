"""`subscriber`: who has an account. Acts on the node in seconds and keeps `subscriptions.yml` true."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace

from orchestrator import deployment, drills, engines, hosts, preflight, report, secrets, subscriptions, yaml_edit
from orchestrator.errors import DeployFailed, HostError, HostLocked, PreflightRefused, UsageError, printable
from orchestrator.explain import closest
from orchestrator.locations import mesh_folder
from orchestrator.mesh import Mesh
from orchestrator.model import Node, Subscriptions
from orchestrator.subscriptions import Entries

STATES = {"suspend": "suspended", "resume": "active"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    actions = parser.add_subparsers(
        dest="action", metavar="ACTION", required=True, parser_class=argparse.ArgumentParser
    )
    add = _action(actions, "add", "make an account, with a first password")
    add.add_argument("--name", required=True, help="the name that is shown")
    add.add_argument("--mail", help="default: UID@ the territory's domain")
    add.add_argument("--plan", help="default: the territory's default plan")
    add.add_argument("--member-of", metavar="UID", help="shares the plan of this subscriber, who pays for it")
    _action(actions, "suspend", "refuse the login at once; everything is kept")
    _action(actions, "resume", "let a suspended subscriber in again")
    _action(actions, "reset", "give a new first password, for someone who has lost theirs")
    remove = _action(actions, "remove", "delete the account; its data is set aside on the host")
    remove.add_argument("--yes", action="store_true", help="do not ask")
    drills.add_argument(remove)
    show = actions.add_parser("list", help="who has an account")
    show.add_argument("territory", metavar="TERRITORY")
    show.add_argument("--json", action="store_true", help="report as JSON on standard output")


def _action(
    actions: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=text, description=f"{text.capitalize()}.")
    parser.add_argument("territory", metavar="TERRITORY")
    parser.add_argument("uid", metavar="UID", help="the login name")
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Do what is asked."""
    loaded = engines.load(mesh_folder(arguments.mesh))
    [node] = loaded.select([arguments.territory])
    if arguments.action == "list":
        _list(node, as_json=arguments.json)
        return 0
    uid, known = arguments.uid, node.subscriptions.subscribers
    if arguments.action == "add":
        _add(loaded, node, arguments)
        return 0
    if uid not in known:
        raise UsageError(f"{node.name} has no subscriber {printable(uid)!r}; {closest(uid, known)}")
    if arguments.action == "reset":
        secrets.renew(node, f"subscribers.{uid}")
        _act(loaded, node, directory_reset=[uid])
        _tell_password(node, uid)
        if node.territory.engine == "nextcloud":
            print("Apps that were let in stop within five minutes, and go on once the new password has been used.")
    elif arguments.action == "remove":
        _remove(loaded, node, uid, sure=arguments.yes, unproven=arguments.without_drill)
    else:
        state = STATES[arguments.action]
        changed, node = subscriptions.change(loaded, node, lambda entries: entries[uid].update(state=state))
        _act(changed, node)
        print(f"{uid} of {node.name} is {state}")
    return 0


def _add(loaded: Mesh, node: Node, arguments: argparse.Namespace) -> None:
    territory, uid, payer = node.territory, arguments.uid, arguments.member_of
    shared = node.subscriptions.subscribers[payer].plan if payer in node.subscriptions.subscribers else ""
    plan = arguments.plan or shared or (territory.services.cloud.default_plan if territory.services.cloud else "")
    mail = arguments.mail or f"{uid}@{territory.domain}"
    member = {"member_of": payer} if payer else {}
    entry = yaml_edit.one_line({"name": arguments.name, "mail": mail, "plan": plan, **member, "state": "active"})

    def edit(entries: Entries) -> None:
        # The same once more finishes what a lock or an unreachable host kept from the node.
        if uid in entries and dict(entries[uid]) != dict(entry):
            raise UsageError(f"{node.name} has a subscriber {printable(uid)!r} already")
        entries[yaml_edit.quoted(uid)] = entry

    secrets.create_missing(node)  # without the key nothing is written
    changed, node = subscriptions.change(loaded, node, edit)
    secrets.create_missing(node)
    _act(engines.load(changed.folder), node)
    _tell_password(node, uid)


def _remove(loaded: Mesh, node: Node, uid: str, *, sure: bool, unproven: bool) -> None:
    if members := [name for name, each in node.subscriptions.subscribers.items() if each.member_of == uid]:
        raise UsageError(f"{uid} pays for {', '.join(members)}; remove them first, or take their member_of out")
    others = dict(node.subscriptions.subscribers)
    mail = others.pop(uid).mail
    without = replace(node, subscriptions=Subscriptions(subscribers=others))
    try:
        subscriptions.refuse_contradictions(loaded, without)
    except UsageError as error:
        raise UsageError(
            f"without {uid} the files would contradict each other, so nobody is removed:\n{error}"
        ) from None
    if not unproven and hosts.exists(node):
        facts = preflight.read(hosts.connection(node))
        if why := drills.refusal(facts, node.name, f"to remove {uid}"):
            raise PreflightRefused(f"{node.name}: {why}")
    if not sure:
        question = f"Delete the account {uid} of {node.name}? Its data is set aside on the host. [yes/no] "
        if not sys.stdin.isatty() or input(question).strip().lower() not in ("yes", "oui"):
            raise UsageError("nothing is removed; say --yes to remove without a question")
    # The node first: killed in between, the same command can be given again.
    _act(loaded, without, directory_remove=[uid], removed_mail=mail)
    subscriptions.change(loaded, node, lambda entries: entries.pop(uid))
    secrets.forget(node, f"subscribers.{uid}")
    print(f"{uid} of {node.name} is removed; the data is on the host, in /srv/maillage/removed")


def _act(loaded: Mesh, node: Node, **variables: str | list[str]) -> None:
    """Converge the accounts on the node, and nothing else."""
    try:
        with hosts.locked([node]), deployment.prepared(loaded, [node]) as ansible:
            outcome = ansible("accounts.yml", variables=variables)
    except (HostError, HostLocked) as error:
        raise type(error)(f"{error}\nThe node is not changed yet; the same command once more finishes it") from None
    if outcome.interrupted:
        raise KeyboardInterrupt
    if outcome.failures:
        raise DeployFailed(report.failures(outcome))


def _tell_password(node: Node, uid: str) -> None:
    print(f"{uid} of {node.name} is ready; first password: `maillage credentials {node.name} subscribers.{uid}`")


def _list(node: Node, *, as_json: bool) -> None:
    subscribers = node.subscriptions.subscribers
    if as_json:
        print(
            json.dumps([{"uid": uid, **entry.model_dump()} for uid, entry in subscribers.items()], ensure_ascii=False)
        )
        return
    for uid, entry in subscribers.items():
        print(f"{uid:20} {entry.state:10} {entry.plan:16} {entry.mail:40} {entry.name}")
