"""The lab of this machine, for tests and benchmarks that leave it as it was: others may use it meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager

from orchestrator.providers.lab import Lab


@contextmanager
def borrowed(*hosts: str) -> Iterator[Lab]:
    """The lab without these hosts, before and after; whatever else was there before is there afterwards."""
    lab = Lab()
    before = set(lab.place.hosts())
    for name in hosts:
        lab.destroy(name)
    try:
        yield lab
    finally:
        for name in {"internet"} - before | set(hosts):
            lab.destroy(name)
        if not lab.place.hosts():
            lab.down()
