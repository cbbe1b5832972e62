"""The libraries of the node's modules, importable as they are on the node; components on a scratch folder."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "plugins" / "module_utils"))

from component import Component, Systemd  # needs the path above


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Systemd:
    """A small systemctl of its own, that runs units which only remember their configuration."""
    fake = Systemd(tmp_path / "systemd", tmp_path / "root")
    fake.install()
    from maillage import command, guard, services

    monkeypatch.setitem(command.ENVIRONMENT, "PATH", f"{fake.folder}:{command.ENVIRONMENT['PATH']}")
    monkeypatch.setattr(services, "UNIT_FOLDERS", (str(tmp_path / "root" / "units") + "/",))
    monkeypatch.setattr(guard, "UNITS", str(fake.folder / "units"))
    (fake.folder / "units").mkdir()
    return fake


@pytest.fixture
def component(tmp_path: Path) -> Component:
    """A component whose files are below `root` in the test's own folder."""
    return Component(tmp_path)
