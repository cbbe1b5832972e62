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
