"""Territories for the tests, and folders of their own for state and keys."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings
from sample_territories import REAL, SAMPLE

from orchestrator import engines, mesh
from orchestrator.model import Node

settings.register_profile("busy", deadline=None)  # nothing here is wrong because the machine is busy
settings.load_profile("busy")


@pytest.fixture
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """State, keys and mesh in the test's own folder, with no key given by the environment."""
    monkeypatch.setenv("MAILLAGE_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("MAILLAGE_KEY_COMMAND", raising=False)
    monkeypatch.delenv("MAILLAGE_KEY_MONTAGNE", raising=False)
    monkeypatch.delenv("MAILLAGE_DEBUG", raising=False)
    return tmp_path


@pytest.fixture
def lab_node(own_folders: Path) -> Node:  # noqa: ARG001
    """The sample territory: in the lab, with one subscriber."""
    return engines.load(SAMPLE).nodes["calvados"]


@pytest.fixture
def real_node(own_folders: Path) -> Node:
    """A territory on a machine reached by SSH, with no subscriber."""
    folder = own_folders / "mesh" / "montagne"
    folder.mkdir(parents=True)
    (folder / "territory.yml").write_text(REAL, encoding="utf-8")
    return mesh.load(folder.parent).nodes["montagne"]
