"""`subscriber` without a host: what is written, and what is not."""

from pathlib import Path

import pytest
from sample_territories import SAMPLE

from orchestrator import cli


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
    monkeypatch.setenv("MAILLAGE_STATE", str(tmp_path / "state"))
    territory = tmp_path / "mesh" / "manche"
    territory.mkdir(parents=True)
    subscriptions = (SAMPLE / "manche" / "subscriptions.yml").read_text(encoding="utf-8")
    (territory / "subscriptions.yml").write_text(subscriptions, encoding="utf-8")
    text = (SAMPLE / "manche" / "territory.yml").read_text(encoding="utf-8")
    shared = "  mail:\n    aliases: {tous@manche.maillage.test: [exemple@manche.maillage.test]}"
    (territory / "territory.yml").write_text(text.replace("  mail: {}", shared), encoding="utf-8")
    assert cli.main(["--mesh", str(tmp_path / "mesh"), "subscriber", "remove", "manche", "exemple", "--yes"]) == 2
    said = capsys.readouterr().err  # before any host is asked: there is none
    assert "nobody is removed" in said
    assert "territory.yml:23:" in said
    assert "is no address of a subscriber here" in said
    assert (territory / "subscriptions.yml").read_text(encoding="utf-8") == subscriptions
