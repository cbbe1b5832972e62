"""Says what a run did, or what a plan would do, in lines for people. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import groupby

from orchestrator.outcome import Change, Failure, Outcome

SIGNS = {"create": "+", "install": "+", "start": "+", "enable": "+", "issue": "+", "remove": "-", "stop": "-"}
PLURALS = {"directory": "directories", "authority": "authorities"}
LEFT = "keep aside"  # what could not be moved


def changes(outcome: Outcome, *, each: bool) -> Iterator[str]:
    """One line for each host and role that changes something, with the time spent there.

    Args:
        outcome: the run or the plan.
        each: also one line for every single change, marked + - or ~.
    """
    ordered = sorted(outcome.changes, key=lambda change: (change.host, _rank(outcome, change)))
    for (host, role), group in groupby(ordered, key=lambda change: (change.host, change.role)):
        found = list(group)
        counts = Counter((change.action, change.kind) for change in found)
        summary = ", ".join(f"{action} {_count(number, kind)}" for (action, kind), number in counts.items())
        yield f"  {host:20} {role:14} {summary}"
        if each:
            yield from (f"      {SIGNS.get(change.action, '~')} {change.kind} {change.name}" for change in found)


def notices(outcome: Outcome) -> Iterator[str]:
    """A line for each thing that could not be done though nothing failed."""
    yield from (f"{host}: {text}" for host, text in outcome.notices)


def left(outcome: Outcome) -> Iterator[str]:
    """A line for each thing that a move could not take along, with the reason, and where radicale's data is now."""
    found = [change.name for change in outcome.changes if change.action == LEFT]
    if found:
        yield f"not moved, or not as it was ({_count(len(found), 'thing')}); radicale's own is kept:"
        yield from (f"  {name}" for name in found)
    yield from (
        f"radicale's data is now in {change.name}" for change in outcome.changes if change.action == "set aside"
    )


def times(outcome: Outcome) -> str:
    """The time spent in each role, the longest first; for several hosts, the slowest of them."""
    slowest: dict[str, float] = {}
    for (_, role), seconds in outcome.seconds.items():
        slowest[role or "other"] = max(seconds, slowest.get(role or "other", 0.0))
    ordered = sorted(slowest.items(), key=lambda item: -item[1])
    return ", ".join(f"{role} {seconds:.1f} s" for role, seconds in ordered if seconds >= 0.05)


def failures(outcome: Outcome) -> str:
    """For each host that did not reach the end: where, why, and what to do."""
    return "\n".join(
        ": ".join(filter(None, (failure.host, *_where(failure), failure.reason))) for failure in outcome.failures
    )


def _where(failure: Failure) -> tuple[str, ...]:
    if failure.unreachable:
        return ("the host does not answer",)
    return (failure.role or "playbook", failure.task) if failure.task else ()


def _count(number: int, kind: str) -> str:
    return f"1 {kind}" if number == 1 else f"{number} {PLURALS.get(kind, kind + 's')}"


def _rank(outcome: Outcome, change: Change) -> int:
    """Roles in the order in which they ran."""
    order = list(dict.fromkeys(role for _, role in outcome.seconds))
    return order.index(change.role) if change.role in order else len(order)


def size(number: float) -> str:
    """Bytes for people."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"
