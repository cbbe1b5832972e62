"""The SSH connection and the lock, with a real host."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lab.second import ONE, TWO, elsewhere, eventually, output
from orchestrator.errors import HostLocked
from orchestrator.ssh import AuthenticationRefused, HostKeyChanged, lock

pytestmark = pytest.mark.lab


def test_a_changed_host_key_is_refused(lab, tmp_path):
    known = tmp_path / "known_hosts"
    known.write_text(lab.place.known_hosts(TWO.name).read_text().replace(TWO.ipv4[0], ONE.ipv4[0]))
    with pytest.raises(HostKeyChanged, match="another key"):
        replace(lab.connection(ONE.name), known_hosts_file=known).run("true")


def test_a_wrong_key_is_refused(lab, tmp_path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "other"], check=True)
    with pytest.raises(AuthenticationRefused, match="authorized_keys"):
        replace(lab.connection(ONE.name), identity_file=tmp_path / "other").run("true")


def test_the_lock_names_its_holder_and_dies_with_it(lab):
    program = (
        "with lock(lab.connection('one.sample'), 'somebody@elsewhere'): print('held', flush=True); sys.stdin.read()"
    )
    reach = lab.connection(ONE.name)
    with elsewhere(lab, program) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(HostLocked, match="somebody@elsewhere since"), lock(reach, "me@here"):
            pass
        holder.kill()
    eventually(lambda: _can_lock(reach), seconds=5)


def _can_lock(reach) -> bool:
    try:
        with lock(reach, "me@here"):
            return True
    except HostLocked:
        return False


def test_the_lock_is_free_as_soon_as_it_is_given_back(lab):
    for _ in range(3):
        with lock(lab.connection(ONE.name), "me@here"):
            pass


def test_the_lock_outlives_the_shared_connection(lab):
    """As when a guarded change is confirmed over a new connection: the old one takes no more sessions."""
    reach = lab.connection(ONE.name)
    with lock(reach, "me@here"):
        subprocess.run([*reach.arguments()[:-1], "-O", "stop", reach.host], capture_output=True, check=True)
        with pytest.raises(HostLocked, match="me@here since"), lock(reach, "you@there"):
            pass
    assert _can_lock(reach)


def test_ansible_comes_through_the_same_connection(lab, tmp_path):
    reach = lab.connection(TWO.name)
    reach.close()
    assert reach.run("true").returncode == 0
    inventory = tmp_path / "inventory.json"
    inventory.write_text(json.dumps({"all": {"hosts": {"two": reach.ansible_variables()}}}))
    ansible = shutil.which("ansible", path=Path(sys.executable).parent)
    assert ansible is not None
    command = [ansible, "two", "-i", inventory, "-m", "ansible.builtin.ping"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)  # no ansible.cfg there
    assert '"ping": "pong"' in answer.stdout, answer.stderr
    assert output(lab, TWO, "ss -Htn state established '( sport = :22 )' | wc -l") == "1"
