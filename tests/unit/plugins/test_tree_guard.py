"""A guarded change: confirmed, put back by the program saved on the host, or found unconfirmed by the next run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from component import Component, Systemd
from maillage import tree
from maillage.command import NodeError

LIBRARIES = Path(__file__).resolve().parents[3] / "plugins" / "module_utils"
SOURCES = {
    "maillage" if path.stem == "__init__" else f"maillage.{path.stem}": path.read_text(encoding="utf-8")
    for path in (LIBRARIES / "maillage").glob("*.py")
}
GUARDED: dict[str, Any] = {
    "guard": True,
    "sources": SOURCES,
    "services": [{"name": "a.service", "on_change": "reload"}],
}


@pytest.fixture
def changed(component: Component, systemd: Systemd) -> str:  # noqa: ARG001 - its program must be found
    """A guarded change that is not confirmed yet; gives the timer's name."""
    component.run(files={"service.conf": "old"}, services=GUARDED["services"])
    answer = component.run(files={"service.conf": "new", "more": "new"}, **GUARDED)
    assert answer["changed"]
    return str(answer["confirm"])


def confirm(component: Component, timer: str) -> bool:
    """Confirm as the action plugin does; whether it came in time."""
    given = {"component": "sample", "confirm": timer, "journals": str(component.folder / "journals")}
    return bool(tree.main(given, check=False, diff=False)["confirmed"])


def units(systemd: Systemd) -> list[str]:
    """The units that stand for what is to be put back, and what wants them when the host starts."""
    return sorted(
        str(path.relative_to(systemd.folder / "units")) for path in (systemd.folder / "units").rglob("*.service")
    )


def put_back(systemd: Systemd) -> str:
    """What the timer does, and a new start of the host: the saved program, by its path alone."""
    text = (systemd.folder / "units" / "maillage-guard-sample.service").read_text(encoding="utf-8")
    *command, path = text.strip().rpartition("=")[2].split()
    program = Path(path)
    assert command == [sys.executable, "-I"]
    assert program.stat().st_mode & 0o077 == 0
    folders = f"from maillage import command, guard; guard.UNITS = {str(systemd.folder / 'units')!r}\n"
    folders += f"command.ENVIRONMENT['PATH'] = '{systemd.folder}:' + command.ENVIRONMENT['PATH']\n"
    text = program.read_text(encoding="utf-8").replace("from maillage.guard", folders + "from maillage.guard")
    done = subprocess.run([sys.executable, "-I", "-c", text], capture_output=True, text=True, timeout=30, check=True)
    return done.stdout


def test_the_host_knows_what_to_do_when_it_starts(systemd: Systemd, changed: str) -> None:
    assert units(systemd) == ["maillage-guard-sample.service", "multi-user.target.wants/maillage-guard-sample.service"]
    assert [call for call in systemd.calls() if "daemon-reload" in call or call.startswith("systemd-run")][-2:] == [
        "daemon-reload",
        f"systemd-run --quiet --collect --unit={changed}.service --on-active=90 --timer-property=AccuracySec=1s",
    ]


def test_confirmed_change_stays(component: Component, systemd: Systemd, changed: str) -> None:
    assert confirm(component, changed) is True
    assert "stop maillage-guard-sample.timer maillage-guard-sample.service" in systemd.calls()
    assert units(systemd) == []
    assert component.snapshot()["service.conf"] == ("file 644", "new")
    assert component.run(files={"service.conf": "new", "more": "new"}, **GUARDED)["changed"] is False
    assert component.changes(component.run(dry=True)) == {
        ("file", "service.conf", "remove"),
        ("file", "more", "remove"),
    }


def test_unconfirmed_change_is_put_back_by_the_host_alone(component: Component, systemd: Systemd, changed: str) -> None:
    assert systemd.running("a.service") == "new"
    assert "the previous files are back" in put_back(systemd)
    assert units(systemd) == []
    assert component.snapshot() == {"service.conf": ("file 644", "old")}
    assert systemd.running("a.service") == "old"
    assert confirm(component, changed) is False


def test_next_run_starts_from_the_previous_files(component: Component, systemd: Systemd, changed: str) -> None:  # noqa: ARG001
    answer = component.run(files={"service.conf": "old"}, services=GUARDED["services"])
    assert answer["changed"] is False
    assert component.snapshot() == {"service.conf": ("file 644", "old")}
    assert systemd.running("a.service") == "old"


def test_nothing_to_change_arms_nothing(component: Component, systemd: Systemd) -> None:
    component.run(files={"service.conf": "old"}, services=GUARDED["services"])
    assert "confirm" not in component.run(files={"service.conf": "old"}, **GUARDED)
    assert not any(call.startswith("systemd-run") for call in systemd.calls())


def test_nothing_is_changed_when_the_timer_cannot_be_armed(component: Component, systemd: Systemd) -> None:
    (systemd.folder / "systemd-run").write_text("#!/bin/sh\necho no bus >&2; exit 1\n", encoding="utf-8")
    with pytest.raises(NodeError, match=r"(?s)could not be armed, nothing was changed:\nno bus"):
        component.run(files={"service.conf": "new"}, **GUARDED)
    assert component.snapshot() == {}


def test_objection_under_guard_disarms_the_timer(component: Component, systemd: Systemd) -> None:
    with pytest.raises(NodeError, match="the previous files are back"):
        component.run(files={"service.conf": "BROKEN"}, **GUARDED)
    assert systemd.calls().count("stop maillage-guard-sample.timer maillage-guard-sample.service") == 2
    assert component.snapshot() == {}
