"""What a plan says of those who use the node, and of its data; and when a host may be given back."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator import foreseen
from orchestrator.commands import deprovision
from orchestrator.outcome import Change, Outcome
from orchestrator.rented import Step

HOST = "caen.calvados"


def service(name: str, action: str, host: str = HOST) -> Change:
    return Change(host, "web", "service", name, action)


def test_what_stops_is_named_once_with_how_long() -> None:
    outcome = Outcome(
        changes=[
            service("nginx.service", "restart"),
            service("nginx.service", "restart"),
            service("slapd.service", "reload"),
            service("radicale.service", "stop"),
            service("postfix.service", "restart", "another.host"),
            Change(HOST, "web", "file", "/etc/nginx/nginx.conf", "change"),
        ]
    )
    steps = [
        Step("change", "server", HOST, "cx33 instead of cx23", off=True),
        Step("change", "firewall", HOST, "open for all: 22/tcp"),
    ]
    found = dict(foreseen.downtime(HOST, outcome, steps, release=True))
    assert list(found) == [f"server {HOST}", "Nextcloud", "nginx.service", "radicale.service"]
    assert list(foreseen.downtime(HOST, Outcome(), (), release=False)) == []


@pytest.mark.parametrize(
    ("drill", "release", "words"),
    [
        (None, False, "none; backups begin with this deployment"),
        (float("inf"), False, "none; a restore was never practised"),
        (3 * 86400.0, False, "none; a restore was last practised 3 days ago"),
        (3 * 86400.0, True, "Nextcloud's data, by another release; a restore was last practised 3 days ago"),
        (30 * 86400.0, True, "deploy will refuse: another release risks data"),
    ],
)
def test_data_at_risk(drill: float | None, release: bool, words: str) -> None:
    services = SimpleNamespace(backup=object())
    node: Any = SimpleNamespace(name="calvados", territory=SimpleNamespace(services=services))
    facts: Any = SimpleNamespace(drill=drill)
    assert words in foreseen.risk(node, facts, release=release)
    assert foreseen.risk(node, None, release=release) == "none: there is no data yet"


NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("entry", "good"),
    [
        ({"made": NOW - 3600, "checked": NOW - 3500}, True),
        ({"made": NOW - 3600}, False),
        ({"made": NOW - 3600, "checked": NOW - 90_000}, False),
        ({"made": NOW - 90_000, "checked": NOW - 3500}, False),
        ({"made": NOW - 3600, "checked": NOW - 3500, "error": "no answer"}, False),
        ({}, False),
    ],
)
def test_only_a_backup_of_today_that_was_found_whole_counts(entry: dict[str, Any], good: bool) -> None:
    found = {
        "now": NOW,
        "peers": {"manche": 1},
        "repositories": {"manche": entry, "own": {"made": NOW, "checked": NOW}},
    }
    assert deprovision.whole(found) == (["manche"] if good else [])
