"""A machine that is there already, as far as it can be told without one; the rest is in tests/integration."""

import json
import subprocess

import pytest

from orchestrator.host_model import Host
from orchestrator.providers import provider
from orchestrator.providers.existing import ExistingProvider, fingerprint


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


@pytest.fixture
def key(tmp_path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "comment", "-f", tmp_path / "key"], check=True)
    return (tmp_path / "key.pub").read_text().strip()


def host(**ssh) -> Host:
    written = {"name": "caen", "provider": "existing", "address": {"ipv4": "192.0.2.7", "ipv6": "2001:db8::7"}}
    return Host.model_validate_json(json.dumps(written | ({"ssh": ssh} if ssh else {})))


def test_the_provider_follows_the_inventory():
    assert isinstance(provider(host()), ExistingProvider)


def test_root_needs_no_sudo_and_another_user_does():
    assert not ExistingProvider().connection("calvados", host()).become
    assert ExistingProvider().connection("calvados", host(user="partner")).become


def test_the_key_of_the_inventory_is_the_only_one_accepted(key):
    kind, blob, _comment = key.split()
    reach = ExistingProvider().connection("calvados", host(host_key=f"{kind} {blob}"))
    assert reach.known_hosts_file.read_text() == f"192.0.2.7 {kind} {blob}\n"
    reach = ExistingProvider().connection("calvados", host(host_key=f"{kind} {blob}", port=2222))
    assert reach.known_hosts_file.read_text() == f"[192.0.2.7]:2222 {kind} {blob}\n"


def test_the_fingerprint_is_the_one_that_openssh_prints(tmp_path, key):
    printed = subprocess.run(["ssh-keygen", "-lf", tmp_path / "key.pub"], capture_output=True, text=True, check=True)
    assert fingerprint(key) == printed.stdout.split()[1]
