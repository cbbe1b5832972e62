"""The status page of role monitoring: what is counted, what peers may say, what is written. Its use: tests/proof."""

from __future__ import annotations

import importlib
import json
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).resolve().parents[3] / "roles/monitoring/templates/monitoring-mesh/usr/lib/maillage"
GOOD = {"days": {"calvados": {"2026-11-28": [3600, 60]}}, "incidents": []}
INCIDENT = {"begin": 1_700_000_000, "end": None, "fr": "Entretien", "en": ""}


@pytest.fixture(autouse=True)
def program(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(SOURCE))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield
    for name in [name for name in sys.modules if name.split(".")[0] == "status"]:
        del sys.modules[name]


@pytest.fixture
def told() -> Any:
    return importlib.import_module("status.told")


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    found = importlib.import_module("status.history")
    monkeypatch.setattr(found, "KEPT", tmp_path / "history.json")
    return found


@pytest.fixture
def page(history: Any) -> Any:  # noqa: ARG001  it is imported with its own place
    return importlib.import_module("status.page")


def territory(name: str = "calvados", **changed: Any) -> dict[str, Any]:
    services = [
        {"name": "mail-in", "kind": "smtp", "fr": "Courrier reçu", "en": "Mail that comes in"},
        {"name": "names", "kind": "dns", "fr": "Noms", "en": "Names"},
        {"name": "page", "kind": "https", "fr": "Site", "en": "Website"},
    ]
    seen = {each["name"]: True for each in services}
    return {
        "name": name,
        "domain": f"{name}.example",
        "services": services,
        "own": True,
        "seen": seen,
        "days": {},
        "incidents": [],
    } | changed


def test_what_a_peer_says_is_taken(told: Any) -> None:
    assert told.checked(GOOD | {"incidents": [INCIDENT]}) == GOOD | {"incidents": [INCIDENT]}


@pytest.mark.parametrize(
    "said",
    [
        "[]",
        "{}",
        '{"days": [], "incidents": []}',
        '{"days": {"a": {"2026-11-28": [1]}}, "incidents": []}',
        '{"days": {"a": {"2026-11-28": ["x", 1]}}, "incidents": []}',
        '{"days": {"a": {"2026-11-28": [NaN, 1]}}, "incidents": []}',
        '{"days": {"a": {"2026-11-28": [1e999, 1]}}, "incidents": []}',
        '{"days": {}, "incidents": [{"begin": 1}]}',
        '{"days": {}, "incidents": [null]}',
        '{"days": {}, "incidents": 3}',
        '{"days": {}, "incidents": [{"begin": {}, "end": null, "fr": "", "en": ""}]}',
    ],
)
def test_nonsense_is_not(told: Any, said: str) -> None:
    with pytest.raises(told.REFUSED):
        told.checked(json.loads(said))


def test_what_it_says_is_bounded(told: Any) -> None:
    wild = {
        "days": {"calvados": {"2026-11-28": [10**18, -5], "some day": [1, 1]}},
        "incidents": [INCIDENT | {"begin": -(10**18), "end": 10**18, "fr": "é" * 10_000}] * 1000,
    }
    found = told.checked(wild)
    assert found["days"] == {"calvados": {"2026-11-28": [90_000, 0]}}
    assert len(found["incidents"]) == told.MOST
    assert len(found["incidents"][0]["fr"]) == told.LONGEST
    assert found["incidents"][0]["begin"] == 0
    assert found["incidents"][0]["end"] < time.time() + 400 * 86400


class Peer(BaseHTTPRequestHandler):
    """One that answers as its server's `how` says."""

    def do_GET(self) -> None:
        how = self.server.how  # type: ignore[attr-defined]
        self.send_response(302 if how == "redirect" else 404 if how == "missing" else 200)
        if how == "redirect":
            self.send_header("Location", "/elsewhere")
        self.end_headers()
        if how == "slow":
            for _ in range(40):
                self.wfile.write(b" ")
                time.sleep(0.1)
        self.wfile.write(b" " * 2_000_000 if how == "much" else json.dumps(GOOD).encode())

    def log_message(self, *_: Any) -> None:
        """Nothing is said."""


