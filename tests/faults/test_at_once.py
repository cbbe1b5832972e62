"""A laptop and a CI job deploy the same territory: the second names the first, and a lock dies with its holder."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from disturbed import ROOT


@pytest.fixture
def folder():
    """A folder with a short name: the socket of a shared connection has to fit into 100 characters."""
    with tempfile.TemporaryDirectory(prefix="maillage-") as name:
        yield Path(name)


def deploy(territory, folder):
    """A deployment from another controller: it shares no connection with any other."""
    folder.mkdir(mode=0o700, exist_ok=True)
    command = [
        sys.executable,
        "-m",
        "orchestrator",
        "--mesh",
        str(territory.mesh),
        "deploy",
        territory.name,
        "--no-verify",
    ]
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(folder), "USER": folder.name, "LOGNAME": folder.name}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True, **pipes)


def test_two_controllers(orne, note, folder):
    orne.deploy()
    with deploy(orne, folder / "laptop") as first:
        for line in first.stderr:
            if "base:" in line:  # it holds the lock by now
                break
        with deploy(orne, folder / "job") as second:
            _, words = second.communicate(timeout=60)
        assert second.returncode == 8, words
        assert "being changed by laptop@" in words
        assert first.poll() is None
        os.killpg(first.pid, signal.SIGKILL)
    begun = time.monotonic()
    while True:
        with deploy(orne, folder / "job") as third:
            _, words = third.communicate(timeout=120)
        if third.returncode != 8:
            break
        assert time.monotonic() - begun < 60, "the lock of a controller that is dead is still held"
        time.sleep(0.5)
    assert third.returncode == 0, words
    note("holder of the lock killed", seconds=time.monotonic() - begun)
    assert orne.deploy()["changes"] == []
