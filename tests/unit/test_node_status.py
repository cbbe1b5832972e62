"""What a host says of itself, in words."""

from __future__ import annotations

from typing import Any

from orchestrator import node_status

NOW = 1_800_000_000.0  # 2027-01-15 08:00:00 UTC
GOOD = {"made": NOW - 5 * 3600, "files": 12, "bytes": 3_400_000, "checked": NOW - 4 * 3600, "part": "3/28", "error": ""}
FOUND: dict[str, Any] = {
    "now": NOW,
    "places": ["manche", "orne"],
    "restoring": False,
    "repositories": {"manche": GOOD, "orne": GOOD | {"made": NOW - 60, "checked": NOW - 5}},
    "drill": {"made": NOW - 3 * 86400, "from": "manche", "bytes": 3_400_000, "took": 20.4, "error": ""},
    "peers": {"manche": NOW - 30, "orne": 0},
    "cards": {"manche": "2027-12-01", "orne": "2027-01-10"},
    "certificates": {"calvados.example": "2027-03-01 00:00:00Z"},
    "disk": {"total": 20e9, "free": 12.34e9},
}


def told(**changed: Any) -> list[str]:
    return [f"{what}: {line}" for what, line in node_status.told(FOUND | changed)]


def test_all_is_well() -> None:
    assert told() == [
        "backup: manche: 5 h ago, 12 files, 3 MB; found whole 4 h ago, part 3/28 read back",
        "backup: orne: 60 s ago, 12 files, 3 MB; found whole 5 s ago, part 3/28 read back",
        "drill: 3 days ago, 3 MB from manche in 20 s",
        "peer: manche: heard 30 s ago",
        "peer: orne: never heard",
        "card: manche: 320 days left",
        "card: orne: has ended",
        "certificate: calvados.example: 45 days left",
        "disk: 12 GB free of 20 GB",
    ]


def test_a_node_that_has_done_nothing_yet() -> None:
    first, second, *_ = told(repositories={}, drill={}, peers={})
    assert first == "backup: none by this host yet: `backup run` makes one"
    assert second == "drill: never"


def test_one_copy_is_not_enough() -> None:
    assert told(places=["own"], repositories={"own": GOOD})[1].startswith("backup: WARNING one copy only: ")


def test_failures_come_with_the_last_good_one() -> None:
    wrong = GOOD | {"error": "manche does not answer", "tried": NOW - 600}
    lines = told(repositories={"manche": wrong, "orne": {"error": "no", "tried": NOW}}, drill={"error": "damaged"})
    assert lines[0].startswith("backup: manche: FAILED 10 min ago: manche does not answer; last good one 5 h ago, 12")
    assert lines[1] == "backup: orne: FAILED 0 s ago: no; last good one never"
    assert lines[2] == "drill: FAILED: damaged; last good one never"


def test_what_a_wrong_clock_has_dated_is_said() -> None:
    assert "in 365 days (a clock is wrong)" in told(repositories={"manche": GOOD | {"made": NOW + 365 * 86400}})[0]


def test_an_end_of_a_certificate_and_an_unfinished_restore() -> None:
    lines = told(certificates={"calvados.example": "2027-01-01 00:00:00Z"}, restoring=True)
    assert lines[0] == "restore: is not finished: the same `restore` again goes on"
    assert "certificate: calvados.example: has ended" in lines


def test_what_the_monitoring_has_found() -> None:
    words = {"en": "[name] does not run ([nothing]).", "first": "systemctl status [name]"}
    alert = {"annotations": words, "labels": {"name": "nginx.service", "territory": "calvados"}}
    assert "alert: nginx.service does not run (). First: systemctl status nginx.service" in told(alerts=[alert])
    assert not any(line.startswith("alert") for line in told(alerts=None) + told(alerts=[]))
