"""SIGKILL before every single step of `tree`: what is there is always whole, and the next run finishes the work."""

from __future__ import annotations

import copy
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from component import Component, Systemd
from maillage import command, tree

SERVICES = [{"name": "a.service", "on_change": "restart"}, {"name": "b.service", "on_change": "reload"}]
OLD = {
    "files": {"service.conf": "old\n" * 50, "changed": ("old", "0640"), "stale": "old", "units/own.timer": "old"},
    "links": {"link": "old"},
    "services": [*SERVICES, {"name": "own.timer", "on_change": "none"}],
}
NEW = {
    "files": {"service.conf": "new\n" * 50, "changed": ("new", "0600"), "fresh/y": "new"},
    "directories": {"made": "0700"},
    "links": {"link": "new", "another": "new"},
    "absent": ["stock"],
    "services": SERVICES,
}
BROKEN = {**NEW, "files": {**NEW["files"], "service.conf": "BROKEN\n"}}

NAMES = ("root", "systemd", "journals")


class Run(NamedTuple):
    """How a run ended: exit code, number of its steps, and its error."""

    code: int
    steps: int
    message: str


class Countdown:
    """Counts the steps of this process that change the system, and kills it before the last one."""

    NAMES = frozenset(
        {
            "os.rename",
            "os.remove",
            "os.rmdir",
            "os.mkdir",
            "os.symlink",
            "os.chmod",
            "os.chown",
            "shutil.rmtree",
            "subprocess.Popen",
        }
    )

    def __init__(self, last: int) -> None:
        self.last, self.steps = last, 0

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Called by Python before each of its own steps."""
        written = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if event in self.NAMES or written:
            self.steps += 1
            if self.steps == self.last:
                os.kill(os.getpid(), signal.SIGKILL)


class Scene:
    """A component in its old state, with a stock file, and units that run with it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.kept = folder, folder / "kept"
        self.component, self.systemd = Component(folder), Systemd(folder / "systemd", folder / "root")
        self.run(OLD)
        (folder / "root" / "stock").write_text("of a package", encoding="utf-8")
        for name in NAMES:
            shutil.copytree(folder / name, self.kept / name, symlinks=True)

    def again(self) -> None:
        """Back to the beginning."""
        for name in NAMES:
            shutil.rmtree(self.folder / name)
            shutil.copytree(self.kept / name, self.folder / name, symlinks=True)

    def run(self, wanted: dict[str, Any], last: int = 0) -> Run:
        """Run in another process, that kills itself before the step number `last` (0: never)."""
        manifest = self.component.manifest(**copy.deepcopy(wanted))
        reader, writer = os.pipe()
        process = os.fork()
        if process == 0:
            message, countdown = "", Countdown(last)
            try:
                sys.addaudithook(countdown.hook)
                tree.main(manifest, check=False, diff=False)
            except command.NodeError as error:
                message = str(error)
            steps = countdown.steps
            countdown.last = -1
            os.write(writer, json.dumps([steps, message]).encode())
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader, encoding="utf-8") as file:
            said = file.read()
        _, status = os.waitpid(process, 0)
        steps, message = json.loads(said or '[0, ""]')
        return Run(os.waitstatus_to_exitcode(status), steps, message)

    def all_whole(self, *versions: dict[str, tuple[str, str]]) -> None:
        """Every path is as it is in one of the versions: none is half written."""
        for name, found in self.component.snapshot().items():
            if not name.rpartition("/")[2].startswith("."):
                assert found in [version.get(name) for version in versions], name

    def journal_is_closed(self) -> None:
        """Nothing is under way any more."""
        folder = self.folder / "journals" / "sample"
        assert json.loads((folder / "journal.json").read_text(encoding="utf-8"))["change"] == {}
        assert list((folder / "previous").iterdir()) == []


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A folder in memory: hundreds of runs need no disk, a killed process loses nothing that it wrote."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


@pytest.fixture
def scene(tmp_path: Path, systemd: Systemd) -> Scene:  # noqa: ARG001 - its program must be found
    """The component in its old state."""
    return Scene(tmp_path)


def test_killed_before_every_step_then_run_again(scene: Scene) -> None:
    old = scene.component.snapshot()
    steps = scene.run(NEW).steps
    new = scene.component.snapshot()
    assert steps > 40
    for last in range(1, steps + 1):
        scene.again()
        assert scene.run(NEW, last).code == -signal.SIGKILL
        scene.all_whole(old, new)
        assert scene.run(NEW).message == ""
        assert scene.component.snapshot() == new, f"killed before step {last}"
        scene.journal_is_closed()
        assert scene.systemd.running("a.service") == "new\n" * 50
        assert scene.systemd.running("b.service") == "new\n" * 50
        assert scene.systemd.running("own.timer") is None


def test_killed_then_the_old_version_is_wanted_again(scene: Scene) -> None:
    old = {name: found for name, found in scene.component.snapshot().items() if name != "stock"}
    steps = scene.run(NEW).steps
    for last in range(1, steps + 1, 3):
        scene.again()
        scene.run(NEW, last)
        assert scene.run(OLD).message == ""
        left = scene.component.snapshot()
        assert {name: found for name, found in left.items() if name in old} == old, f"killed before step {last}"
        # Directories stay once the change that made them is done; before that, even the stock file is put back.
        assert set(left) - set(old) in ({"stock"}, {"made", "fresh"}), f"killed before step {last}"
        scene.journal_is_closed()
        assert scene.systemd.running("a.service") == "old\n" * 50
        assert scene.systemd.running("own.timer") == "old\n" * 50


def test_killed_while_putting_back(scene: Scene) -> None:
    scene.run(NEW)
    new = scene.component.snapshot()
    scene.again()
    old = scene.component.snapshot()
    _, steps, message = scene.run(BROKEN)
    assert "a.service did not restart; the previous files are back" in message
    assert scene.component.snapshot() == old
    assert scene.systemd.running("a.service") == "old\n" * 50
    assert scene.systemd.running("own.timer") == "old\n" * 50
    for last in range(steps // 2, steps + 1):
        scene.again()
        scene.run(BROKEN, last)
        assert scene.run(NEW).message == ""
        assert scene.component.snapshot() == new, f"killed before step {last}"
        scene.journal_is_closed()
        assert scene.systemd.running("a.service") == "new\n" * 50
