import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from orchestrator import keys, vault
from orchestrator.errors import SecretsError
from orchestrator.model import Node

ANSIBLE_VAULT = Path(sys.executable).parent / "ansible-vault"


def test_from_a_file(real_node: Node) -> None:
    path = keys.file(real_node.territory)
    made = keys.create(path)
    assert path == Path(os.environ["XDG_CONFIG_HOME"]) / "maillage" / "keys" / "montagne"
    assert path.stat().st_mode & 0o777 == 0o600
    assert keys.load(real_node.territory) == made
    assert len(made.get_secret_value()) >= 43


def test_from_the_environment_before_the_file(real_node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    keys.create(keys.file(real_node.territory))
    monkeypatch.setenv("MAILLAGE_KEY_MONTAGNE", " from-environment\n")
    assert keys.load(real_node.territory).get_secret_value() == "from-environment"


def test_from_a_command_that_gets_the_territory(real_node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILLAGE_KEY_COMMAND", "printf 'key of %s'")
    assert keys.load(real_node.territory).get_secret_value() == "key of montagne"


def test_hyphens_in_the_name_of_the_variable(real_node: Node) -> None:
    territory = real_node.territory.model_copy(update={"territory": "seine-maritime"})
    assert keys.variable(territory) == "MAILLAGE_KEY_SEINE_MARITIME"


def test_a_lab_territory_has_its_key_with_the_lab_alone(lab_node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILLAGE_KEY_CALVADOS", "of another mesh")
    monkeypatch.setenv("MAILLAGE_KEY_COMMAND", "echo of another mesh")
    made = keys.create(Path(os.environ["MAILLAGE_STATE"]) / "keys" / "calvados")
    assert keys.load(lab_node.territory) == made


def test_a_missing_key_names_the_three_ways(real_node: Node) -> None:
    with pytest.raises(SecretsError) as raised:
        keys.load(real_node.territory)
    assert raised.value.exit_code == 3
    for way in (str(keys.file(real_node.territory)), "MAILLAGE_KEY_MONTAGNE", "MAILLAGE_KEY_COMMAND"):
        assert way in str(raised.value)


def test_a_key_that_others_can_read_is_refused(real_node: Node) -> None:
    path = keys.file(real_node.territory)
    key = keys.create(path)
    path.chmod(0o640)
    with pytest.raises(SecretsError, match=f"chmod 600 {path}") as raised:
        keys.load(real_node.territory)
    assert key.get_secret_value() not in str(raised.value)


@pytest.mark.parametrize(
    ("content", "message"), [("", "gives none"), ("\n \n", "gives none"), ("hunter2\nhunter3\n", "gives several")]
)
def test_a_key_is_one_line(content: str, message: str, real_node: Node) -> None:
    path = keys.file(real_node.territory)
    keys.create(path)
    path.write_text(content)
    with pytest.raises(SecretsError, match=message) as raised:
        keys.load(real_node.territory)
    assert "hunter2" not in str(raised.value).removeprefix(str(path))


def test_a_folder_is_not_a_key(real_node: Node) -> None:
    keys.file(real_node.territory).mkdir(parents=True)
    with pytest.raises(SecretsError, match="not an ordinary file"):
        keys.load(real_node.territory)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("sh -c 'echo hunter2; exit 3'", "ended with 3 for montagne"),
        ("/no/such/program", "cannot be run"),
        ("'open quote", "cannot be run"),
        ("true", "gives none"),
    ],
)
def test_a_command_that_fails(command: str, message: str, real_node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILLAGE_KEY_COMMAND", command)
    with pytest.raises(SecretsError, match=message) as raised:
        keys.load(real_node.territory)
    assert "hunter2" not in str(raised.value)


def test_ansible_reads_a_key_from_memory(tmp_path: Path) -> None:
    """The real ansible-vault, given the path of each key among several."""
    given = {name: SecretStr(f"key of {name}") for name in ("calvados", "manche")}
    with keys.vault_identities(given) as identities:
        for name, key in given.items():
            path = tmp_path / name
            path.write_text(vault.encrypt(f"secret of {name}", key, name))
            command = [ANSIBLE_VAULT, "view", *(f"--vault-id={identity}" for identity in identities), path]
            done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
            assert done.stdout.strip() == f"secret of {name}"
        paths = [Path(identity.partition("@")[2]) for identity in identities]
        assert all(path.stat().st_mode & 0o777 == 0o600 for path in paths)
        assert not any("key of" in value for value in os.environ.values())
    assert not any(path.exists() for path in paths)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can try as another user")
def test_a_key_in_memory_is_closed_to_others() -> None:
    with keys.vault_identities({"calvados": SecretStr("hunter2")}) as [identity]:
        command = ["cat", identity.partition("@")[2]]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, user=65534, group=65534, extra_groups=[]
        )
    assert done.returncode != 0
    assert "Permission denied" in done.stderr
