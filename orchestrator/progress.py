"""Shows a run while it goes: a bar on a terminal, plain lines elsewhere, always on standard error.

The expected time is the last one measured on this machine for the same kind of run.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Listener = Callable[[Mapping[str, Any]], None]


@contextmanager
def shown(kind: str) -> Iterator[Listener]:
    """Show one run; the value is the listener to hand to the runner.

    Args:
        kind: names runs that take about as long: "deploy-first", "deploy", "plan"…
    """
    begun, expected = time.monotonic(), _recall().get(kind)
    if sys.stderr.isatty():
        with _bar(expected) as listener:
            yield listener
    else:
        yield _lines(begun)
    _remember(kind, time.monotonic() - begun)


def note(text: str) -> None:
    """Say one line about what is being done now."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _task(event: Mapping[str, Any]) -> str | None:
    if event.get("event") != "playbook_on_task_start":
        return None
    data = event.get("event_data") or {}
    name = str(data.get("task") or "")
    return None if name.startswith("Validating arguments") else f"{data.get('role') or 'playbook'}: {name}"


def _lines(begun: float) -> Listener:
    def listen(event: Mapping[str, Any]) -> None:
        if task := _task(event):
            note(f"{time.monotonic() - begun:6.1f} s  {task}")

    return listen


@contextmanager
def _bar(expected: float | None) -> Iterator[Listener]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    usual = TextColumn(f"of about {expected:.0f} s" if expected else "")
    columns = (BarColumn(bar_width=30), TimeElapsedColumn(), usual, TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("starting", total=expected)
        begun = time.monotonic()

        def listen(event: Mapping[str, Any]) -> None:
            spent = time.monotonic() - begun
            progress.update(bar, completed=min(spent, expected or spent))
            if task := _task(event):
                progress.update(bar, description=task)

        yield listen


def _memory() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(cache) / "maillage" / "seconds.json"


def _recall() -> dict[str, float]:
    try:
        known = json.loads(_memory().read_text(encoding="utf-8"))
        return {str(kind): float(seconds) for kind, seconds in known.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}  # never measured here, or not by us: then nothing is promised


def _remember(kind: str, seconds: float) -> None:
    path = _memory()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({**_recall(), kind: round(seconds, 1)}), encoding="utf-8")
    except OSError as error:
        note(f"the time of this run is not kept: {error.strerror}: {path}")
