"""From a token to a node that works, a second time, and back to nothing: with a lab host behind the API."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from borrowed import borrowed
from disturbed import named
from hetzner_stand_in.project import TOKEN
from hetzner_stand_in.server import StandIn
from lab.second import eventually
from rented_lab import NAME, LabServers

from orchestrator.locations import CLONE
from orchestrator.providers import hcloud

pytestmark = pytest.mark.lab
# With Nextcloud where its archive is at hand, else with the light engine.
ARCHIVE = os.environ.get("MAILLAGE_NEXTCLOUD_ARCHIVE")
ENGINE, UNSIGNED = ("nextcloud", ["--allow-unsigned-archive"]) if ARCHIVE else ("radicale", [])
SAMPLE = CLONE / "inventories" / "normandie"


class Partner:
    """Somebody with a token, a key in an agent, and one territory.

    Args:
        mesh: the folder of the mesh.
        environment: of the commands.
    """

    def __init__(self, mesh: Path, environment: dict[str, str]) -> None:
        self.mesh, self.environment = mesh, environment

    def run(self, *arguments: str, code: int = 0, typed: str = "") -> Any:
        """A command with `--json`; its report."""
        command = [sys.executable, "-m", "orchestrator", "--mesh", str(self.mesh), *arguments, "--json"]
        done = subprocess.run(
            command, cwd=CLONE, env=self.environment, input=typed, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return json.loads(done.stdout)

    @property
    def config(self) -> Path:
        return Path(self.environment["XDG_CONFIG_HOME"]) / "maillage"

    @property
    def territory(self) -> str:
        return (self.mesh / "calvados" / "territory.yml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServers]:
    with borrowed(NAME) as lab:
        found = LabServers(lab, tmp_path_factory.mktemp("volumes"))
        try:
            yield found
        finally:
            found.close()


@pytest.fixture(scope="module")
def stand_in(servers: LabServers) -> StandIn:
    return StandIn(servers.project)


@pytest.fixture(scope="module")
def partner(stand_in: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Partner]:
    folder = tmp_path_factory.mktemp("partner")
    key, socket, mesh = folder / "key", folder / "agent", folder / "normandie"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    shutil.copytree(SAMPLE, mesh, symlinks=True, ignore=shutil.ignore_patterns("manche", "orne"))
    path = mesh / "calvados" / "territory.yml"
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"    provider: lab.*\n    address: .*\n    disk: .*\n", RENTED, text)
    text = re.sub(r"  cloud:\n(    engine: .*\n)?", f"  cloud:\n    engine: {ENGINE}\n", text)
    public = key.with_suffix(".pub").read_text(encoding="utf-8").strip()
    path.write_text(text.replace("\nhosts:", f'  ssh_keys: ["{public}"]\n\nhosts:', 1), encoding="utf-8")
    with subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL) as agent:
        environment = {**os.environ, "SSH_AUTH_SOCK": str(socket), "XDG_CONFIG_HOME": str(folder / "config")}
        environment |= {"HCLOUD_TOKEN": TOKEN}
        eventually(socket.exists)
        subprocess.run(["ssh-add", "-q", key], env=environment, check=True, stderr=subprocess.DEVNULL)
        with stand_in.served() as address:
            yield Partner(mesh, environment | {hcloud.ENDPOINT: address})
        agent.terminate()


APT = ("apt-daily.timer", "apt-daily-upgrade.timer")  # off in the lab's image, as a node has them
BESIDE = """
mkdir /tmp/beside
mount --bind / /tmp/beside
touch /tmp/beside/srv/maillage/x 2>&1
umount /tmp/beside
"""
RENTED = "    provider: hcloud\n    hcloud: {type: cx23, location: nbg1, volume: 10 GB}\n"


def here(changes: set[tuple[str, ...]]) -> set[tuple[str, ...]]:
    """Those of the node itself; the lab's internet is configured beside it."""
    return {each for each in changes if each[0] == "caen.calvados"}


def test_from_a_token_to_a_node_as_planned(partner: Partner, servers: LabServers, stand_in: StandIn) -> None:
    """What is done is what was planned, but for what the image turns out to have."""
    plan = partner.run("plan", "calvados", *UNSIGNED)
    assert plan["estimated"] == ["caen.calvados"]
    assert stand_in.project.listing() == []
    done = partner.run("deploy", "calvados", *UNSIGNED)
    assert done["cloud"] == plan["cloud"]
    planned, changed = (here(named(report)) for report in (plan, done))
    assert changed - planned == set()
    had = {each for each in planned if each[2] == "package" and each[3] in servers.packages}
    assert planned - changed - had <= {each for each in planned if each[3] in APT}
    assert all(check["ok"] or check["skipped"] for check in done["checks"])
    assert len(done["checks"]) > 50
    assert len(stand_in.project.listing()) == 6


def test_a_second_time_nothing_changes(partner: Partner, stand_in: StandIn) -> None:
    before, text = stand_in.project.listing(), partner.territory
    for report in (
        partner.run("plan", "calvados", *UNSIGNED),
        partner.run("deploy", "calvados", "--no-verify", *UNSIGNED),
    ):
        assert report["cloud"]["calvados"]["steps"] == []
        assert here(named(report)) == set()
    assert (stand_in.project.listing(), partner.territory) == (before, text)


