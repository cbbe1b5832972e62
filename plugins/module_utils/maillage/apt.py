"""apt-get with nobody to answer its questions, on package lists that are not old."""

from __future__ import annotations

import os
import time

from maillage.command import NodeError, Outcome, run
from maillage.locks import wait_for_locks

LOCK_SECONDS = 600
LISTS = "/var/lib/apt/lists"
LISTS_FRESH = 24 * 3600
INSTALL_SECONDS = 3600
ENVIRONMENT = {"DEBIAN_FRONTEND": "noninteractive", "APT_LISTCHANGES_FRONTEND": "none", "NEEDRESTART_SUSPEND": "1"}
DISTRUSTED = ("is not signed", "NO_PUBKEY", "Missing key")  # no network mends that
COMMON = ["-q", "-y", "-o", f"DPkg::Lock::Timeout={LOCK_SECONDS}", "-o", "Acquire::Retries=3", "-o", "Dpkg::Use-Pty=0"]
KEEP = ["-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"]
INSTALL = ["apt-get", "install", *COMMON, *KEEP, "--no-install-recommends", "--fix-broken"]
STALE_LISTS = ("Unable to locate package", "has no installation candidate", "404", "Unable to fetch")
DPKG_ERROR = "dpkg: error processing package"
ARCHIVES, NO_ARCHIVES = "/var/cache/apt/archives", "/run/maillage-no-archives"


def install(names: list[str], *options: str) -> None:
    """Run apt-get; with old package lists, renew them once and try again."""
    fresh = time.time() - lists_time() < LISTS_FRESH
    if not fresh:
        update()
    discard_changed(names, *options)
    outcome = apt([*INSTALL, *options, *names], INSTALL_SECONDS)
    if outcome.code and fresh and any(sign in outcome.text for sign in STALE_LISTS):
        update()
        outcome = apt([*INSTALL, *options, *names], INSTALL_SECONDS)
    if outcome.code and DPKG_ERROR in outcome.text:
        # What a kill left half unpacked may need what this attempt has unpacked only after it was asked for.
        outcome = apt([*INSTALL, *options, *names], INSTALL_SECONDS)
    require(outcome, "the packages could not be installed")


def reinstall(names: list[str]) -> None:
    """Unpack and configure packages once more; configuration files that are missing come back, the others stay."""
    update()
    options = ["--reinstall", "-o", "Dpkg::Options::=--force-confmiss"]
    discard_changed(names, *options)
    outcome = apt([*INSTALL, *options, *names], INSTALL_SECONDS)
    require(outcome, "the packages could not be installed again")
    if "is not possible" in outcome.output:
        raise NodeError(f"packages that are there, but not whole, cannot be had any more: {outcome.output.strip()}")


def discard_changed(names: list[str], *options: str) -> None:
    """Remove what apt has downloaded before and is not what the signed index says: apt looks at the size alone."""
    kept = {name for name in os.listdir(ARCHIVES) if name.endswith(".deb")}
    if not kept:
        return
    import hashlib  # 5 ms, for the first run on a host

    os.makedirs(f"{NO_ARCHIVES}/partial", mode=0o700, exist_ok=True)
    cacheless = ["-o", f"Dir::Cache::archives={NO_ARCHIVES}", "-o", "Acquire::ForceHash=SHA256"]
    outcome = apt([*INSTALL, *options, "--print-uris", *cacheless, *names], 600)
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
    if empty_lists() or not any(name.endswith(("_Packages", "_Packages.lz4")) for name in os.listdir(LISTS)):
        return 0
    return max(
        os.stat(LISTS).st_mtime, os.stat(f"{LISTS}/partial").st_mtime if os.path.isdir(f"{LISTS}/partial") else 0
    )


def empty_lists() -> list[str]:
    """List what a power cut has emptied; apt itself takes that for up to date."""
    paths = [f"{LISTS}/{name}" for name in os.listdir(LISTS) if name != "lock"]
    return [path for path in paths if os.path.isfile(path) and os.stat(path).st_size == 0]


def update() -> None:
    """Renew the package lists; a network may fail for a moment."""
    for path in empty_lists():
        os.unlink(path)
    for pause in (5, 20, 0):
        wait_for_locks(LOCK_SECONDS)
        outcome = apt(["apt-get", "update", *COMMON, "-o", "APT::Update::Error-Mode=any"], 600)
        if outcome.code == 0:
            return
        if any(words in outcome.text for words in DISTRUSTED):
            break
        time.sleep(pause)
    require(outcome, "the package lists could not be renewed")


def apt(argv: list[str], seconds: float) -> Outcome:
    """Run apt-get without anybody to answer its questions."""
    return run(argv, timeout=seconds, environment=ENVIRONMENT)


def require(outcome: Outcome, sentence: str) -> None:
    """Refuse a failure, with the line that says why."""
    if outcome.code:
        lines = [line.strip() for line in outcome.text.splitlines()]
        decisive = [line for line in lines if line.startswith(("E:", "Err:", "error:", "dpkg: error"))] or lines[-3:]
        raise NodeError(f"{sentence}: {' '.join(decisive[:3])}"[:2000])
