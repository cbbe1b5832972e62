import string
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from orchestrator.errors import InvalidInventory
from orchestrator.yamlfile import Places, Vaulted, read


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("yaml") / "file.yml"


def test_values(file: Path) -> None:
    file.write_text(
        'text: 10 GB\nquoted: "012"\nnumber: -7\nprice: 3.10\nflag: True\nnothing: ~\nempty:\n'
        "list: [a, {b: c}]\nfolded: >-\n  two\n  lines\n"
        "address: fd4d::11\nip: 10.99.0.11\nsecret: !vault |\n  $X\n  3132\n",
        encoding="utf-8",
    )
    assert read(file) == {
        "text": "10 GB",
        "quoted": "012",
        "number": -7,
        "price": Decimal("3.10"),
        "flag": True,
        "nothing": None,
        "empty": None,
        "list": ["a", {"b": "c"}],
        "folded": "two lines",
        "address": "fd4d::11",
        "ip": "10.99.0.11",
        "secret": Vaulted("$X\n3132\n"),
    }


def test_a_vaulted_value_does_not_show_itself() -> None:
    assert "3132" not in repr(Vaulted("$ANSIBLE_VAULT\n3132"))


def test_places(file: Path) -> None:
    file.write_text("a:\n  - b: 1\n    c: {d: 2}\ne: 3\n", encoding="utf-8")
    places = Places(file)
    assert places.find(("a", 0, "b")) == (2, 8)
    assert places.find(("a", 0, "b"), at_key=True) == (2, 5)
    assert places.find(("a", 0)) == (2, 5)
    assert places.find(("a", 0, "c", "missing")) == (3, 5)
    assert places.find(("a", 7)) == (1, 1)
    assert places.find(("missing",)) == (1, 1)
    assert places.find(()) == (1, 1)


PLAIN = st.text(alphabet=string.digits + "+-._:eExobyYnNoOfFtTrRuUlLsSaAiI~=<TZ ", min_size=1, max_size=12)


@settings(max_examples=1500, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PLAIN)
@example("012")
@example("0o14")
@example("1:30")
@example("1e3")
@example("on")
@example("y")
@example("-0x1F")
@example("0b11")
@example("2001-12-14t21:59:43.10-05:00")
@example(".5")
@example("-_")
@example("+12")
@example("685.230_15e+03")
def test_what_is_accepted_is_read_alike_by_both_versions(file: Path, text: str) -> None:
    """The oracle: PyYAML reads YAML 1.1, ruamel reads 1.2; what they read differently must be refused."""
    file.write_text(f"v: {text}\n", encoding="utf-8")
    try:
        accepted = read(file)["v"]
    except InvalidInventory:
        return
    by_1_1 = yaml.load(file.read_bytes(), Loader=yaml.CSafeLoader)["v"]
    by_1_2 = YAML(typ="safe", pure=True).load(file.read_bytes())["v"]
    assert type(by_1_1) is type(by_1_2)
    assert by_1_1 == by_1_2
    assert (float(accepted) if isinstance(accepted, Decimal) else accepted) == by_1_1
    assert isinstance(accepted, Decimal) == isinstance(by_1_1, float)


YAML_LIKE = st.text(alphabet=st.sampled_from("ab01 \n\t:-?,[]{}#&*!|>'\"%@`.~=<\\ué\x00\u202e\ufeff\r"), max_size=60)


@settings(max_examples=1500, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=80) | YAML_LIKE.map(str.encode))
@example(b"? ")
@example(b"%YAML 1.1\n--- !!binary x\n...\n")
@example(b"{[a]: b}")
@example(b"? {a: b}\n: c")
@example(b'"a\\u2028b": 1')
def test_no_bytes_crash_the_reader(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    problems = []
    try:
        assert isinstance(read(file), dict)
    except InvalidInventory as error:
        problems = error.problems
        assert problems, "an error names its problems"
    assert all(len(str(problem)) < 600 for problem in problems)
    assert all(problem.line is None or problem.line >= 1 for problem in problems)
