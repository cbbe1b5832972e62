"""One apt transaction for a whole host; see plugins/modules/packages.py for what it promises."""

from __future__ import annotations

import json
import os
import time

from maillage import files
from maillage.command import NodeError, Outcome, run
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
LISTS = "/var/lib/apt/lists"
ARCHIVES, NO_ARCHIVES = "/var/cache/apt/archives", "/run/maillage-no-archives"
LISTS_FRESH = 24 * 3600
LOCK_SECONDS = 600
INSTALL_SECONDS = 3600
ENVIRONMENT = {"DEBIAN_FRONTEND": "noninteractive", "APT_LISTCHANGES_FRONTEND": "none", "NEEDRESTART_SUSPEND": "1"}
COMMON = ["-q", "-y", "-o", f"DPkg::Lock::Timeout={LOCK_SECONDS}", "-o", "Acquire::Retries=3", "-o", "Dpkg::Use-Pty=0"]
KEEP = ["-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"]
INSTALL = ["apt-get", "install", *COMMON, *KEEP, "--no-install-recommends", "--no-upgrade", "--fix-broken"]
STALE_LISTS = ("Unable to locate package", "has no installation candidate", "404", "Unable to fetch")


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
    leftover = policy_is_ours()
    changes = [{"kind": "package", "name": name, "action": "install"} for name in missing]
    changes += [{"kind": "debconf", "name": question, "action": "set"} for question in new]
    if leftover:
        changes.append({"kind": "file", "name": POLICY, "action": "remove"})
    if changes and not check:
        converge(names, missing, list(new.values()), leftover)
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


def converge(names: list[str], missing: list[str], answers: list[str], leftover: bool) -> None:
    """Install, with daemons held back meanwhile."""
    if not missing and not answers:
        files.remove(POLICY)
        return
    wait_for_locks(LOCK_SECONDS)
    if answers:
        outcome = run(["debconf-set-selections"], stdin="\n".join(answers) + "\n")
        if outcome.code:  # what it says may hold an answer, which may be a password
            raise NodeError("debconf does not accept the answers: each is `package question type value`")
    if missing:
        held = leftover or files.standing(POLICY).kind == "absent"
        if held:
            files.write(POLICY, POLICY_TEXT.encode(), 0, 0, 0o755)
        try:
            repair()
            install(names)
        finally:
            if held:
                files.remove(POLICY)
        if still := not_installed(names):
            raise NodeError(f"apt-get ended well, and yet these packages are not installed: {', '.join(still)}")
    elif leftover:
        files.remove(POLICY)


def repair() -> None:
    """Let dpkg finish what a kill left: apt refuses to work before that. What it cannot finish, apt-get will name."""
    if os.listdir("/var/lib/dpkg/updates") or run(["dpkg", "--audit"]).output.strip():
        run(
            ["dpkg", "--configure", "-a", "--force-confdef", "--force-confold"],
            timeout=INSTALL_SECONDS,
            environment=ENVIRONMENT,
        )


def install(names: list[str]) -> None:
    """Run the transaction; with old package lists, renew them once and try again."""
    fresh = time.time() - lists_time() < LISTS_FRESH
    if not fresh:
        update()
    discard_changed(names)
    outcome = apt([*INSTALL, *names], INSTALL_SECONDS)
    if outcome.code and fresh and any(sign in outcome.text for sign in STALE_LISTS):
        update()
        outcome = apt([*INSTALL, *names], INSTALL_SECONDS)
    require(outcome, "the packages could not be installed")


def discard_changed(names: list[str]) -> None:
    """Remove what apt has downloaded before and is not what the signed index says: apt looks at the size alone."""
    kept = {name for name in os.listdir(ARCHIVES) if name.endswith(".deb")}
    if not kept:
        return
    import hashlib  # 5 ms, for the first run on a host

    os.makedirs(f"{NO_ARCHIVES}/partial", mode=0o700, exist_ok=True)
    cacheless = ["-o", f"Dir::Cache::archives={NO_ARCHIVES}", "-o", "Acquire::ForceHash=SHA256"]
    outcome = apt([*INSTALL, "--print-uris", *cacheless, *names], 600)
    for line in outcome.output.splitlines():
        words = line.rsplit(" ", 3)  # address, name, size, hash
        if len(words) < 4 or not words[3].startswith("SHA256:") or (name := words[1].replace(":", "%3a")) not in kept:
            continue
        with open(f"{ARCHIVES}/{name}", "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if f"SHA256:{found}" != words[3]:
            os.unlink(f"{ARCHIVES}/{name}")


def lists_time() -> float:
    """Return when the package lists were last renewed; 0 when there are none."""
    if not any(name.endswith(("_Packages", "_Packages.lz4")) for name in os.listdir(LISTS)):
        return 0
    return max(
        os.stat(LISTS).st_mtime, os.stat(f"{LISTS}/partial").st_mtime if os.path.isdir(f"{LISTS}/partial") else 0
    )


def update() -> None:
    """Renew the package lists; a network may fail for a moment."""
    for pause in (5, 20, 0):
        wait_for_locks(LOCK_SECONDS)
        outcome = apt(["apt-get", "update", *COMMON, "-o", "APT::Update::Error-Mode=any"], 600)
        if outcome.code == 0:
            return
        time.sleep(pause)
    require(outcome, "the package lists could not be renewed, after three attempts")


def apt(argv: list[str], seconds: float) -> Outcome:
    """Run apt-get without anybody to answer its questions."""
    return run(argv, timeout=seconds, environment=ENVIRONMENT)


def require(outcome: Outcome, sentence: str) -> None:
    """Refuse a failure, with the line that says why."""
    if outcome.code:
        lines = [line.strip() for line in outcome.text.splitlines()]
        decisive = [line for line in lines if line.startswith(("E:", "Err:", "error:", "dpkg: error"))] or lines[-3:]
        raise NodeError(f"{sentence}: {' '.join(decisive[:3])}"[:2000])
