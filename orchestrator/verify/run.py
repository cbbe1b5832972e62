"""Make groups of checks at the same time, each check in bounded time; one that fails never stops another."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from orchestrator.verify.check import Check, CheckSkippedError, Step, sentence


@dataclass(frozen=True)
class Limits:
    """Bounds of time, in seconds.

    Attributes:
        operation: one connection, one reading, one answer of a nameserver.
        step: one check.
        total: the whole verification.
    """

    operation: float = 8
    step: float = 40
    total: float = 240


def run(groups: Mapping[str, Iterable[Step]], limits: Limits, clean: Callable[[str], str]) -> Iterator[Check]:
    """Run the groups at the same time and give their checks group by group, each as soon as it is known.

    Args:
        groups: steps by the name of their group; within a group they are made one after the other.
        limits: see Limits.
        clean: takes secrets out of a sentence.
    """
    deadline = time.monotonic() + limits.total
    results = {name: _start(name, steps, limits, clean) for name, steps in groups.items()}
    for name, checks in results.items():
        while True:
            try:
                check = checks.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                yield Check(name, False, f"not finished after {limits.total:g} s", limits.total)
                break
            if check is None:
                break
            yield check


def _start(
    name: str, steps: Iterable[Step], limits: Limits, clean: Callable[[str], str]
) -> queue.SimpleQueue[Check | None]:
    checks: queue.SimpleQueue[Check | None] = queue.SimpleQueue()

    def work() -> None:
        try:
            for step in steps:
                checks.put(attempt(step, limits.step, clean))
        except Exception as error:
            # The list of steps itself could not be made: that is a failed check too.
            checks.put(Check(name, False, clean(sentence(error)), 0.0))
        finally:
            checks.put(None)

    _daemon(work)
    return checks


def attempt(step: Step, limit: float, clean: Callable[[str], str]) -> Check:
    """Make one check, and give up waiting for it after the limit, in seconds.

    Timeouts of sockets are not enough: a server that sends one byte now and then never meets them.
    """
    outcome: queue.SimpleQueue[tuple[bool, str, str | None]] = queue.SimpleQueue()

    def work() -> None:
        try:
            outcome.put((True, clean(step.look()), None))
        except CheckSkippedError as error:
            outcome.put((False, "", clean(str(error))))
        except Exception as error:
            outcome.put((False, clean(sentence(error)), None))

    started = time.monotonic()
    _daemon(work)
    try:
        ok, seen, skipped = outcome.get(timeout=limit)
    except queue.Empty:
        ok, seen, skipped = False, f"no end after {limit:g} s", None
    return Check(step.name, ok, seen, round(time.monotonic() - started, 3), skipped)


def _daemon(work: Callable[[], None]) -> None:
    # A daemon, unlike the threads of an executor, does not keep the program from ending when it hangs.
    threading.Thread(target=work, daemon=True).start()
