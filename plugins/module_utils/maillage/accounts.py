"""The accounts of a territory, in the directory: one search, one comparison, one ldapmodify.

See plugins/modules/accounts.py for what it promises.
"""

from __future__ import annotations

import os
import time

from maillage import accounts_plan, ldif
from maillage.command import NodeError, Outcome, exists, run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from maillage.accounts_plan import Record

SERVER = ["-Q", "-Y", "EXTERNAL", "-H", "ldapi:///"]
CONFIGURATION = "/etc/ldap/slapd.conf"
UNREACHABLE, NO_SUCH_OBJECT = 255, 32
PATIENCE = 10
SECONDS = 900


def main(arguments: dict[str, Any], check: bool, diff: bool) -> dict[str, Any]:  # noqa: ARG001 - a diff would show people
    """Converge all accounts.

    Args:
        arguments: see plugins/modules/accounts.py.
        check: only say what would be done.
        diff: not used.
    """
    if both := sorted(set(arguments["remove"]) & {person["uid"] for person in arguments["subscribers"]}):
        raise NodeError(
            f"{', '.join(both)}: among the subscribers, and among those to remove; take them out of one of the two"
        )
    text = found(arguments["suffix"], check)
    if text is None:
        return {
            "changed": False,
            "changes": [],
            "notices": ["the directory cannot be read now: accounts were not compared"],
        }
    directory = accounts_plan.Directory(arguments["suffix"], text)
    records, changes = accounts_plan.compare(directory, arguments, agrees)
    if records and not check:
        write(records)
    return {"changed": bool(changes), "changes": changes}


def agrees(stored: list[str], password: str) -> bool:
    """Say whether a password is the one behind a stored hash."""
    from maillage import argon2  # threads and ctypes are not worth 15 ms where no password is compared

    return argon2.agrees(stored, password)


def found(suffix: str, check: bool) -> str | None:
    """Return all entries as LDIF: "" where there are none yet, None when check mode cannot know."""
    if check and not exists("ldapsearch"):
        return ""
    outcome = ldap(["ldapsearch", *SERVER, "-LLL", "-o", "ldif-wrap=no", "-b", suffix], "", 0 if check else PATIENCE)
    if outcome.code == UNREACHABLE and check:
        return offline(suffix)
    if outcome.code == NO_SUCH_OBJECT:
        return ""
    if outcome.code:
        raise NodeError(f"the directory does not answer root on its local socket: {outcome.text}")
    return outcome.output


def offline(suffix: str) -> str | None:
    """Read the database of a slapd that does not run, so that check mode can say what will be done once it does."""
    if not os.path.exists(CONFIGURATION):
        return ""
    outcome = run(["slapcat", "-f", CONFIGURATION, "-b", suffix, "-o", "ldif-wrap=no"])
    return None if outcome.code else outcome.output


def write(records: list[Record]) -> None:
    """Write all records in one go; when one is refused, the next run starts from there."""
    from maillage import argon2

    wanted = [record for record in records if record.password is not None]
    costs = [argon2.FOR_MACHINES if record.machine else argon2.FOR_PEOPLE for record in wanted]
    hashes = iter(argon2.hashed([(record.password, cost) for record, cost in zip(wanted, costs, strict=True)]))
    text = []
    for record in records:
        values = dict(record.values) if record.password is None else {**record.values, "userPassword": [next(hashes)]}
        text.append(
            ldif.delete(record.name) if record.kind == "delete" else getattr(ldif, record.kind)(record.name, values)
        )
    outcome = ldap(["ldapmodify", *SERVER], "".join(text), PATIENCE)
    if outcome.code:
        raise NodeError(f"the directory refused a change, those before it are made: {outcome.error.strip()}")


def ldap(argv: list[str], stdin: str, patience: float) -> Outcome:
    """Run an LDAP program; a slapd that was just started may need a moment."""
    deadline = time.monotonic() + patience
    while True:
        outcome = run(argv, stdin=stdin, timeout=SECONDS)
        if outcome.code == 127:
            raise NodeError(
                "the package ldap-utils is not on this host: it must be installed before the accounts are made"
            )
        if outcome.code != UNREACHABLE or time.monotonic() >= deadline:
            return outcome
        time.sleep(0.5)
