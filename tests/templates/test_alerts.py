"""The alerts of every role before Debian's promtool: what is measured, minute by minute, and what that must lead to."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from debian import root_for, run, write
from rendering import SAMPLES, rendered
from role_files import Role, roles

from orchestrator import contract, monitoring_vars

CASES = yaml.safe_load((Path(__file__).parent / "alerts.yml").read_text(encoding="utf-8"))


def every_rule() -> list[dict[str, object]]:
    """As for a node on which everything is on."""
    on = {role.name: {name: True for name, o in role.options.items() if o["type"] == "bool"} for role in roles()}
    return list(monitoring_vars.rules(on))


@pytest.mark.lab
def test_alerts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    role = Role("monitoring")
    root, files, scratch = root_for(role), tmp_path / "files", tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setitem(
        SAMPLES["full"], "monitoring", SAMPLES["full"]["monitoring"] | {"monitoring_rules": every_rule()}
    )
    write(files, "/rules.yml", rendered(role, "full")["/etc/prometheus/maillage-rules.yml"])
    for name, every, chosen in (
        ("hours", "1m", [case for case in CASES if case["minute"] < 1000]),
        ("days", "10m", [case for case in CASES if case["minute"] >= 1000]),
    ):
        content = {
            "rule_files": ["/rules.yml"],
            "evaluation_interval": every,
            "tests": [as_test(case) for case in chosen],
        }
        write(files, f"/{name}.yml", yaml.safe_dump(content))
    done = run(root, scratch, files, "promtool test rules /hours.yml /days.yml")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.lab
def test_each_graph_is_a_question_that_prometheus_understands(tmp_path: Path) -> None:
    lines = [line.expr.replace("$step", "300s") for role in roles() for graph in contract.load(role.name).graphs
             for line in graph.lines]  # fmt: skip
    assert len(lines) > 10
    asked = [{"record": f"line_{number}", "expr": expr} for number, expr in enumerate(lines)]
    files, scratch = tmp_path / "files", tmp_path / "scratch"
    scratch.mkdir()
    write(files, "/graphs.yml", yaml.safe_dump({"groups": [{"name": "graphs", "rules": asked}]}))
    done = run(root_for(Role("monitoring")), scratch, files, "promtool check rules /graphs.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def as_test(case: dict[str, Any]) -> dict[str, Any]:
    """As promtool has it."""
    return {
        "name": case["what"],
        "interval": "1m",
        "input_series": [
            {"series": series, "values": str(values)} for series, values in case["measured"].items()
        ],
        "promql_expr_test": [{
            "expr": 'ALERTS{alertstate="firing"}',
            "eval_time": f"{case['minute']}m",
            "exp_samples": [{"labels": sample(each), "value": 1} for each in case["raised"]],
        }],
    }  # fmt: skip


def sample(raised: str) -> str:
    name, labels = raised.rstrip("}").split("{")
    own = "" if "territory=" in labels else ',territory="exemple"'
    more = f",{labels}" if labels else ""
    return f'ALERTS{{alertname="{name}",alertstate="firing"{own}{more}}}'


def test_each_alert_has_a_case_that_raises_it() -> None:
    raised = {each.split("{")[0] for case in CASES for each in case["raised"]}
    assert {str(rule["name"]) for rule in every_rule()} == raised


def test_each_alert_says_the_same_in_both_languages() -> None:
    """The same labels are named, and each is a sentence."""
    for role in roles():
        for alert in contract.load(role.name).alerts:
            assert alert.fr.wrong.count("[") == alert.en.wrong.count("["), alert.name
            for text in (alert.fr.wrong, alert.fr.noticed, alert.en.wrong, alert.en.noticed):
                assert text.endswith("."), text


def test_each_word_in_brackets_is_a_label_of_that_alert() -> None:
    """Else the partner reads a sentence with a hole in it."""
    labels: dict[str, set[str]] = {}
    for case in CASES:
        for each in case["raised"]:
            labels.setdefault(each.split("{")[0], set()).update(re.findall(r'(\w+)="', each))
    for role in roles():
        for alert in contract.load(role.name).alerts:
            texts = (alert.fr.wrong, alert.en.wrong, alert.first)
            assert {word for text in texts for word in re.findall(r"\[(\w+)\]", text)} <= labels[alert.name], alert.name