def test_the_key_that_the_server_was_given_is_in_no_use(partner: Partner) -> None:
    """Whoever has read what the server was told cannot pass for it."""
    pinned = re.search(r"host_key: (\S+ \S+?)}", partner.territory)
    assert pinned
    shown = subprocess.run(
        ["ssh-keyscan", "-t", "ed25519,rsa,ecdsa", "10.99.0.31"], capture_output=True, text=True, check=True
    )
    keys = {" ".join(line.split()[1:3]) for line in shown.stdout.splitlines() if not line.startswith("#")}
    assert keys == {pinned[1].strip('"')}
    assert not list((partner.config / "first-contact").iterdir())


def test_the_data_is_on_the_volume(partner: Partner) -> None:
    """And nothing is written beside it, should it not be there."""
    output = on_the_host(partner, "findmnt -no FSTYPE,TARGET /srv/maillage; ls /srv/maillage; grep maillage /etc/fstab")
    assert output.startswith("ext4 /srv/maillage")
    assert ENGINE in output
    assert "/dev/disk/by-id/scsi-0HC_Volume_" in output
    refused = on_the_host(partner, BESIDE)
    assert "not permitted" in refused


def test_a_lost_server_is_made_anew_with_its_data(partner: Partner, stand_in: StandIn) -> None:
    on_the_host(partner, "echo kept > /srv/maillage/mail/a-file")
    before = partner.territory
    [server] = stand_in.project.things["servers"]
    stand_in.project.delete_server({}, {}, str(server))
    plan = partner.run("plan", "calvados", *UNSIGNED)
    assert [step["kind"] for step in plan["cloud"]["calvados"]["steps"]] == ["server"]
    partner.run("deploy", "calvados", *(UNSIGNED or ["--no-verify"]))  # Nextcloud must be whole, with data of its own
    assert on_the_host(partner, "cat /srv/maillage/mail/a-file") == "kept\n"
    addresses = re.search(r"address: .*", before)
    assert addresses
    assert addresses[0] in partner.territory
    assert partner.territory != before  # another server has another key


# An ssh that ends its caller at its n-th call: before the call, or once it was made.
DEADLY = """#!/bin/bash
number=$(($(cat "$COUNT") + 1))
echo $number > "$COUNT"
[ "$WHEN $AT" = "before $number" ] && kill -9 $PPID && exit 1
/usr/bin/ssh "$@"
code=$?
[ "$WHEN $AT" = "after $number" ] && kill -9 $PPID
exit $code
"""
AS_IT_BEGAN = """set -e
cd /etc/ssh
rm -f ssh_host_*
cat > ssh_host_ed25519_key <<'END'
{key}END
chmod 600 ssh_host_ed25519_key
ssh-keygen -y -f ssh_host_ed25519_key > ssh_host_ed25519_key.pub
systemctl reload ssh
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_first_contact_that_is_killed_goes_on(
    partner: Partner, servers: LabServers, when: str, tmp_path: Path
) -> None:
    """At every call of ssh: the next run changes the key, too, and knows it."""
    given = json.loads(servers.told.removeprefix("#cloud-config\n"))["ssh_keys"]["ed25519_private"]
    folder, count = partner.config / "first-contact", tmp_path / "count"
    deadly = tmp_path / "bin" / "ssh"
    deadly.parent.mkdir()
    deadly.write_text(DEADLY)
    deadly.chmod(0o755)
    environment = {**partner.environment, "PATH": f"{deadly.parent}:{os.environ['PATH']}", "COUNT": str(count)}
    points = 0
    while True:
        on_the_host(partner, AS_IT_BEGAN.format(key=given))
        (folder / "caen.calvados").write_text(given)
        (folder / "caen.calvados").chmod(0o600)
        path = partner.mesh / "calvados" / "territory.yml"
        path.write_text(re.sub(r"    ssh: .*\n", "", partner.territory))
        count.write_text("0")
        command = [sys.executable, "-m", "orchestrator", "--mesh", str(partner.mesh), "provision", "calvados"]
        at = {"AT": str(points + 1), "WHEN": when}
        done = subprocess.run(command, cwd=CLONE, env=environment | at, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        points += 1
        partner.run("provision", "calvados")
        assert on_the_host(partner, "cat /etc/ssh/ssh_host_ed25519_key.pub").strip() in partner.territory
        assert given not in on_the_host(partner, "cat /etc/ssh/ssh_host_ed25519_key")
        assert not list(folder.iterdir())
    print(f"{points} points {when}")
    assert points >= 6


def test_it_is_given_back(partner: Partner, stand_in: StandIn) -> None:
    refused = partner.run("deprovision", "calvados", "--everything", code=2)
    assert "it makes no backups" in refused["error"]
    gone = partner.run("deprovision", "calvados", "--everything", "--without-backup", typed="calvados\n")
    assert len(gone["gone"]) == 6
    assert gone["stays"] == []
    assert stand_in.project.listing() == []
    assert "address:" not in partner.territory


def on_the_host(partner: Partner, script: str) -> str:
    """What a script prints there, by the partner's own way in: their key, and the server's that was pinned."""
    known = f"UserKnownHostsFile={partner.config}/known_hosts/caen.calvados"
    command = ["ssh", "-o", known, "-o", "StrictHostKeyChecking=yes", "root@10.99.0.31", script]
    done = subprocess.run(
        command, env=partner.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False
    )
    return done.stdout.decode()
