"""`verify`: use nodes from outside, as a subscriber would, and say what was seen."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from orchestrator import accounts, ansible_vars, engines, hosts, mail_secrets, secrets
from orchestrator.commands import conclude
from orchestrator.errors import HostError, VerificationFailed
from orchestrator.locations import mesh_folder
from orchestrator.model import Node, Territory

if TYPE_CHECKING:
    from pydantic import SecretStr

    from orchestrator.verify import Check, Target
    from orchestrator.verify.target import Account, Correspondent

ASK_SECONDS = 120


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("territories", nargs="+", metavar="TERRITORY")


def run(arguments: argparse.Namespace) -> int:
    """Say what was seen, one line for each check; exit 7 when something is not as it should be."""
    nodes = engines.load(mesh_folder(arguments.mesh)).select(arguments.territories)
    for node in nodes:
        hosts.made(node)  # where there is none, nothing can be verified
    checks: list[dict[str, Any]] = []

    def say(node: Node, check: Check) -> None:
        checks.append({"territory": node.name, **asdict(check), "failed": check.failed})
        if not arguments.json:
            print(f"{node.name}: {check}" if len(nodes) > 1 else check, flush=True)

    working = verify_nodes(nodes, say)
    failed, skipped = (sum(bool(check[what]) for check in checks) for what in ("failed", "skipped"))
    summary = f"{len(checks)} checks, {failed} failed, {skipped} skipped"
    if not arguments.json:
        print(summary)
    failure = f"{', '.join(arguments.territories)}: {summary}: see FAIL above for what was seen instead"
    error = None if working else VerificationFailed(failure)
    return conclude({"ok": working, "checks": checks}, error, as_json=arguments.json)


def verify_nodes(nodes: Iterable[Node], say: Callable[[Node, Check], None]) -> bool:
    """Verify nodes one after the other.

    Args:
        nodes: deployed ones.
        say: called with each check as soon as it is known.

    Returns:
        Whether nothing failed.

    Raises:
        SecretsError: the password of the account that verifies is missing.
    """
    from orchestrator.verify import verify

    working = True
    for node in nodes:
        for check in verify(target_of(node)):
            working &= not check.failed
            say(node, check)
    return working


def target_of(node: Node) -> Target:
    """The node, with the way to look at it from here: a lab has its own names, signatures and authority."""
    from orchestrator.verify import target

    passwords = [secrets.reveal(node, f"directory.{name}") for name in accounts.verifying(node.territory)]
    password, second = passwords[0], passwords[1] if len(passwords) > 1 else None
    keys, mail = mail_secrets.published(node), None
    if second and node.territory.services.mail:
        mine = mailbox(node.territory, accounts.VERIFY, password), mailbox(node.territory, accounts.SECOND, second)
        mail = target.Mail(mine, *(_around(node) if node.territory.is_lab else ()))
    if not node.territory.is_lab:
        return target.of(node, password, second=second, ask=lambda command: ask(node, command), keys=keys, mail=mail)
    from orchestrator import lab_internet, lab_services

    return target.of(
        node,
        password,
        nameservers=lab_internet.RESOLVER[:1],
        trust_anchors=lab_services.surroundings().trust_anchors,
        authority=lab_services.authorities(),
        second=second,
        ask=lambda command: ask(node, command),
        keys=keys,
        mail=mail,
    )


def mailbox(territory: Territory, name: str, password: SecretStr) -> Account:
    """The mailbox of one of the accounts that verify."""
    from orchestrator.verify.target import Account

    return Account(f"{name}@{territory.domain}", ansible_vars.public_name(territory), password)


def _around(node: Node) -> tuple[tuple[Account, ...], Correspondent]:
    """Whom a lab territory exchanges mail with: the others that are there, and somebody outside."""
    from orchestrator import lab_correspondent

    name = f"directory.{accounts.VERIFY}"
    others = [other for other in engines.load(node.folder.parent).nodes.values() if other.name != node.name]
    with_mail = [other for other in others if other.territory.is_lab and other.territory.services.mail]
    known = [(other.territory, secrets.stored_value(other, name)) for other in with_mail if hosts.exists(other)]
    return tuple(mailbox(other, accounts.VERIFY, found) for other, found in known if found), lab_correspondent.of_lab()


def ask(node: Node, command: str) -> str:
    """Run a command on the node's host as root.

    Raises:
        CheckSkippedError: this machine does not reach it by SSH.
    """
    from orchestrator.verify.check import CheckSkippedError

    try:
        return hosts.connection(node).run(command, timeout=ASK_SECONDS).stdout
    except HostError as error:
        raise CheckSkippedError(str(error)) from None
