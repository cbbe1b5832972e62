"""The page of graphs: what is drawn, where, and in which words."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from orchestrator import graphs
from orchestrator.graphs import Drawn, Line

NOW = datetime(2026, 11, 28, 22, 0, tzinfo=UTC)


def page(*drawn: Drawn, days: float = 1, language: str = "en") -> str:
    return graphs.page("calvados.example", days, drawn, language, NOW)


def line(*values: float, name: str = "a line") -> Line:
    begin = (NOW - timedelta(days=1)).timestamp()
    return Line(
        name, [(begin + number * 86400 / max(1, len(values) - 1), value) for number, value in enumerate(values)]
    )


def test_a_line_goes_from_one_side_to_the_other() -> None:
    text = page(Drawn("Disk", "%", [line(0, 100)]))
    left, right = graphs.LEFT, graphs.WIDTH
    bottom, top = graphs.HEIGHT - graphs.BOTTOM, graphs.TOP
    assert f'points="{left:.1f},{bottom:.1f} {right:.1f},{top:.1f}"' in text
    assert "a line : last 100 %, at most 100 %" in text


@pytest.mark.parametrize(
    ("highest", "unit", "wanted"),
    [
        (0, "", [0, 0.25, 0.5, 0.75, 1]),
        (7, "/h", [0, 2, 4, 6, 8]),
        (0.03, "s", [0, 0.01, 0.02, 0.03]),
        (12_400, "bytes", [0, 5000, 10_000, 15_000]),
        (3, "%", [0, 25, 50, 75, 100]),
    ],
)
def test_the_axis_has_round_values(highest: float, unit: str, wanted: list[float]) -> None:
    assert graphs._ticks(highest, unit) == pytest.approx(wanted)


@pytest.mark.parametrize("days", [0.01, 0.1, 1, 7, 30, 90])
def test_the_axis_of_time_is_not_crowded(days: float) -> None:
    text = page(Drawn("Disk", "%", [line(1, 2)]), days=days)
    assert len(re.findall('text-anchor="middle"', text)) <= 9


@pytest.mark.parametrize(
    ("value", "unit", "language", "wanted"),
    [
        (1234, "bytes/s", "en", "1.23 kB/s"),
        (0.4, "bytes", "en", "0.4 B"),
        (5e9, "bytes", "en", "5 GB"),
        (99.74, "%", "fr", "99,7 %"),
        (3, "/h", "fr", "3/h"),
        (0, "", "en", "0"),
    ],
)
def test_a_value_is_written_as_people_do(value: float, unit: str, language: str, wanted: str) -> None:
    assert graphs._value(value, unit, language) == wanted


def test_one_point_is_seen() -> None:
    assert "<circle" in page(Drawn("Disk", "%", [Line("a", [(NOW.timestamp() - 60, 5)])]))


def test_nothing_was_measured() -> None:
    assert "Aucune mesure." in page(Drawn("Courrier", "/h", []), language="fr")


def test_whatever_a_label_says_is_text() -> None:
    evil = '"><script>'
    text = page(Drawn(evil, "s", [line(1, 2, name=graphs.named("at [peer]", {"peer": evil}))]))
    assert "<script" not in text
    assert "at &quot;&gt;&lt;script&gt;" in text
