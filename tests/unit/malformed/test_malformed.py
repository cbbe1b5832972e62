"""Every malformed territory is met with its sentences, exit code 3, no traceback, and nothing touched."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from malformed_cases import CASES, SUBSCRIPTIONS, TERRITORY, Case, Link

from orchestrator import cli


def lay_out(folder: Path, files: dict[str, str | bytes | Link | None]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(text, Link):
            path.symlink_to(text.target)
        elif text is None:
            path.mkdir()
        else:
            path.write_bytes(text.encode() if isinstance(text, str) else text)


def seen(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        found[str(path)] = (status.st_mode, status.st_mtime_ns, content)
    return found


@pytest.fixture
def mesh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty mesh folder; state and keys beside it, so that a write anywhere is seen."""
    for variable, name in (("MAILLAGE_STATE", "state"), ("XDG_CONFIG_HOME", "config"), ("XDG_STATE_HOME", "xdg")):
        monkeypatch.setenv(variable, str(tmp_path / name))
    folder = tmp_path / "mesh"
    folder.mkdir()
    return folder


def test_the_base_of_the_cases_is_valid(mesh: Path) -> None:
    lay_out(mesh, {"calvados/territory.yml": TERRITORY, "calvados/subscriptions.yml": SUBSCRIPTIONS})
    assert cli.main(["--mesh", str(mesh), "validate"]) == 0


def test_there_are_at_least_sixty() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 60


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("command", ["validate", "credentials"])
def test_malformed(case: Case, command: str, mesh: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lay_out(mesh, case.files)
    before = seen(tmp_path)
    arguments = ["credentials", "calvados"] if command == "credentials" else ["validate"]
    assert cli.main(["--mesh", str(mesh), *arguments]) == 3
    output = capsys.readouterr()
    lines = output.err.splitlines()
    assert output.out == ""
    for problem in case.problems:
        assert any(line.startswith(f"{mesh}/{problem}") for line in lines), (problem, lines)
    assert len(lines) == len(case.problems), lines
    assert all(len(line) < 400 and line.isprintable() for line in lines)
    assert seen(tmp_path) == before


@pytest.mark.parametrize(
    "name", ["duplicate key", "alias bomb", "deep nesting in brackets", "UTF-16", "link to itself"]
)
def test_malformed_in_a_process_of_its_own(name: str, mesh: Path) -> None:
    [case] = [case for case in CASES if case.name == name]
    lay_out(mesh, case.files)
    done = subprocess.run(
        [sys.executable, "-m", "orchestrator", "validate", "--mesh", str(mesh)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 3
    assert [line.startswith(f"{mesh}/{case.problems[0]}") for line in done.stderr.splitlines()] == [True]
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("unreadable", "expected"),
    [
        (
            "calvados/territory.yml",
            "calvados/territory.yml: cannot be read (Permission denied); check its owner and mode",
        ),
        ("calvados/subscriptions.yml", "calvados/subscriptions.yml: cannot be read (Permission denied)"),
        ("calvados", "calvados: cannot be read; check its owner and mode"),
        ("", ": cannot be read as a mesh folder (Permission denied)"),
    ],
)
def test_unreadable(unreadable: str, expected: str, mesh: Path, tmp_path: Path) -> None:
    """As an unprivileged user: root reads everything."""
    lay_out(mesh, {"calvados/territory.yml": TERRITORY, "calvados/subscriptions.yml": SUBSCRIPTIONS})
    cli.main(["--mesh", str(mesh), "validate"])  # imports everything before the user changes
    (mesh / unreadable).chmod(0)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(writing, 2)
        sys.stderr = os.fdopen(2, "w")
        os.chdir(mesh if unreadable else tmp_path)  # the folders above are closed to others
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
        code = cli.main(["--mesh", "." if unreadable else "mesh", "validate"])
        sys.stderr.flush()
        os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as stream:
        text = stream.read()
    _, status = os.waitpid(child, 0)
    (mesh / unreadable).chmod(0o755)
    assert text.startswith(expected if unreadable else f"mesh{expected}"), text
    assert len(text.splitlines()) == 1
    assert os.waitstatus_to_exitcode(status) == 3