@pytest.mark.parametrize("how", ["good", "redirect", "missing", "slow", "much", "gone"])
def test_who_says_too_much_or_too_slowly_is_not_heard(
    told: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    with HTTPServer(("127.0.0.1", 0), Peer) as server:
        server.how = how  # type: ignore[attr-defined]
        monkeypatch.setattr(told, "PORT", server.server_port)
        monkeypatch.setattr(told, "PATIENCE", 1)
        monkeypatch.setattr(told, "HEARD", tmp_path / "heard")
        if how != "gone":
            threading.Thread(target=server.handle_request, daemon=True).start()
        found = told.heard([{"name": "manche", "mesh_address": "127.0.0.1", "watches": True}])
    assert found == ({"manche": GOOD} if how == "good" else {})


def test_time_that_was_watched_is_counted(history: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_790_000_000.0
    day = history.today().isoformat()
    for later, seen in ((0, True), (30, True), (60, False), (90, False), (1000, True)):
        monkeypatch.setattr(history.time, "time", lambda later=later: now + later)
        services = {"page": True, "mail-in": seen, "webmail": False}  # the last one was never seen to work
        days = history.go_on({"manche": services, "orne": {"page": False}, "calvados": {}})
    assert days == {"manche": {day: [90, 60]}}  # the gap is not known; orne was never seen to work


def test_of_several_views_the_longest_holds(history: Any) -> None:
    day = history.today().isoformat()
    views = [{"manche": {day: [100, 0]}}, {"manche": {day: [900, 60]}}, {}, {"orne": {day: [9000, 0]}}]
    assert history.best("manche", views) == {day: [900, 60]}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, "Tout fonctionne."),
        ({"page": False}, "Une partie ne répond pas."),
        ({"page": False, "mail-in": False}, "Rien ne répond."),  # though its name still leads there
        ({"names": False}, "Une partie ne répond pas."),
    ],
)
def test_the_page_says_how_it_is(page: Any, changed: dict[str, bool], words: str) -> None:
    found = territory()
    found["seen"] |= changed
    assert f">{words}</p>" in page.page([found], "fr")


def test_nobody_sees_it(page: Any) -> None:
    assert "Nobody sees it at the moment." in page.page([territory(seen={})], "en")


def test_what_was_watched_for_a_moment_says_nothing(page: Any, history: Any) -> None:
    text = page.page([territory(days={history.today().isoformat(): [3600, 60]})], "fr")
    assert "Pas encore d’historique." in text
    assert "%" not in text


def test_when_prometheus_is_silent_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    sight = importlib.import_module("status.sight")

    def refused(*_: Any, **__: Any) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(sight.urllib.request, "urlopen", refused)
    assert sight.seen([territory()]) == {"calvados": {}}


def test_the_page_tells_of_trouble(page: Any, history: Any) -> None:
    day = history.today().isoformat()
    text = page.page([territory(days={day: [86_400, 864]})], "fr")
    assert "tout répondait pendant 99,00 % du temps observé" in text
    assert "(14\u00a0min)" in text


def test_whatever_a_peer_calls_itself_is_text(page: Any) -> None:
    evil = '"><script>alert(1)</script>'
    services = [{"name": "page", "kind": "https", "fr": evil, "en": evil}]
    found = territory(
        services=services,
        own=False,
        incidents=[INCIDENT | {"begin": time.time(), "fr": evil, "en": evil}],
        seen={"page": False},
    )
    for language in ("fr", "en"):
        text = page.page([territory("manche"), found], language)
        assert "<script" not in text
        assert text.count("&lt;script&gt;") == 2


def test_incidents_that_are_long_over_are_not_shown(page: Any) -> None:
    now = time.time()
    written = [INCIDENT | {"begin": now - 90 * 86400, "end": end, "fr": f"n° {end}"} for end in (None, now, 1)]
    text = page.page([territory(incidents=written)], "fr")
    assert "n° None" in text
    assert f"n° {now}" in text
    assert "n° 1<" not in text
