"""Draw what was measured on a node over time: one HTML page with drawings in SVG, nothing to fetch or to run. Pure.

What is drawn stands in the roles' contracts. Prometheus's own pages are for questions that nobody thought of; these are
for looking at, keeping, and showing to somebody.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape
from math import ceil, floor, log10

from orchestrator import contract
from orchestrator.vaulted import Variables

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 720, 210, 74, 24, 8  # of a drawing, its axes' room included
COLOURS = 6
POINTS = 240  # of a line, at most
WORDS = {
    "fr": {
        "title": "{} : ce qui a été mesuré, {} j",
        "none": "Aucune mesure.",
        "last": "dernier",
        "most": "au plus",
    },
    "en": {
        "title": "{}: what was measured, {} d",
        "none": "Nothing was measured.",
        "last": "last",
        "most": "at most",
    },
}
STYLE = """
:root { color-scheme: light dark; }
:root { --page: #fff; --text: #1b1f24; }
:root { --c0: #1f6feb; --c1: #b35900; --c2: #1a7f4b; --c3: #a0308c; --c4: #c0271d; --c5: #5b6470; }
@media (prefers-color-scheme: dark) {
  :root { --page: #14171a; --text: #e6e8eb; }
  :root { --c0: #6cb0ff; --c1: #f0a53a; --c2: #4cc38a; --c3: #e58fd5; --c4: #ff7b72; --c5: #9aa3af; }
}
html { background: var(--page); color: var(--text); }
body { max-width: 46rem; margin: 0 auto; padding: 1rem; font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.05rem; margin: 1.6rem 0 .3rem; }
svg { display: block; width: 100%; height: auto; font-size: 12px; }
svg text { fill: currentColor; } .grid { stroke: currentColor; opacity: .18; } .line { fill: none; stroke-width: 1.8; }
ul { list-style: none; margin: .3rem 0 0; padding: 0; font-size: .9rem; }
li::before { content: "━ "; font-weight: 700; }
""" + "\n".join(f".l{n} {{ stroke: var(--c{n}); }} .l{n}::before {{ color: var(--c{n}); }}" for n in range(COLOURS))


@dataclass(frozen=True)
class Line:
    """One line of a graph: its name, and pairs of seconds since 1970 and value."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Drawn:
    """A graph with its lines."""

    title: str
    unit: str
    lines: Sequence[Line]


def of_roles(on: Mapping[str, Variables]) -> list[contract.Graph]:
    """What the roles that are on have to show."""
    return [graph for role, known in on.items() for graph in contract.active(contract.load(role).graphs, known)]


def page(domain: str, days: float, drawn: Sequence[Drawn], language: str, now: datetime) -> str:
    """The whole page, in `fr` or `en`; times are in the zone of `now`."""
    title = escape(WORDS[language]["title"].format(domain, f"{days:g}"))
    begin = now - timedelta(days=days)
    graphs = "\n".join(_graph(each, begin, now, language) for each in drawn)
    return f"""<!DOCTYPE html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{STYLE}</style>
</head>
<body>
<header>
<h1>{title}</h1>
<p>{now:%Y-%m-%d %H:%M %Z}</p>
</header>
<main>
{graphs}
</main>
</body>
</html>
"""


def _graph(graph: Drawn, begin: datetime, end: datetime, language: str) -> str:
    say, lines = WORDS[language], [line for line in graph.lines if line.points]
    if not lines:
        return f"<h2>{escape(graph.title)}</h2>\n<p>{say['none']}</p>"
    highest = max(value for line in lines for _, value in line.points)
    ticks = _ticks(highest, graph.unit)
    start, span = begin.timestamp(), (end - begin).total_seconds()

    def place(seconds: float, value: float) -> str:
        x = LEFT + (seconds - start) / span * (WIDTH - LEFT)
        return f"{x:.1f},{HEIGHT - BOTTOM - value / ticks[-1] * (HEIGHT - BOTTOM - TOP):.1f}"

    grid = []
    for tick in ticks:
        y = place(start, tick).split(",")[1]
        grid.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH}" y1="{y}" y2="{y}"></line>')
        grid.append(
            f'<text x="{LEFT - 6}" y="{float(y) + 4:.1f}" text-anchor="end">{_value(tick, graph.unit, language)}</text>'
        )
    for moment, text in _moments(begin, end):
        x = place(moment.timestamp(), 0).split(",")[0]
        grid.append(f'<text x="{x}" y="{HEIGHT - 6}" text-anchor="middle">{text}</text>')
    drawn, legend = [], []
    for number, line in enumerate(lines):
        colour = f"l{number % COLOURS}"
        points = " ".join(place(*point) for point in line.points)
        drawn.append(f'<polyline class="line {colour}" points="{points}"></polyline>')
        if len(line.points) == 1:
            x, y = points.split(",")
            drawn.append(f'<circle class="{colour}" cx="{x}" cy="{y}" r="2"></circle>')
        last, most = (
            _value(value, graph.unit, language) for value in (line.points[-1][1], max(v for _, v in line.points))
        )
        legend.append(f'<li class="{colour}">{escape(line.name)} : {say["last"]} {last}, {say["most"]} {most}</li>')
    return f"""<h2>{escape(graph.title)}</h2>
<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(graph.title)}">
{"".join(grid)}
{"".join(drawn)}
</svg>
<ul>{"".join(legend)}</ul>"""


def _ticks(highest: float, unit: str) -> list[float]:
    """Round values from 0 to at least the highest."""
    if unit == "%":
        return [0, 25, 50, 75, 100]
    highest = highest or 1
    rough = highest / 4
    power = 10.0 ** floor(log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough)
    return [step * number for number in range(ceil(highest / step) + 1)]


def _value(value: float, unit: str, language: str) -> str:
    if unit.startswith("bytes"):
        power = min(4, max(0, floor(log10(value) / 3))) if value >= 1 else 0
        value, unit = value / 1000**power, ("B", "kB", "MB", "GB", "TB")[power] + unit.removeprefix("bytes")
    point = "," if language == "fr" else "."
    return f"{value:.3g}".replace(".", point) + (unit if unit.startswith("/") else f" {unit}".rstrip())


def _moments(begin: datetime, end: datetime) -> Iterator[tuple[datetime, str]]:
    """Where the axis of time says what time it is."""
    hours = (end - begin).total_seconds() / 3600
    step = next((each for each in (1, 3, 6, 12, 24, 48, 168, 336) if hours / each <= 8), 720)
    moment = begin.replace(minute=0, second=0, microsecond=0)
    moment = moment.replace(hour=0) if step >= 24 else moment
    while (moment := moment + timedelta(hours=1 if step < 24 else step)) < end:
        if step >= 24 or moment.hour % step == 0:
            yield moment, f"{moment:%d/%m}" if step >= 24 or moment.hour == 0 else f"{moment:%H:%M}"


def named(text: str, labels: Mapping[str, str]) -> str:
    """A line's name: words in square brackets are labels."""
    return re.sub(r"\[([a-z_]+)\]", lambda match: labels.get(match[1], ""), text)
