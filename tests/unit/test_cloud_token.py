"""Where Hetzner's token comes from, and where it never is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator import cloud_token
from orchestrator.errors import SecretsError


@pytest.fixture(autouse=True)
def nothing_given(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (cloud_token.VARIABLE, cloud_token.FILE, cloud_token.COMMAND):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(cloud_token, "_taken", [])


def test_the_environment_is_read_once_and_handed_to_no_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cloud_token.VARIABLE, "a-token\n")
    cloud_token.take()
    assert cloud_token.load().get_secret_value() == "a-token"
    seen = subprocess.run(
        [sys.executable, "-c", "import os; print(os.environ)"], capture_output=True, text=True, check=True
    )
    assert "a-token" not in seen.stdout
    assert cloud_token.VARIABLE not in os.environ


def test_a_file_of_its_owners(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "token"
    monkeypatch.setenv(cloud_token.FILE, str(path))
    with pytest.raises(SecretsError, match="is not there"):
        cloud_token.load()
    path.write_text("a-token\n")
    path.chmod(0o644)
    with pytest.raises(SecretsError, match="chmod 600"):
        cloud_token.load()
    path.chmod(0o600)
    assert cloud_token.load().get_secret_value() == "a-token"
    assert "a-token" not in repr(cloud_token.load())


def test_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cloud_token.COMMAND, "echo a-token")
    assert cloud_token.load().get_secret_value() == "a-token"
    for wrong in ("false", "echo", "nobody-has-such-a-command", "'"):
        monkeypatch.setenv(cloud_token.COMMAND, wrong)
        with pytest.raises(SecretsError, match=cloud_token.COMMAND):
            cloud_token.load()


def test_none_is_said_with_the_ways_to_give_it() -> None:
    assert not cloud_token.given()
    with pytest.raises(SecretsError, match=r"HCLOUD_TOKEN_FILE.*HCLOUD_TOKEN_COMMAND"):
        cloud_token.load()
