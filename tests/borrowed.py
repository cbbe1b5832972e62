"""The lab of this machine, for tests and benchmarks that leave it as it was: others may use it meanwhile."""

import fcntl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO

from orchestrator.providers.lab import Lab


@contextmanager
def shared(*hosts: str) -> Iterator[Lab]:
    """The lab without these hosts, before and after; it goes down with the last of those who share it."""
    lab = Lab()
    locks = lab.place.directory / "locks"
    locks.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (locks / "shared").open("w") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        _remove(lab, hosts)
        try:
            yield lab
        finally:
            _remove(lab, hosts)
            if _is_the_last(users) and not lab.place.hosts():
                lab.down()


@contextmanager
def borrowed(*hosts: str) -> Iterator[Lab]:
    """The same, and the lab's internet is there afterwards only if it was before."""
    with shared(*hosts) as lab:
        before = lab.place.hosts()
        try:
            yield lab
        finally:
            if "internet" not in before:
                lab.destroy("internet")


def _remove(lab: Lab, hosts: Iterable[str]) -> None:
    for name in hosts:
        lab.destroy(name)


def _is_the_last(users: IO[str]) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
