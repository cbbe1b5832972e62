"""Radicale's collections moved into Nextcloud's accounts; see plugins/modules/nextcloud_move.py."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import time

from maillage.command import NodeError, run
from maillage.radicale_data import collections

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from maillage.radicale_data import Collection

DATA = "/srv/maillage/radicale/collection-root"
REMOVED = "/srv/maillage/removed"
RECEIVE = [
    *("runuser", "-u", "nextcloud", "--", "env", "NEXTCLOUD_CONFIG_DIR=/srv/maillage/nextcloud/config"),
    *("php", "-d", "memory_limit=1G", "/usr/lib/maillage/nextcloud-receive"),
]
LOCK = "/run/maillage-move.lock"
HOURS = 6 * 3600


def main(arguments: dict[str, Any], check: bool, diff: bool) -> dict[str, Any]:  # noqa: ARG001 - nothing to compare
    """Move everything, compare, and only then set radicale's data aside. Killed anywhere, the next run goes on.

    Args:
        arguments: see plugins/modules/nextcloud_move.py.
        check: only say what would be moved.
        diff: not used.

    Raises:
        NodeError: something did not arrive; nothing is set aside then.
    """
    with open(LOCK, "w", encoding="ascii") as lock:
        # A run whose controller was killed may still be at work: it is waited for.
        fcntl.flock(lock, fcntl.LOCK_EX)
        return converge(arguments, check)


def converge(arguments: dict[str, Any], check: bool) -> dict[str, Any]:
    """What `main` says, alone on the host."""
    found, left = collections(DATA, arguments["leave_out"])
    changes = [{"kind": each.kind, "name": f"{each.place} ({count(each)})", "action": "move"} for each in found]
    if check or not (found or left):
        return {"changed": bool(changes), "changes": changes}
    if run(["systemctl", "is-active", "--quiet", "radicale.service"]).code == 0:
        raise NodeError("radicale still serves these collections: write `engine: nextcloud` in territory.yml first")
    refused: list[str] = []
    for person in dict.fromkeys(each.person for each in found):
        refused += move([each for each in found if each.person == person], left)
    if refused and len(refused) == sum(len(each.items) for each in found):
        raise NodeError(f"Nextcloud took not a single item, so nothing is set aside; the first: {refused[0]}")
    left += refused
    folder = set_aside(left)
    changes += [{"kind": "item", "name": text, "action": "keep aside"} for text in left]
    return {"changed": True, "changes": [*changes, {"kind": "folder", "name": folder, "action": "set aside"}]}


def move(mine: list[Collection], left: list[str]) -> list[str]:
    """Give a person's collections to Nextcloud.

    Args:
        mine: the collections.
        left: receives what is not as it was, each with the reason.

    Returns:
        The items that Nextcloud refused, each with its reason.

    Raises:
        NodeError: Nextcloud says that it has an item, but does not list it; or it ended early.
    """
    lines: list[dict[str, Any]] = []
    refused = []
    for each in mine:
        lines.append({"kind": each.kind, "person": each.person, "uri": each.uri, "properties": each.properties})
        lines += [{"item": name, "data": content(each, name)} for name in each.items]
        lines.append({"end": True})
    outcome = run(RECEIVE, stdin="".join(f"{json.dumps(line)}\n" for line in lines), timeout=HOURS)
    answers = [json.loads(line) for line in outcome.output.splitlines() if line.startswith("{")]
    if outcome.code or len(answers) != len(lines):
        words = [line for line in outcome.output.splitlines() if not line.startswith("{")] + outcome.error.splitlines()
        said = " ".join(words[:3]).strip()[:500] or "`journalctl -t nextcloud` on the host has the reason"
        raise NodeError(f"Nextcloud stopped while it took {mine[0].person}'s, and nothing is set aside: {said}")
    given = iter(answers)
    for each in mine:
        next(given)
        states = {name: next(given) for name in each.items}
        there = set(next(given)["items"])
        if lost := [name for name, state in states.items() if state["state"] != "refused" and name not in there]:
            raise NodeError(f"{each.place}/{lost[0]}: did not arrive in Nextcloud; nothing is set aside: deploy again")
        for name, state in states.items():
            if state["state"] == "refused":
                refused.append(f"{each.place}/{name}: Nextcloud refuses it: {state['reason']}")
            elif state["state"] == "differs":
                left.append(f"{each.place}/{name}: Nextcloud has another version of it, which stays")
        left += [f"{each.place}: {text}" for text in each.notes]
    return refused


def content(collection: Collection, name: str) -> str:
    """An item, whatever bytes it has."""
    with open(f"{collection.folder}/{name}", "rb") as file:
        return base64.b64encode(file.read()).decode()


def count(collection: Collection) -> str:
    """How many items there are, for people."""
    return "1 item" if len(collection.items) == 1 else f"{len(collection.items)} items"


def set_aside(left: list[str]) -> str:
    """Put radicale's data where removed things are kept, with the list of what Nextcloud does not have; in one step."""
    folder = f"{REMOVED}/radicale-{time.strftime('%Y-%m-%d-%H%M%S')}"
    os.makedirs(REMOVED, mode=0o700, exist_ok=True)
    os.makedirs(folder, mode=0o700)
    with open(f"{folder}/not-in-nextcloud.txt", "w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in left)
        file.flush()
        os.fsync(file.fileno())
    os.rename(DATA, f"{folder}/collection-root")
    return folder
