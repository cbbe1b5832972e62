import subprocess
import sys
from pathlib import Path

from orchestrator import secrets, secretsfile
from orchestrator.locations import CLONE
from orchestrator.model import Node

ANSIBLE_VAULT = Path(sys.executable).parent / "ansible-vault"
CLIENT = CLONE / "plugins" / "vault" / "maillage-client"


def view(path: Path, *identities: str) -> subprocess.CompletedProcess[str]:
    options = [f"--vault-id={identity}@{CLIENT}" for identity in identities]
    command = [ANSIBLE_VAULT, "view", *options, path]
    # From a folder without ansible.cfg: only the identities given here.
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=path.parent)


def test_plain_ansible_finds_the_key(lab_node: Node, tmp_path: Path) -> None:
    """Also where the key of another territory is absent."""
    secrets.ensure(lab_node)
    path = tmp_path / "value"
    path.write_text(secretsfile.read(secretsfile.path_of(lab_node))["directory.verify"])
    expected = secrets.reveal(lab_node, "directory.verify").get_secret_value()
    assert view(path, "calvados").stdout.strip() == expected
    assert view(path, "manche", "calvados").stdout.strip() == expected


def test_without_a_key_it_says_so(lab_node: Node) -> None:
    done = subprocess.run([CLIENT, "--vault-id", lab_node.name], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("the key of calvados is not there")
    done = subprocess.run([CLIENT, "--vault-id", "calvado"], capture_output=True, text=True, check=False)
    assert "did you mean calvados?" in done.stderr
