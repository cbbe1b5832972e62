"""Every scenario of molecule/, each in a run of its own: what `molecule test -s ROLE` does by hand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from borrowed import shared

from orchestrator.errors import LabUnavailable
from orchestrator.providers.lab import Lab, machine

ROOT = Path(__file__).resolve().parent.parent
ROLES = sorted(path.parent.parent.name for path in ROOT.glob("roles/*/tasks/main.yml"))
HOSTS = ("noeud.essai", "monde.essai", "internet.essai", "voisine.essai", "image.essai")
SECONDS = 1800  # for one scenario, the images that the first one makes included


@pytest.fixture(scope="module", autouse=True)
def lab() -> Iterator[None]:
    """The lab of this machine, without hosts of ours before and after; down again if nobody else uses it."""
    try:
        machine.check()
    except LabUnavailable as error:
        pytest.skip(str(error))
    with Lab().place.locked("molecule"), shared(*HOSTS):  # two runs at once would end each other's hosts
        yield


@pytest.mark.lab
@pytest.mark.parametrize("role", ROLES)
def test_role(role: str, tmp_path: Path) -> None:
    binaries = Path(sys.executable).parent
    environment = {
        **os.environ,
        "PATH": f"{binaries}:{os.environ['PATH']}",
        "MOLECULE_EPHEMERAL_DIRECTORY": str(tmp_path),
        "NO_COLOR": "1",
    }
    done = subprocess.run(
        [binaries / "molecule", "test", "--no-command-borders", "--scenario-name", role],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    said = done.stdout.splitlines()
    where = "\n".join(line for line in said if re.match(r"(TASK|fatal|failed|.*\bmsg\b)", line.strip()))
    assert done.returncode == 0, f"scenario {role}:\n{done.stdout[-20_000:]}\nin short:\n{where[-2000:]}"
