"""A change that shuts everybody out is taken back by the host itself, by its timer or when it starts again."""

import time

import pytest
from disturbed import mistaken

FIREWALL, DROP = "etc/nftables.conf.j2", "tcp dport 22 drop\n"
WRONG = {
    "firewall": (FIREWALL, "ct state established,related accept", DROP),  # cuts the connections that are there, too
    "firewall for new connections": (FIREWALL, "ct state invalid drop", DROP),
    "sshd": ("etc/ssh/sshd_config.d/10-maillage.conf.j2", "PasswordAuthentication no", "AllowUsers nobody\n"),
}


@pytest.fixture
def wrong(tmp_path, orne, request):
    """Starts the deployment of a copy of the project in which somebody has made a mistake."""
    path, line, mistake = WRONG[request.param]
    project = mistaken(tmp_path, f"roles/base/templates/access/{path}", line, mistake + line)
    return lambda: orne.start("deploy", orne.name, "--no-verify", project=project)


def as_it_was(territory):
    """The host can be reached, and a run of the right project has nothing to do."""
    territory.lab.connection(territory.host).close()
    assert territory.on("true") == ""
    assert territory.deploy()["changes"] == []
    assert territory.left() == []


@pytest.mark.parametrize("wrong", WRONG, indirect=True)
def test_the_timer_puts_it_back(orne, note, wrong):
    orne.deploy()
    begun = time.monotonic()
    with wrong() as process:
        output, words = process.communicate(timeout=300)
    assert process.returncode == 6, output + words
    assert "no new connection came through; the host has put the previous files back" in words
    note("locked out", seconds=time.monotonic() - begun)
    as_it_was(orne)


@pytest.mark.parametrize("wrong", ["firewall"], indirect=True)
def test_a_host_that_is_started_again_puts_it_back(orne, note, wrong):
    orne.deploy()
    with wrong() as process:
        for line in process.stderr:
            if "base: Close the firewall" in line:
                break
        time.sleep(6)  # the change is made, and waits to be confirmed
        assert "tcp dport 22 drop" in orne.on_the_disk("/etc/nftables.conf")
        begun = time.monotonic()
        orne.lab.kill(orne.host)
        orne.lab.start(orne.host)  # waits until it answers
        note("locked out, then without power", seconds=time.monotonic() - begun)
        process.communicate(timeout=300)
    assert process.returncode == 6
    as_it_was(orne)
