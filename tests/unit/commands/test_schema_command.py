import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from sample_territories import REAL, SAMPLE

from orchestrator.commands import schema

COMMITTED = SAMPLE.parent / "schema"
FILES = ["territory", "subscriptions"]


@pytest.mark.parametrize("file", FILES)
def test_the_committed_schema_is_fresh(file: str) -> None:
    assert (COMMITTED / f"{file}.json").read_text(encoding="utf-8") == schema.text(file), (
        f"run: python -m orchestrator schema {file} > inventories/schema/{file}.json"
    )


@pytest.mark.parametrize("file", FILES)
def test_the_schema_is_one(file: str) -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(schema.text(file)))


@pytest.mark.parametrize("path", sorted(SAMPLE.glob("*/*.yml")), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_an_editor_accepts_the_samples_and_finds_the_schema(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    address = text.splitlines()[0].partition("$schema=")[2]
    assert (path.parent / address).resolve() == (COMMITTED / f"{path.stem}.json").resolve()
    jsonschema.validate(yaml.safe_load(text), json.loads((COMMITTED / f"{path.stem}.json").read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("territory: montagne", "territory: Montagne"),
        ("price: 3.00", "price: x"),
        ("quota: 10 GB", "quota: 10"),
        ("provider: existing", "provider: aws"),
        ("engine: radicale", "engines: radicale"),
        ("  - {name: noeud, provider: existing, address: {ipv4: 203.0.113.11}}", "  []"),
    ],
)
def test_an_editor_refuses_what_validate_refuses(old: str, new: str) -> None:
    assert old in REAL
    checker = jsonschema.Draft202012Validator(json.loads(schema.text("territory")))
    assert checker.is_valid(yaml.safe_load(REAL))
    assert not checker.is_valid(yaml.safe_load(REAL.replace(old, new)))
