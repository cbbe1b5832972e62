"""The program of role backup: which backup is taken, whom files belong to. Its use is seen in molecule/backup."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).resolve().parents[3] / "roles/backup/templates/backup/usr/lib/maillage"
SETTINGS: dict[str, Any] = {"territory": "calvados", "passwords": ["a", "b"], "upload": 0}
DAY = 86400


@pytest.fixture(autouse=True)
def program(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(SOURCE))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield
    for name in [name for name in sys.modules if name.split(".")[0] == "backups"]:
        del sys.modules[name]


def snapshot(serial: int, time: str, at: str = "manche", life: str = "one") -> dict[str, Any]:
    return {"serial": serial, "time": f"{time}T02:30:00.123456789Z", "at": at, "life": life}


FOUND = [
    snapshot(1, "2026-11-01"),
    snapshot(1, "2026-11-01", "orne"),
    snapshot(2, "2027-11-02"),  # a clock that was a year ahead
    snapshot(3, "2026-11-03"),
    snapshot(3, "2026-11-03", "orne"),
    snapshot(4, "2001-01-01", "orne"),  # a clock that had stopped
]


def test_the_newest_is_the_one_that_was_made_last() -> None:
    from backups import choice

    assert choice.candidates(FOUND) == [FOUND[5]]
    assert choice.candidates(FOUND[:5]) == [FOUND[3], FOUND[4]]
    assert choice.candidates(FOUND[:3]) == [FOUND[2]]


def test_a_moment_goes_by_the_dates() -> None:
    from backups import choice

    assert choice.candidates(FOUND, datetime(2026, 11, 2, tzinfo=UTC)) == [FOUND[0], FOUND[1]]
    assert choice.candidates(FOUND, datetime(2026, 11, 3, 12, tzinfo=UTC)) == [FOUND[3], FOUND[4]]


@pytest.mark.parametrize(("found", "at"), [([], None), (FOUND[:5], datetime(2020, 1, 1, tzinfo=UTC))])
def test_there_is_none(found: list[dict[str, Any]], at: datetime | None) -> None:
    from backups import choice, config

    with pytest.raises(config.BackupError, match="there is no backup"):
        choice.candidates(found, at)


def test_what_cannot_be_read_in_one_place_is_read_in_another(monkeypatch: pytest.MonkeyPatch) -> None:
    from backups import choice, config

    def take(each: dict[str, Any]) -> str:
        if each["at"] == "manche":
            raise config.BackupError("manche: damaged")
        return str(each["at"])

    monkeypatch.setattr(choice, "snapshots", lambda _settings: FOUND[:5])
    assert choice.taken(SETTINGS, None, take) == "orne"
    monkeypatch.setattr(choice, "snapshots", lambda _settings: FOUND[:3])
    with pytest.raises(config.BackupError, match="could be read from no repository:\nmanche: damaged"):
        choice.taken(SETTINGS, None, take)


def test_a_repository_for_each_quarter(monkeypatch: pytest.MonkeyPatch) -> None:
    from backups.repository import QUARTER, Repository

    now = 1_795_000_000.0
    monkeypatch.setattr("time.time", lambda: now)
    quarters = {
        offset: Repository({"name": "a", "url": "/a/", "offset": offset}, SETTINGS).quarter for offset in range(91)
    }
    assert len(set(quarters.values())) == 2  # by its offset, each begins on another day
    one = Repository({"name": "a", "url": "/a/", "offset": 0}, SETTINGS)
    assert one.places(one.quarter) == [f"g{one.quarter:04}", f"g{one.quarter:04}.1", f"g{one.quarter:04}.2"]
    first = one.quarter
    now += QUARTER * DAY
    assert one.quarter == first + 1


def test_files_belong_to_names(tmp_path: Path) -> None:
    from backups import ownership

    passwd = tmp_path / "passwd"
    passwd.write_text("root:x:0:0::/root:/bin/sh\nvmail:x:990:990::/:/bin/false\nradicale:x:991:991::/:/bin/false\n")
    own = ownership.numbers(passwd)
    assert own == {"root": 0, "vmail": 990, "radicale": 991}
    # Two have changed places, one stayed, one is not known here.
    assert ownership.changes({"root": 0, "vmail": 991, "radicale": 990, "other": 7}, own) == {991: 990, 990: 991}


def test_a_state_file_is_whole_and_private(tmp_path: Path) -> None:
    from backups import config

    path = tmp_path / "folder" / "life.json"
    assert config.read(path, {"serial": 0}) == {"serial": 0}
    config.write(path, {"serial": 7})
    assert config.read(path, None) == {"serial": 7}
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_what_restic_complains_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from backups import config, restic

    fake = tmp_path / "restic"
    fake.write_text('#!/bin/sh\necho "{\\"message\\": \\"Fatal: wrong\\"}" >&2\necho >&2\necho also this >&2\nexit 1\n')
    fake.chmod(0o755)
    monkeypatch.setitem(restic.ENVIRONMENT, "PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(config.BackupError, match=r"^restic check: Fatal: wrong$"):
        restic.run("/nowhere", "check", password="a sample")
    assert restic.run("/nowhere", "check", password="a sample", fine=(1,)) == (1, "")


def test_the_password_is_on_no_disk_and_in_no_argument(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from backups import restic

    fake = tmp_path / "restic"
    fake.write_text('#!/bin/sh\necho "$@"; tr "\\0" "\\n" < /proc/$$/environ; echo; cat "$4"\n')
    fake.chmod(0o755)
    monkeypatch.setitem(restic.ENVIRONMENT, "PATH", f"{tmp_path}:/usr/bin:/bin")
    _, said = restic.run("/nowhere", "check", password="a sample")
    assert said.endswith("\na sample")
    assert said.count("a sample") == 1


def test_results_are_metrics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from backups import config, report

    monkeypatch.setattr(config, "STATUS", tmp_path / "status.json")
    monkeypatch.setattr(config, "METRICS", tmp_path / "backup.prom")
    entry = {"made": 1_795_000_000.4, "bytes": 12, "error": ""}
    report.keep({"repositories": {"orne": {"error": "no"}, "manche": entry}, "drill": {"made": 1_795_000_001.0}})
    lines = (tmp_path / "backup.prom").read_text(encoding="utf-8").splitlines()
    assert 'maillage_backup_timestamp_seconds{repository="manche"} 1795000000' in lines
    assert 'maillage_backup_bytes{repository="manche"} 12' in lines
    assert "maillage_drill_timestamp_seconds 1795000001" in lines
    assert [line for line in lines if "orne" in line] == ['maillage_backup_failed{repository="orne"} 1']
    assert (tmp_path / "backup.prom").stat().st_mode & 0o777 == 0o644


def test_a_copy_that_cannot_be_made_is_kept_as_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from backups import config, copies, nightly
    from backups.repository import Repository

    for name in ("STATUS", "METRICS", "LIFE", "RESTORING"):
        monkeypatch.setattr(config, name, tmp_path / name)

    def fail(_settings: object, _life: object) -> None:
        raise config.BackupError("database: no copy could be made")

    monkeypatch.setattr(copies, "make", fail)
    monkeypatch.setattr(nightly, "choose", lambda *_: "g0001")
    monkeypatch.setattr(Repository, "everything", lambda _: [])
    places = [{"name": name, "url": "/a/", "offset": 0} for name in ("manche", "orne")]
    with pytest.raises(config.BackupError, match="no copy could be made"):
        nightly.run(SETTINGS | {"repositories": places, "state": []})
    kept = config.read(config.STATUS, {})["repositories"]
    assert {name: each["error"] for name, each in kept.items()} == dict.fromkeys(
        ("manche", "orne"), "database: no copy could be made"
    )


def test_what_took_too_long_is_not_taken_for_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from backups import config, restic
    from backups.repository import Repository

    fake = tmp_path / "restic"
    fake.write_text("#!/bin/sh\nexit 124\n")
    fake.chmod(0o755)
    monkeypatch.setitem(restic.ENVIRONMENT, "PATH", f"{tmp_path}:/usr/bin:/bin")
    one = Repository({"name": "own", "url": f"{tmp_path}/", "offset": 0}, SETTINGS)
    with pytest.raises(config.TookTooLong, match=r"own: restic snapshots took more than 600 s"):
        one.everything()
    assert one.broken == {}


@pytest.mark.parametrize(
    ("subscriber", "path"),
    [("..", ""), (".", ""), ("", ""), ("exemple/a", ""), ("exemple", ".."), ("exemple", "../voisin"),
     ("exemple", "a/../../voisin"), ("exemple", "/../voisin"), ("exemple", "a//b")],
)  # fmt: skip
def test_what_is_anothers_is_not_given_out(
    subscriber: str, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from backups import choice, config, extract

    monkeypatch.setattr(extract, "PLACE", tmp_path / "restored")
    monkeypatch.setattr(choice, "snapshots", lambda _: pytest.fail("it was looked for"))
    with pytest.raises(config.BackupError, match=r"is no login name|is not a path below"):
        extract.part(SETTINGS | {"state": [], "repositories": []}, None, subscriber, path)
    assert not (tmp_path / "restored").exists()


@pytest.mark.parametrize("command", ["cp {copies}/database {folder}/{uid}.ics", "exit 3"])
def test_the_copies_of_databases_do_not_stay(command: str, tmp_path: Path) -> None:
    """They are of everybody's data; a part is taken out of them, or cannot be."""
    from backups import config, extract

    class Kept:
        def restic(self, _place: str, *words: str) -> None:
            target = Path(words[words.index("--target") + 1])
            for word in words:
                if word == f"--include={config.NOW}":
                    (target / config.NOW.relative_to("/")).mkdir(parents=True)
                    (target / config.NOW.relative_to("/") / "database").write_text("all of it")

    target = tmp_path / "restored"
    target.mkdir()
    snapshot = {"repository": Kept(), "place": "g0001", "id": "a", "time": "2026-11-28T02:30:00Z", "at": "manche"}
    state = {"role": "nextcloud", "folder": "/srv/maillage/nextcloud", "dump": [], "subscriber": "data/{uid}/files"}
    settings = {"state": [state | {"extract": ["sh", "-c", command]}]}
    if command == "exit 3":
        with pytest.raises(config.BackupError, match="nextcloud: 3"):
            extract._fetched(settings, snapshot, target, "exemple", "")
    else:
        extract._fetched(settings, snapshot, target, "exemple", "")
    assert [path.name for path in target.iterdir()] == ([] if command == "exit 3" else ["exemple.ics"])
