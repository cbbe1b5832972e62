import copy
import random
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sample_territories import REAL, SAMPLE

from orchestrator import mesh
from orchestrator.errors import InvalidInventory, UsageError

SECRET = "hunter2"


def test_the_sample() -> None:
    loaded = mesh.load(SAMPLE)
    assert list(loaded.nodes) == ["calvados", "manche", "orne"]
    calvados = loaded.nodes["calvados"]
    assert calvados.territory.is_lab
    assert str(calvados.territory.host.address.ipv6) == "fd4d:6169:6c6c::11"
    assert calvados.territory.plans["essentiel"].quota == 10 * 10**9
    assert str(calvados.territory.plans["essentiel"].price) == "3.00"
    assert calvados.subscriptions.subscribers["exemple"].state == "active"


def test_the_sample_as_a_mesh_that_keeps_its_backups(tmp_path: Path) -> None:
    """As docs/mesh.md says to try it."""
    folder = tmp_path / "normandie"
    shutil.copytree(SAMPLE, folder)
    for path in folder.glob("*/territory.yml"):
        path.write_text(
            re.sub(r"(?m)^( *)# (backup|mesh): ", r"\1\2: ", path.read_text(encoding="utf-8")), encoding="utf-8"
        )
    loaded = mesh.load(folder)
    assert {node.territory.mesh.name for node in loaded.nodes.values() if node.territory.mesh} == {"normandie"}
    assert all(node.territory.mesh and node.territory.services.backup for node in loaded.nodes.values())


def test_select() -> None:
    loaded = mesh.load(SAMPLE)
    assert [node.name for node in loaded.select(["orne", "calvados", "orne"])] == ["orne", "calvados"]
    with pytest.raises(UsageError, match=r"did you mean calvados\?"):
        loaded.select(["calvado"])
    with pytest.raises(UsageError, match="there is calvados, manche, orne"):
        loaded.select(["\x1b[2J"])


def test_only_speaks_of_the_named_but_compares_with_all(tmp_path: Path) -> None:
    for name, domain in (("montagne", "montagne.example"), ("plaine", "x.montagne.example"), ("vallee", "yes")):
        (tmp_path / name).mkdir()
        text = REAL.replace("montagne.example", domain).replace("territory: montagne", f"territory: {name}")
        (tmp_path / name / "territory.yml").write_text(text.replace("203.0.113.11", f"203.0.113.{len(name)}"))
    with pytest.raises(InvalidInventory) as raised:
        mesh.load(tmp_path, only=["plaine"])
    assert [problem.field for problem in raised.value.problems] == ["domain", "hosts.0.address.ipv4"][:1]
    with pytest.raises(InvalidInventory) as raised:
        mesh.load(tmp_path)
    assert [problem.path.parent.name for problem in raised.value.problems] == ["plaine", "vallee"]
    assert list(mesh.load(tmp_path, only=["montagne"]).nodes) == ["montagne", "plaine"]


def test_folders_that_are_no_territories_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "cards").mkdir()
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "territory.yml").write_text("x")
    (tmp_path / "README.md").write_text("x")
    assert mesh.load(tmp_path).nodes == {}


def test_no_mesh_folder(tmp_path: Path) -> None:
    with pytest.raises(InvalidInventory, match=r"cannot be read as a mesh folder \(No such file or directory\)"):
        mesh.load(tmp_path / "nowhere")


def test_names_of_folders_cannot_steer_the_terminal(tmp_path: Path) -> None:
    folder = tmp_path / "\x1b[2J\udcff"
    folder.mkdir()
    (folder / "territory.yml").write_text("territory: [\n")
    with pytest.raises(InvalidInventory) as raised:
        mesh.load(tmp_path)
    assert r"\x1b[2J\udcff/territory.yml:2:1" in str(raised.value)


def paths_in(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(path for key, item in inner for path in paths_in(item, (*at, key)))]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.dates() | st.text(max_size=8) | st.just(SECRET),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6), value=VALUES, name=st.none() | st.text(max_size=6))
def test_any_value_anywhere_is_accepted_or_explained(tmp_path: Path, seed: int, value: Any, name: str | None) -> None:
    """A sound territory with one field replaced, or added under any name: a mesh or sentences, never the value."""
    content = yaml.safe_load(REAL)
    chosen = random.Random(seed).choice(paths_in(content)[1:])
    place = content
    for part in chosen[:-1]:
        place = place[part]
    place[name if name is not None and isinstance(place, dict) else chosen[-1]] = copy.deepcopy(value)
    (tmp_path / "montagne").mkdir(exist_ok=True)
    (tmp_path / "montagne" / "territory.yml").write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    try:
        mesh.load(tmp_path)
    except InvalidInventory as error:
        for problem in error.problems:
            assert problem.line is not None or "control" in problem.message
            assert SECRET not in problem.message
            assert not problem.message.startswith("Input should")
            assert str(problem).isprintable()
