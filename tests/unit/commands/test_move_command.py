import shutil
from pathlib import Path

import pytest
from sample_territories import SAMPLE

from orchestrator import cli, hosts, report
from orchestrator.outcome import Change, Failure, Outcome


@pytest.fixture
def mesh(own_folders: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = own_folders / "mesh"
    shutil.copytree(SAMPLE, folder)
    monkeypatch.setenv("MAILLAGE_MESH", str(folder))
    monkeypatch.setattr(hosts, "ensure", lambda *_, **__: pytest.fail("a host was touched"))
    return folder


@pytest.mark.usefixtures("mesh")
def test_the_engine_is_changed_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["move", "orne"]) == 2
    assert "write `engine: nextcloud` in its territory.yml first" in capsys.readouterr().err


@pytest.mark.usefixtures("mesh")
def test_a_territory_that_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["move", "orme"]) == 2
    assert "did you mean orne?" in capsys.readouterr().err


def change(kind: str, name: str, action: str) -> Change:
    return Change("caen.calvados", "nextcloud", kind, name, action)


def test_what_is_left_is_said_line_by_line() -> None:
    moved = Outcome([change("calendar", "exemple/a (2 items)", "move")])
    assert list(report.left(moved)) == []
    kept = [
        change("item", "exemple/a/x.ics: Nextcloud refuses it: no UID", report.LEFT),
        change("folder", "/srv/maillage/removed/radicale-2026", "set aside"),
    ]
    assert list(report.left(moved + Outcome(kept))) == [
        "not moved, or not as it was (1 thing); radicale's own is kept:",
        "  exemple/a/x.ics: Nextcloud refuses it: no UID",
        "radicale's data is now in /srv/maillage/removed/radicale-2026",
    ]


def test_two_runs_add_up() -> None:
    first = Outcome([change("a", "a", "a")], seconds={("h", "base"): 1.0})
    second = Outcome([change("b", "b", "b")], [Failure("h", "r", "t", "why")], seconds={("h", "base"): 0.5})
    both = first + second
    assert [each.kind for each in both.changes] == ["a", "b"]
    assert (both.failures, both.seconds, both.interrupted) == (second.failures, {("h", "base"): 1.5}, False)
    assert (first + Outcome(interrupted=True)).interrupted
