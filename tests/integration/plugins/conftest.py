"""A lab host of these tests, and plays on it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "unit" / "plugins"))

from borrowed import shared
from playbook import Playbook  # needs the path above
from plugin_host import HOST

from orchestrator.providers.lab import Lab


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """The lab of this machine, with a fresh host of ours; nothing of it remains."""
    with shared(HOST.name) as lab:
        lab.up([HOST])
        yield lab


@pytest.fixture
def play(lab: Lab, tmp_path: Path) -> Playbook:
    """Plays on the host."""
    return Playbook(tmp_path / "play", {HOST.name: lab.connection(HOST.name).ansible_variables()})
