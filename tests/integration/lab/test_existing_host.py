"""A lab host reached as provider `existing`, and the preflight of any host."""

import json
import subprocess

import pytest

from lab.second import TWO, eventually, output
from orchestrator import preflight
from orchestrator.errors import HostUnreachable, PreflightRefused
from orchestrator.host_model import Host
from orchestrator.providers.existing import ExistingProvider, HostKeyUnknown, fingerprint
from orchestrator.ssh import AuthenticationRefused, HostKeyChanged

pytestmark = pytest.mark.lab


@pytest.fixture
def partner(lab, tmp_path, monkeypatch):
    """A partner with a key of their own in an agent, and an account with sudo on a host; nothing of the lab's."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    key = tmp_path / "partner"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    output(
        lab,
        TWO,
        "id partner 2> /dev/null || useradd --create-home --shell /bin/bash partner\n"
        "echo 'partner ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/partner\n"
        "install -d -m 700 -o partner ~partner/.ssh\n"
        f"echo '{key.with_suffix('.pub').read_text().strip()}' > ~partner/.ssh/authorized_keys",
    )
    socket = tmp_path / "agent"
    with subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL) as agent:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        eventually(socket.exists)
        subprocess.run(["ssh-add", "-q", key], check=True, stderr=subprocess.DEVNULL)
        yield
        agent.terminate()


def host(**ssh) -> Host:
    """The host as a partner writes it."""
    settings = {"user": "partner"} | ssh
    address = {"ipv4": TWO.ipv4[0], "ipv6": TWO.ipv6[0]}
    return Host.model_validate_json(
        json.dumps({"name": "two", "provider": "existing", "address": address, "ssh": settings})
    )


def public_key(lab) -> str:
    return " ".join(output(lab, TWO, "cat /etc/ssh/ssh_host_ed25519_key.pub").split()[:2])


@pytest.mark.usefixtures("partner")
def test_without_anybody_to_confirm_the_key_must_be_in_the_inventory(lab):
    with pytest.raises(HostKeyUnknown) as refusal:
        ExistingProvider(ask=lambda _: False).ensure("sample", host(), print)
    assert f'host_key: "{public_key(lab)}"' in str(refusal.value)
    ExistingProvider(ask=pytest.fail).ensure("sample", host(host_key=public_key(lab)), print)


@pytest.mark.usefixtures("partner")
def test_a_confirmed_key_is_pinned_and_the_host_is_used_through_sudo(lab):
    questions = []
    confirming = ExistingProvider(ask=lambda question: not questions.append(question))
    for _ in range(2):
        confirming.ensure("sample", host(), print)
    assert len(questions) == 1
    assert fingerprint(public_key(lab)) in questions[0]
    reach = confirming.connection("sample", host())
    assert reach.known_hosts_file.read_text() == f"{TWO.ipv4[0]} {public_key(lab)}\n"
    assert reach.run("id -un").stdout == "root\n"
    assert preflight.check("two", reach).root
    output(lab, TWO, "rm /etc/sudoers.d/partner")
    with pytest.raises(PreflightRefused, match="no sudo without a password"):
        preflight.check("two", reach)


@pytest.mark.usefixtures("partner")
def test_another_key_or_user_is_refused(lab, tmp_path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "other"], check=True)
    another = " ".join((tmp_path / "other.pub").read_text().split()[:2])
    with pytest.raises(HostKeyChanged, match="another key"):
        ExistingProvider().ensure("sample", host(host_key=another), print)
    with pytest.raises(AuthenticationRefused, match="authorized_keys of nobody"):
        ExistingProvider().ensure("sample", host(user="nobody", host_key=public_key(lab)), print)


@pytest.mark.usefixtures("partner", "lab")
def test_nothing_there_is_one_sentence():
    with pytest.raises(HostUnreachable, match="no SSH server answers"):
        ExistingProvider().ensure("sample", host(port=2), print)


def test_preflight_of_a_bare_host_and_of_one_that_is_not_fit(lab):
    reach = lab.connection(TWO.name)
    assert preflight.check("two", reach).system == "debian 13"
    server = "systemd-run --quiet --unit=other python3 -m http.server 80"
    output(
        lab, TWO, f"fallocate --length 1.3GB /srv/all; {server}; until ss -Hltn | grep -q ':80 '; do sleep 0.1; done"
    )
    with pytest.raises(PreflightRefused) as refusal:
        preflight.check("two", reach)
    assert [line.split(" ")[1] for line in str(refusal.value).splitlines()] == ["has", "port"]
    assert "port 80 is taken by python3" in str(refusal.value)
    output(lab, TWO, "systemctl stop other; rm /srv/all")
