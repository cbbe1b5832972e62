"""`lab`, as far as it touches nothing of this machine."""

import json

import pytest

from orchestrator import cli
from orchestrator.providers.lab import HostSpec
from orchestrator.providers.lab.state import write_spec


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("MAILLAGE_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


def test_nothing_there(capsys):
    assert cli.main(["lab", "status"]) == 0
    assert "`lab up` makes them" in capsys.readouterr().out
    assert cli.main(["lab", "status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_a_stopped_host_is_shown(state, capsys):
    directory = state / "lab" / "hosts" / "caen.calvados"
    directory.mkdir(parents=True)
    write_spec(directory, HostSpec("caen.calvados", ("10.99.0.11",), ("fd4d:6169:6c6c::11",), 8 * 10**9))
    assert cli.main(["lab", "status"]) == 0
    assert capsys.readouterr().out.split() == ["caen.calvados", "stopped", "10.99.0.11", "fd4d:6169:6c6c::11"]
    assert cli.main(["lab", "status", "--json"]) == 0
    (host,) = json.loads(capsys.readouterr().out)
    assert (host["name"], host["running"], host["ipv6"]) == ("caen.calvados", False, ["fd4d:6169:6c6c::11"])


def test_an_unknown_territory_is_a_usage_error(capsys):
    assert cli.main(["lab", "up", "nowhere"]) == 2
    assert "nowhere" in capsys.readouterr().err


def test_purge_removes_what_is_the_labs_and_nothing_else(state, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    for part in ("keys", "secrets"):
        (state / part).mkdir(parents=True)
        (state / part / "calvados").touch()
    (state / "letter").touch()
    assert cli.main(["lab", "down", "--purge"]) == 0
    assert [path.name for path in state.iterdir()] == ["letter"]
    (state / "letter").unlink()
    assert cli.main(["lab", "down", "--purge"]) == 0
    assert not state.exists()
