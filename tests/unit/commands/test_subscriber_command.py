"""`subscriber` without a host: what is written, and what is not."""

import json
from pathlib import Path

import pytest
from sample_territories import SAMPLE

from orchestrator import cli


def copied(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A territory of the sample, in a mesh and a lab of its own."""
    monkeypatch.setenv("MAILLAGE_STATE", str(folder / "state"))
    territory = folder / "mesh" / "manche"
    territory.mkdir(parents=True)
    for name in ("territory.yml", "subscriptions.yml"):
        (territory / name).write_bytes((SAMPLE / "manche" / name).read_bytes())
    return territory


def test_without_the_key_nobody_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MAILLAGE_STATE", str(tmp_path / "state"))
    mesh, territory = tmp_path / "mesh", tmp_path / "mesh" / "orne"
    territory.mkdir(parents=True)
    for name in ("territory.yml", "subscriptions.yml"):
        (territory / name).write_bytes((SAMPLE / "orne" / name).read_bytes())
    assert cli.main(["--mesh", str(mesh), "credentials", "orne", "directory.verify", "--renew"]) == 0
    (tmp_path / "state" / "keys" / "orne").unlink()
    before = (territory / "subscriptions.yml").read_bytes()
    capsys.readouterr()
    assert cli.main(["--mesh", str(mesh), "subscriber", "add", "orne", "essai", "--name", "Personne d'essai"]) == 3
    assert "if it is lost, put it back" in capsys.readouterr().err
    assert (territory / "subscriptions.yml").read_bytes() == before


def test_whoever_a_shared_address_leads_to_is_not_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    territory = copied(tmp_path, monkeypatch)
    subscriptions = (territory / "subscriptions.yml").read_text(encoding="utf-8")
    text = (territory / "territory.yml").read_text(encoding="utf-8")
    shared = "  mail:\n    aliases: {tous@manche.maillage.test: [exemple@manche.maillage.test]}"
    (territory / "territory.yml").write_text(text.replace("  mail: {}", shared), encoding="utf-8")
    assert cli.main(["--mesh", str(tmp_path / "mesh"), "subscriber", "remove", "manche", "exemple", "--yes"]) == 2
    said = capsys.readouterr().err  # before any host is asked: there is none
    assert "nobody is removed" in said
    assert "territory.yml:23:" in said
    assert "is no address of a subscriber here" in said
    assert (territory / "subscriptions.yml").read_text(encoding="utf-8") == subscriptions


@pytest.mark.parametrize("name", ["Du\x07p", "Du\u202ep", "\ufeffDup", "Du\x85p"])
def test_a_name_that_could_not_be_read_again_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    territory = copied(tmp_path, monkeypatch)
    before = (territory / "subscriptions.yml").read_bytes()
    assert cli.main(["--mesh", str(tmp_path / "mesh"), "subscriber", "add", "manche", "dup", "--name", name]) == 2
    assert "nothing is written" in capsys.readouterr().err
    assert (territory / "subscriptions.yml").read_bytes() == before


@pytest.mark.parametrize(("uid", "name"), [("yes", "no"), ("on", "012"), ("y", "1:30"), ("off", "true")])
def test_whoever_is_called_yes_is_written_in_quotes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], uid: str, name: str
) -> None:
    territory = copied(tmp_path, monkeypatch)
    # Without a host the command ends there; the file is written before.
    assert cli.main(["--mesh", str(tmp_path / "mesh"), "subscriber", "add", "manche", uid, "--name", name]) == 5
    capsys.readouterr()
    assert cli.main(["--mesh", str(tmp_path / "mesh"), "subscriber", "list", "manche", "--json"]) == 0
    assert [uid, name] in [[each["uid"], each["name"]] for each in json.loads(capsys.readouterr().out)]
    assert f'"{uid}": {{name: "{name}"' in (territory / "subscriptions.yml").read_text(encoding="utf-8")
