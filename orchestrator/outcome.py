"""What a run of Ansible did, gathered from its events. Pure: events in, an Outcome out."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, order=True)
class Change:
    """One thing that was changed, or in check mode would be.

    Attributes:
        host: inventory name of the host.
        role: the role that changed it.
        kind: file, directory, link, service, package, debconf, account, certificate, task…
        name: a path, unit, package or account; for `task`, the task's name.
        action: what was done: create, change, remove, install, start, reload…
    """

    host: str
    role: str
    kind: str
    name: str
    action: str


@dataclass(frozen=True)
class Failure:
    """The task that ended a host's run, and why, in the words of the task."""

    host: str
    role: str
    task: str
    reason: str
    unreachable: bool = False


@dataclass
class Outcome:
    """The whole of a run.

    Attributes:
        changes: in the order in which they happened.
        failures: one for each host that did not reach the end.
        notices: what could not be done though nothing failed, as (host, sentence).
        diffs: text of each difference shown, by (host, path).
        seconds: time spent in each role, by (host, role).
    """

    changes: list[Change] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    notices: list[tuple[str, str]] = field(default_factory=list)
    diffs: dict[tuple[str, str], str] = field(default_factory=dict)
    seconds: dict[tuple[str, str], float] = field(default_factory=dict)
    interrupted: bool = False

    def __add__(self, later: Outcome) -> Outcome:
        """This run and, after it, another one on the same hosts."""
        both = self.seconds | later.seconds
        return Outcome(
            [*self.changes, *later.changes],
            [*self.failures, *later.failures],
            [*self.notices, *later.notices],
            self.diffs | later.diffs,
            {key: self.seconds.get(key, 0.0) + later.seconds.get(key, 0.0) for key in both},
            self.interrupted or later.interrupted,
        )

    def as_data(self) -> dict[str, Any]:
        """The outcome as plain data, for `--json`."""
        return {
            "changes": [asdict(change) for change in self.changes],
            "notices": [{"host": host, "message": text} for host, text in self.notices],
            "failures": [asdict(failure) for failure in self.failures],
            "seconds": {f"{host} {role}": round(spent, 2) for (host, role), spent in self.seconds.items()},
        }


class Collector:
    """Gathers an Outcome from ansible-runner's events, given one at a time; `complete` once Ansible has summed up."""

    def __init__(self) -> None:
        self.outcome = Outcome()
        self.complete = False
        self._last_failure: dict[str, Failure] = {}

    def add(self, event: Mapping[str, Any]) -> None:
        """Take one event as ansible-runner hands it to its event handler."""
        kind, data = event.get("event"), event.get("event_data") or {}
        if kind in ("runner_on_ok", "runner_on_failed", "runner_on_unreachable"):
            self._add_result(kind, data)
        elif kind == "playbook_on_stats":
            self.complete = True
            ended = {**(data.get("failures") or {}), **(data.get("dark") or {})}
            self.outcome.failures = [
                self._last_failure.get(host, Failure(host, "", "", "the run ended early")) for host in ended
            ]

    def _add_result(self, kind: str, data: Mapping[str, Any]) -> None:
        host, role, task = data.get("host", ""), data.get("role") or "", data.get("task") or ""
        result = data.get("res") or {}
        spent = self.outcome.seconds
        spent[host, role] = spent.get((host, role), 0.0) + float(data.get("duration") or 0.0)
        if kind != "runner_on_ok":
            self._last_failure[host] = Failure(host, role, task, reason(result), kind == "runner_on_unreachable")
            return
        self.outcome.notices += [(host, str(text)) for text in result.get("notices") or []]
        declared = result.get("changes")
        if declared is not None:
            self.outcome.changes += [
                Change(host, role, item["kind"], item["name"], item["action"]) for item in declared
            ]
        elif result.get("changed"):
            self.outcome.changes.append(Change(host, role, "task", task, "run"))
        parts = result.get("diff")
        for part in parts if isinstance(parts, list) else [parts]:
            if isinstance(part, Mapping) and part:
                path = str(part.get("after_header") or part.get("before_header") or "")
                self.outcome.diffs[host, path] = part.get("prepared") or _unified(part)


def _unified(part: Mapping[str, Any]) -> str:
    before, after = (str(part.get(side) or "").splitlines(keepends=True) for side in ("before", "after"))
    return "".join(difflib.unified_diff(before, after, "now", "then"))


def reason(result: Mapping[str, Any]) -> str:
    """The cause that a failed task gives: its message, else the last line of what it printed."""
    message = str(result.get("msg") or "").strip()
    printed = str(result.get("stderr") or result.get("module_stderr") or result.get("stdout") or "").strip()
    if message and not message.startswith(("non-zero return code", "MODULE FAILURE")):
        return message
    return printed.splitlines()[-1] if printed else message or "the task gave no reason"
