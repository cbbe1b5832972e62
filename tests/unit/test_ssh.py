"""The SSH command line, as the real ssh reads it, and its errors as one sentence each."""

import shlex
import subprocess
from pathlib import Path

import pytest

from orchestrator.errors import HostError, HostUnreachable
from orchestrator.ssh import AuthenticationRefused, Connection, HostKeyChanged, failure


def connection(tmp_path: Path, **changes) -> Connection:
    values = {
        "host": "192.0.2.7",
        "port": 2222,
        "user": "partner",
        "identity_file": tmp_path / "id_ed25519",
        "known_hosts_file": tmp_path / "known hosts",
    }
    return Connection(**values | changes)


def effective(arguments: list[str]) -> dict[str, str]:
    """What ssh understands: `ssh -G` prints its configuration and connects to nothing."""
    printed = subprocess.run([arguments[0], "-G", *arguments[1:]], capture_output=True, text=True, check=True).stdout
    return dict(line.split(" ", 1) for line in printed.splitlines() if " " in line)


@pytest.fixture(autouse=True)
def runtime_directory(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


def test_ssh_reads_the_arguments_as_meant(tmp_path):
    reach = connection(tmp_path)
    seen = effective(reach.arguments())
    assert (seen["hostname"], seen["port"], seen["user"]) == ("192.0.2.7", "2222", "partner")
    assert seen["stricthostkeychecking"] == "true"
    assert seen["batchmode"] == "yes"
    assert seen["identitiesonly"] == "yes"
    assert seen["userknownhostsfile"] == str(tmp_path / "known hosts")
    assert seen["controlpath"] == str(reach.control_path)
    assert seen["controlpersist"] == "60"


def test_ansible_shares_the_connection(tmp_path):
    reach = connection(tmp_path, become=True)
    variables = reach.ansible_variables()
    through_ansible = effective(["ssh", *shlex.split(variables["ansible_ssh_common_args"]), variables["ansible_host"]])
    assert through_ansible["controlpath"] == str(reach.control_path)
    assert through_ansible["userknownhostsfile"] == str(tmp_path / "known hosts")
    assert variables["ansible_ssh_private_key_file"] == str(tmp_path / "id_ed25519")
    assert variables["ansible_become"] is True


def test_control_path_fits_a_socket_and_differs_between_keys(tmp_path):
    paths = {connection(tmp_path, known_hosts_file=tmp_path / name).control_path.name for name in ("one", "other")}
    assert len(paths) == 2
    assert all(len(name) == 20 for name in paths)


def test_control_directory_open_to_others_is_refused(tmp_path):
    reach = connection(tmp_path)
    reach.control_path.parent.chmod(0o755)
    with pytest.raises(HostError, match="open to others"):
        _ = reach.control_path


def test_without_an_identity_ssh_uses_the_users_own(tmp_path):
    reach = connection(tmp_path, identity_file=None)
    assert "-i" not in reach.arguments()
    assert effective(reach.arguments())["identitiesonly"] == "no"
    assert "ansible_ssh_private_key_file" not in reach.ansible_variables()


@pytest.mark.parametrize(
    ("stderr", "kind", "words"),
    [
        (
            "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.",
            HostKeyChanged,
            "another key",
        ),
        ("No ED25519 host key is known for x\nHost key verification failed.", HostKeyChanged, "ssh.host_key"),
        ("partner@192.0.2.7: Permission denied (publickey).", AuthenticationRefused, "authorized_keys"),
        ("ssh: connect to host 192.0.2.7 port 2222: Connection refused", HostUnreachable, "Connection refused"),
        ("", HostUnreachable, "was cut"),
    ],
)
def test_each_failure_is_one_sentence(tmp_path, stderr, kind, words):
    error = failure(connection(tmp_path), stderr)
    assert type(error) is kind
    assert words in str(error)
    assert str(error).startswith("partner@192.0.2.7 port 2222: ")
    assert "\n" not in str(error)
