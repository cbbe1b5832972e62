"""The accounts in a territory's directory: its subscribers', and the node's own. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from orchestrator.model import Node, Subscriber, Territory

VERIFY = "verify"  # the account that `verify` logs in with
SECOND = "verify2"  # the one that it shares with, and writes to
POSTMASTER = "postmaster"  # keeps what is written to whoever runs the node; nobody logs in with it
OWN_SPACE = 1_000_000_000  # bytes

Account = dict[str, Any]


def verifying(territory: Territory) -> tuple[str, ...]:
    """The accounts that `verify` logs in with."""
    return (VERIFY, SECOND) if territory.engine == "nextcloud" or territory.services.mail else (VERIFY,)


def own(territory: Territory) -> tuple[str, ...]:
    """The accounts of the node itself; the password of each is a secret of the territory."""
    return (*verifying(territory), *((POSTMASTER,) if territory.services.mail else ()))


def everybody(node: Node, password: Callable[[str], Mapping[str, Any]]) -> list[Account]:
    """Every account, as the role `directory` wants it.

    Args:
        node: the territory.
        password: gives the variable of an own account's password.
    """
    territory = node.territory
    found = [_subscriber(territory, uid, each) for uid, each in node.subscriptions.subscribers.items()]
    return found + [_own(territory, name) | dict(password(name)) for name in own(territory)]


def of_cloud(node: Node) -> list[Account]:
    """Who has room in the cloud, and how much: uid, state and quota."""
    chosen = [each for each in everybody(node, lambda _: {}) if each["uid"] != POSTMASTER]
    return [{name: each[name] for name in ("uid", "state", "cloud_quota")} for each in chosen]


def _subscriber(territory: Territory, uid: str, subscriber: Subscriber) -> Account:
    plan = territory.plans[subscriber.plan]
    account = {"uid": uid, "name": subscriber.name, "mail": subscriber.mail, "cloud_quota": plan.quota}
    if territory.services.mail and plan.mailboxes:
        account |= {"mail_quota": plan.mail_quota, "aliases": list(subscriber.aliases)}
    return account | {"state": subscriber.state}


def _own(territory: Territory, name: str) -> Account:
    return {
        "uid": name,
        "name": "Postmaster" if name == POSTMASTER else "Verification",
        "mail": f"{name}@{territory.domain}",
        "cloud_quota": OWN_SPACE,
        **({"mail_quota": OWN_SPACE} if territory.services.mail else {}),
        "state": "suspended" if name == POSTMASTER else "active",
    }
