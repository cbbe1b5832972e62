"""What `restore` is asked: moments, subscribers and paths."""

from __future__ import annotations

from datetime import datetime

import pytest
from sample_territories import SAMPLE

from orchestrator import cli, host_backup
from orchestrator.commands import restore


@pytest.mark.parametrize(
    ("written", "includes", "excludes"),
    [
        ("2026-11-28", "2026-11-28T23:59:59.9", "2026-11-29T00:00:00"),
        ("2026-11-28T18:45", "2026-11-28T18:45:59.9", "2026-11-28T18:46:00"),
        ("2026-11-28T18:45:03", "2026-11-28T18:45:03.7", "2026-11-28T18:45:04"),
        ("2026-11-28T18:45:03+01:00", "2026-11-28T18:45:03.7+01:00", "2026-11-28T18:45:04+01:00"),
        ("2026-11-28T18:45+01:00", "2026-11-28T18:45:59.7+01:00", "2026-11-28T18:46:00+01:00"),
    ],
)
def test_a_moment_includes_what_it_names(written: str, includes: str, excludes: str) -> None:
    moment = datetime.fromisoformat(restore._moment(written))
    assert datetime.fromisoformat(includes).astimezone() <= moment < datetime.fromisoformat(excludes).astimezone()


@pytest.mark.parametrize(
    "words",
    [
        ["--subscriber", ""],
        ["--subscriber", "."],
        ["--subscriber", ".."],
        ["--subscriber", "exemple/agenda"],
        ["--subscriber", "exemple", "--path", ""],
        ["--subscriber", "exemple", "--path", ".."],
        ["--subscriber", "exemple", "--path", "../voisin"],
        ["--subscriber", "exemple", "--path", "agenda/../../voisin"],
        ["--subscriber", "exemple", "--path", "a//b"],
        ["--subscriber", "exemple", "--replace"],
        ["--path", "Photos"],
        ["--at", "hier"],
    ],
)
@pytest.mark.usefixtures("own_folders")
def test_nothing_else_is_given_out(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(host_backup, "extract", lambda *_: pytest.fail("it was asked for"))
    monkeypatch.setattr(host_backup, "restore", lambda *_: pytest.fail("it was asked for"))
    with pytest.raises(SystemExit, match="2") as ended:
        raise SystemExit(cli.main(["--mesh", str(SAMPLE), "restore", "calvados", *words]))
    assert ended.value.code == 2
    assert capsys.readouterr().err
