"""`graphs`: draw what was measured on a node, into one HTML page."""

from __future__ import annotations

import argparse
import json
from datetime import datetime
from pathlib import Path
from typing import Any

from orchestrator import ansible_vars, contract, engines, graphs, hosts
from orchestrator.errors import HostError, UsageError
from orchestrator.files import write_text
from orchestrator.locations import mesh_folder
from orchestrator.model import Node
from orchestrator.ssh import PYTHON

SHORTEST = 60  # seconds between two points: as often as is measured
QUESTION = """
import json, os, urllib.parse, urllib.request
if not os.path.exists("/etc/prometheus/maillage-rules.yml"):
    raise SystemExit(3)
asked = json.loads({asked!r})
found = []
for query in asked.pop("queries"):
    words = urllib.parse.urlencode({{**asked, "query": query}})
    try:
        with urllib.request.urlopen("http://127.0.0.1:9090/api/v1/query_range?" + words, timeout=120) as answer:
            found.append(json.load(answer)["data"]["result"])
    except OSError as error:
        raise SystemExit("its monitoring does not answer (%s); on the host: systemctl status prometheus" % error)
print(json.dumps(found))
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("territory", metavar="TERRITORY")
    parser.add_argument("--days", type=_days, default=7, metavar="DAYS", help="how far back, at most 90; default: 7")
    parser.add_argument("--output", type=Path, metavar="FILE", help="default: TERRITORY-graphs.html, here")


def _days(text: str) -> float:
    try:
        days = float(text)
    except ValueError:
        days = 0
    if not 0.01 <= days <= 90:
        raise argparse.ArgumentTypeError("write a number of days, from 0.01 to 90")
    return days


def run(arguments: argparse.Namespace) -> int:
    """Ask the host, draw, and say where the page is."""
    [node] = engines.load(mesh_folder(arguments.mesh)).select([arguments.territory])
    now = datetime.now().astimezone()
    chosen = graphs.of_roles(ansible_vars.roles(node.territory))
    language = node.territory.partner.locale[:2]
    drawn = _ask(node, chosen, language, now.timestamp(), arguments.days * 86400)
    output = arguments.output or Path(f"{node.name}-graphs.html")
    write_text(output, graphs.page(node.territory.domain, arguments.days, drawn, language, now), 0o644)
    print(f"{output}: {len(drawn)} graphs; open it in a browser")
    return 0


def _ask(node: Node, chosen: list[contract.Graph], language: str, end: float, seconds: float) -> list[graphs.Drawn]:
    step = max(SHORTEST, round(seconds / graphs.POINTS))
    queries = [line.expr.replace("$step", f"{max(step, 5 * SHORTEST)}s") for graph in chosen for line in graph.lines]
    asked = json.dumps({"queries": queries, "start": end - seconds, "end": end, "step": step})
    process = hosts.made(node).run(QUESTION.format(asked=asked), interpreter=PYTHON, timeout=300)
    if process.returncode == 3:
        raise UsageError(
            f"nothing watches {node.name}: `monitoring: {{}}` below services in its territory.yml, then `deploy`"
        )
    if process.returncode:
        raise HostError(f"{node.name}: {process.stderr.strip()}")
    answers = iter(json.loads(process.stdout))
    return [
        graphs.Drawn(
            getattr(graph, language),
            graph.unit,
            [_line(line, series, language) for line in graph.lines for series in next(answers)],
        )
        for graph in chosen
    ]


def _line(line: contract.Line, series: dict[str, Any], language: str) -> graphs.Line:
    points = [(float(seconds), float(value)) for seconds, value in series["values"]]
    return graphs.Line(graphs.named(getattr(line, language), series["metric"]), points)
