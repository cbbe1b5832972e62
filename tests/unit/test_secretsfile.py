from pathlib import Path

import pytest
from pydantic import SecretStr

from orchestrator import secretsfile, vault
from orchestrator.errors import InvalidInventory

KEY = SecretStr("key")


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "calvados.yml"
    secrets = {name: vault.encrypt("x", KEY, "calvados") for name in ("directory.verify", "subscribers.jean.dupont")}
    secretsfile.write(path, "calvados", secrets)
    assert secretsfile.read(path) == secrets
    assert path.stat().st_mode & 0o777 == 0o600


def test_no_file_is_no_secret(tmp_path: Path) -> None:
    assert secretsfile.read(tmp_path / "secrets.yml") == {}


def test_every_value_in_clear_is_named_and_none_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "secrets.yml"
    path.write_text("a: hunter2\nb: [hunter2]\nc: !vault hunter2\nd: 12\n")
    with pytest.raises(InvalidInventory) as raised:
        secretsfile.read(path)
    assert [(problem.line, problem.field) for problem in raised.value.problems] == [
        (1, "a"),
        (2, "b"),
        (3, "c"),
        (4, "d"),
    ]
    assert "hunter2" not in str(raised.value)
