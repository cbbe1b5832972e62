"""Waiting for another package manager at work on this host (unattended upgrades, a person)."""

from __future__ import annotations

import fcntl
import struct
import time

from maillage.command import NodeError

LOCKS = ("/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock", "/var/lib/apt/lists/lock", "/var/cache/apt/archives/lock")
FLOCK = "@hhqqi4x"


def wait_for_locks(seconds: float) -> None:
    """Wait until no package manager holds a lock.

    Raises:
        NodeError: one still does after `seconds`.
    """
    deadline = time.monotonic() + seconds
    while holder := first_holder():
        if time.monotonic() > deadline:
            raise NodeError(
                f"another package manager ({program(holder)}, process {holder}) has been at work here for more than "
                f"{seconds / 60:.0f} minutes: let it end, then deploy again"
            )
        time.sleep(1)


def first_holder() -> int:
    """Return the process that holds one of the locks, or 0."""
    for path in LOCKS:
        try:
            with open(path, "rb") as file:
                request = struct.pack(FLOCK, fcntl.F_WRLCK, 0, 0, 0, 0)
                kind, _, _, _, process = struct.unpack(FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, request))
        except FileNotFoundError:
            continue
        if kind != fcntl.F_UNLCK:
            return int(process)
    return 0


def program(process: int) -> str:
    """Name a process."""
    try:
        with open(f"/proc/{process}/comm", encoding="utf-8") as file:
            return file.read().strip()
    except OSError:
        return "unknown"
