"""One apt transaction for a whole host; see plugins/modules/packages.py for what it promises."""

from __future__ import annotations

import json
import os

from maillage import files
from maillage.apt import ENVIRONMENT, INSTALL_SECONDS, LOCK_SECONDS, install, reinstall
from maillage.command import NodeError, run
from maillage.locks import wait_for_locks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

POLICY = "/usr/sbin/policy-rc.d"
POLICY_MARK = "maillage: daemons do not start before they are configured"
POLICY_TEXT = f"""#!/bin/sh
# {POLICY_MARK}; removed when the apt transaction ends.
systemctl --quiet is-active "$1" && exit 0
exit 101
"""
ANSWERS = "/var/lib/maillage/debconf.json"
INFO = "/var/lib/dpkg/info"
# There while a transaction is under way, until all of it is on the disk; holds the number of the boot it began in.
UNDER_WAY, BOOT = "/var/lib/maillage/packages-under-way", "/proc/sys/kernel/random/boot_id"


def main(arguments: dict[str, Any], check: bool, diff: bool) -> dict[str, Any]:  # noqa: ARG001 - packages have no diff
    """Install what is missing.

    Args:
        arguments: `names` of packages and `debconf` answers, one line each as for debconf-set-selections(1).
        check: only say what would be done.
        diff: not used.
    """
    names, answers = arguments["names"], questions(arguments["debconf"])
    missing = not_installed(names)
    known = known_answers()
    new = {question: line for question, line in answers.items() if known.get(question) != digest(line)}
    leftover, unfinished = policy_is_ours(), files.standing(UNDER_WAY).kind == "file"
    changes = [{"kind": "package", "name": name, "action": "install"} for name in missing]
    changes += [{"kind": "debconf", "name": question, "action": "set"} for question in new]
    if leftover:
        changes.append({"kind": "file", "name": POLICY, "action": "remove"})
    if unfinished:
        changes.append({"kind": "file", "name": UNDER_WAY, "action": "remove"})
    if changes and not check:
        converge(names, bool(missing or unfinished), list(new.values()), leftover)
        save_answers({question: digest(line) for question, line in answers.items()}, known)
    return {"changed": bool(changes), "changes": changes}


def questions(lines: list[str]) -> dict[str, str]:
    """Index answers by `package question`.

    Raises:
        NodeError: a line that is no answer. Its value is not shown: it may be a password.
    """
    found = {}
    for number, line in enumerate(lines, 1):
        words = line.split(None, 3)
        if len(words) < 3 or "\n" in line:
            raise NodeError(f"debconf answer {number} is not of the form `package question type value`")
        found[f"{words[0]} {words[1]}"] = line
    return found


def digest(line: str) -> str:
    """Return a hash of an answer: the answer itself may be a password."""
    import hashlib  # 5 ms, for the few hosts with answers

    return hashlib.sha256(line.encode()).hexdigest()


def known_answers() -> dict[str, str]:
    """Return the answers given by earlier runs: question to hash."""
    try:
        with open(ANSWERS, encoding="utf-8") as file:
            return dict(json.load(file))
    except FileNotFoundError:
        return {}


def save_answers(answers: dict[str, str], known: dict[str, str]) -> None:
    """Note the answers that were given."""
    if answers != known:
        os.makedirs(os.path.dirname(ANSWERS), mode=0o755, exist_ok=True)
        files.write(ANSWERS, json.dumps(answers).encode(), 0, 0, 0o600)


def not_installed(names: list[str]) -> list[str]:
    """List the packages that are not there, or not wholly, in the order of `names`."""
    if not names:
        return []
    outcome = run(
        ["dpkg-query", "--show", "--showformat", "${Package} ${db:Status-Status} ${db:Status-Eflag}\\n", *names]
    )
    if outcome.code == 127:
        raise NodeError("this host has no dpkg: Maillage needs Debian 13")
    there = {line.split()[0] for line in outcome.output.splitlines() if line.split()[1:] == ["installed", "ok"]}
    return [name for name in dict.fromkeys(names) if name not in there]


def policy_is_ours() -> bool:
    """Say whether a killed run left its policy-rc.d."""
    return files.standing(POLICY).kind == "file" and POLICY_MARK.encode() in files.content(POLICY)


def converge(names: list[str], incomplete: bool, answers: list[str], leftover: bool) -> None:
    """Install, with daemons held back meanwhile."""
    wait_for_locks(LOCK_SECONDS)
    if answers:
        outcome = run(["debconf-set-selections"], stdin="\n".join(answers) + "\n")
        if outcome.code:  # what it says may hold an answer, which may be a password
            raise NodeError("debconf does not accept the answers: each is `package question type value`")
    if incomplete:
        held = leftover or files.standing(POLICY).kind == "absent"
        if held:
            files.write(POLICY, POLICY_TEXT.encode(), 0, 0, 0o755)
        try:
            transaction(names)
        finally:
            if held:
                files.remove(POLICY)
        if still := not_installed(names):
            raise NodeError(f"apt-get ended well, and yet these packages are not installed: {', '.join(still)}")
    elif leftover:
        files.remove(POLICY)


def transaction(names: list[str]) -> None:
    """Install, and have it all on the disk; a transaction that lost its power is first done once more.

    dpkg makes sure of its own records and of programs, but not of configuration files: they come back empty.
    """
    with open(BOOT, "rb") as file:
        boot = file.read()
    lost = []
    if files.standing(UNDER_WAY).kind == "file":
        if files.content(UNDER_WAY) != boot:
            lost = unpacked_since(os.stat(UNDER_WAY).st_mtime)
    else:
        os.makedirs(os.path.dirname(UNDER_WAY), mode=0o755, exist_ok=True)
        files.write(UNDER_WAY, boot, 0, 0, 0o644)
    repair()
    if lost:
        for path in empty_configuration(lost):
            os.unlink(path)
        reinstall(lost)
    install(names, "--no-upgrade")
    run(["sync", "--file-system", "/etc", "/usr", "/var"], timeout=600)
    files.remove(UNDER_WAY)


def unpacked_since(moment: float) -> list[str]:
    """Name the packages whose files were put in place since a moment."""
    lists = (name for name in os.listdir(INFO) if name.endswith(".list"))
    return sorted(name.removesuffix(".list") for name in lists if os.stat(f"{INFO}/{name}").st_mtime >= moment)


def empty_configuration(names: list[str]) -> list[str]:
    """List the configuration files of packages that have nothing in them."""
    found = []
    for name in names:
        try:
            with open(f"{INFO}/{name}.conffiles", encoding="utf-8") as file:
                paths = [line.split()[-1] for line in file if line.strip()]
        except FileNotFoundError:
            continue
        standing = {path: files.standing(path) for path in paths}
        found += [path for path, there in standing.items() if there.kind == "file" and there.size == 0]
    return found


def repair() -> None:
    """Let dpkg finish what a kill left: apt refuses to work before that. What it cannot finish, apt-get will name."""
    if os.listdir("/var/lib/dpkg/updates") or run(["dpkg", "--audit"]).output.strip():
        run(
            ["dpkg", "--configure", "-a", "--force-confdef", "--force-confold"],
            timeout=INSTALL_SECONDS,
            environment=ENVIRONMENT,
        )
