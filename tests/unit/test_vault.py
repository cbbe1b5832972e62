import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from orchestrator import vault
from orchestrator.errors import SecretsError

ANSIBLE_VAULT = Path(sys.executable).parent / "ansible-vault"
KEY = SecretStr("clé-of-the-test")


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text(KEY.get_secret_value(), encoding="utf-8")
    return path


@settings(max_examples=50, deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
@example("")
@example("x" * 16)
def test_round_trip(value: str) -> None:
    ciphertext = vault.encrypt(value, KEY, "calvados")
    assert vault.CIPHERTEXT.fullmatch(ciphertext)
    assert vault.decrypt(ciphertext, KEY).get_secret_value() == value


def test_the_same_value_never_looks_the_same() -> None:
    assert vault.encrypt("a", KEY, "calvados") != vault.encrypt("a", KEY, "calvados")


def test_ansible_vault_reads_ours(key_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "value"
    path.write_text(vault.encrypt("mot de passe é", KEY, "calvados"), encoding="utf-8")
    command = [ANSIBLE_VAULT, "view", "--vault-id", f"calvados@{key_file}", path]
    assert (
        subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path).stdout.strip()
        == "mot de passe é"
    )


@pytest.mark.parametrize("label", [(), ("--encrypt-vault-id", "calvados")], ids=["1.1", "1.2"])
def test_we_read_those_of_ansible_vault(label: tuple[str, ...], key_file: Path) -> None:
    identity = f"calvados@{key_file}" if label else str(key_file)
    command = [ANSIBLE_VAULT, "encrypt", "--vault-id", identity, *label, "--output", "-"]
    done = subprocess.run(
        command, input="mot de passe é", capture_output=True, text=True, check=True, cwd=key_file.parent
    )
    assert vault.CIPHERTEXT.fullmatch(done.stdout)
    assert vault.decrypt(done.stdout, KEY).get_secret_value() == "mot de passe é"


def test_another_key_and_a_damaged_value_are_told_apart() -> None:
    ciphertext = vault.encrypt("hunter2", KEY, "calvados")
    with pytest.raises(SecretsError, match="the key does not open the value"):
        vault.decrypt(ciphertext, SecretStr("another"))
    with pytest.raises(SecretsError, match="is damaged"):
        vault.decrypt(ciphertext[:-9], KEY)
    with pytest.raises(SecretsError, match="is damaged"):
        vault.decrypt("$ANSIBLE_VAULT;1.1;AES256\n3132\n", KEY)


@given(st.integers(min_value=0), st.sampled_from("0123456789abcdef"))
@settings(max_examples=50, deadline=None)
def test_a_changed_digit_never_gives_another_value(place: int, digit: str) -> None:
    ciphertext = vault.encrypt("hunter2", KEY, "calvados")
    start = ciphertext.index("\n") + 1
    place = start + place % (len(ciphertext) - start)
    changed = ciphertext[:place] + digit + ciphertext[place + 1 :]
    try:
        value = vault.decrypt(changed, KEY).get_secret_value()
    except SecretsError:
        return
    assert value == "hunter2"  # a digit replaced by itself, or a hexadecimal letter by its capital
