"""Backups under faults: what was saved comes back, the next run is right, and what went wrong is said."""

import os
import random
import signal
import time

import pytest
from disturbed import MOMENTS, SEEDS, deployed

PROGRAM = "/usr/lib/maillage/backup"
FULL = "fallocate -l $(($(stat -f -c '%a * %S' /) - 2000000)) /filler"
MEMBERS = "\nmesh: {name: normandie, keeps: 100 GB}\n"
# How long each takes, about: the moments of a kill are spread over it.
SECONDS = {"run": 6.0, "drill": 4.0}
# What of the mesh passes: nothing.
CUT = "nft insert rule inet maillage input iifname mesh0 drop; nft insert rule inet maillage input udp dport 51820 drop"


@pytest.fixture(scope="module")
def territories(tmp_path_factory):
    folder = tmp_path_factory.mktemp("backup")
    with deployed(folder, "calvados", "manche", "orne", services="  backup: {}\n", more=MEMBERS) as territories:
        yield territories


@pytest.fixture
def calvados(territories):
    return territories[0]


@pytest.fixture(scope="module")
def events(territories):
    """What a subscriber has stored, and what is saved."""
    calvados = territories[0]
    calvados.on("head -c 60000000 /dev/urandom > /srv/maillage/radicale/large")
    stored = [calvados.store(f"backup-{number}") for number in range(5)]
    calvados.run("backup", "run", "calvados")
    return stored


def listed(calvados):
    return calvados.run("backup", "list", "calvados", "--json")


def killed(calvados, action, seconds):
    """Begin something on the host and kill all of it."""
    unit = {"run": "maillage-backup", "drill": "maillage-drill"}[action]
    calvados.on(f"systemctl start --no-block {unit}; sleep {seconds}; systemctl kill --signal=KILL {unit}; sleep 0.2")


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("action", SECONDS)
def test_killed_at_random_moments(calvados, events, action, seed):
    chance = random.Random(seed)
    before = listed(calvados)
    for _ in range(MOMENTS):
        calvados.on(f"head -c 3000000 /dev/urandom > /srv/maillage/radicale/changed-{chance.randrange(3)}")
        killed(calvados, action, chance.uniform(0, SECONDS[action]))
    calvados.run("backup", "run", "calvados")
    assert "good: " in calvados.run("backup", "drill", "calvados")
    after = listed(calvados)
    assert [each for each in before if each not in after] == []
    assert calvados.on("ls /srv/maillage/backup").split() == ["life.json", "now"]
    assert calvados.lost(events) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_a_restore_that_is_killed_over_and_over(calvados, events, seed):
    chance = random.Random(seed)
    calvados.run("backup", "run", "calvados")
    for round_ in range(MOMENTS):
        replace = "--replace" if round_ == 0 else ""
        restore = f"systemd-run --wait --collect --unit=maillage-restore {PROGRAM} restore {replace}"
        calvados.on(f"timeout --signal=KILL {chance.uniform(0.5, 8):.1f} {restore} || true")
        calvados.on("systemctl kill --signal=KILL maillage-restore 2> /dev/null; sleep 0.5")
    if "restoring" in calvados.on("ls /srv/maillage/backup"):
        calvados.run("restore", "calvados", "--no-verify", *calvados.given)
    assert calvados.lost(events) == []
    calvados.run("deploy", "calvados", "--no-verify")
    calvados.run("backup", "run", "calvados")
    assert calvados.left() == []


@pytest.mark.parametrize("when", ["restoring.json", "restored"])
def test_whoever_asked_for_a_restore_is_gone(calvados, events, when):
    """While the host restores, and when it has done so: the same command goes on, deploys, and is done."""
    calvados.run("backup", "run", "calvados")
    calvados.lab.destroy(calvados.host)
    assert "there are backups of an earlier host" in calvados.run("deploy", "calvados", "--no-verify", *calvados.given)
    with calvados.start("restore", "calvados", "--no-verify", *calvados.given) as process:
        calvados.on(f"until [ -e /srv/maillage/backup/{when} ]; do sleep 0.05; done")
        os.killpg(process.pid, signal.SIGKILL)
    said = calvados.run("restore", "calvados", "--no-verify", *calvados.given)
    assert ("restored already" in said) == (when == "restored")
    assert calvados.on("ls /srv/maillage/backup").split() == ["life.json"]
    assert calvados.lost(events) == []


@pytest.mark.usefixtures("events")
def test_the_network_is_cut_in_the_middle(territories, calvados):
    calvados.on("head -c 80000000 /dev/urandom > /srv/maillage/radicale/large")
    try:
        with calvados.start("backup", "run", "calvados") as process:
            time.sleep(4)
            for peer in territories[1:]:
                peer.on(CUT)
            calvados.on("systemctl kill maillage-backup || true")  # rather than wait for restic's patience
            process.communicate(timeout=300)
        assert "does not answer" in calvados.run("backup", "run", "calvados", code=9)
    finally:
        for peer in territories[1:]:
            peer.on("systemctl reload nftables")
    calvados.run("backup", "run", "calvados")
    assert "good: " in calvados.run("backup", "drill", "calvados")


@pytest.mark.usefixtures("events")
def test_its_own_disk_is_full(calvados):
    calvados.on(FULL)
    try:
        calvados.run("backup", "drill", "calvados", code=9)
    finally:
        calvados.on("rm /filler")
    calvados.run("backup", "run", "calvados")
    assert "good: " in calvados.run("backup", "drill", "calvados")


@pytest.mark.usefixtures("events")
def test_a_peers_disk_is_full(territories, calvados):
    _, manche, orne = territories
    before = len([each for each in listed(calvados) if each["at"] == "orne"])
    manche.on(FULL)
    calvados.on("head -c 50000000 /dev/urandom > /srv/maillage/radicale/large")
    try:
        with calvados.start("backup", "run", "calvados") as process:
            time.sleep(60)
            calvados.on("pkill -KILL -x restic || true")  # rather than wait for its patience
            process.communicate(timeout=600)
    finally:
        manche.on("rm /filler")
    calvados.run("backup", "run", "calvados")
    assert len([each for each in listed(calvados) if each["at"] == "orne"]) > before
    assert orne.on("ls /srv/maillage/backups/calvados").split()


def test_dates_that_are_wrong(calvados, events):
    """A date that lies years ahead, then right ones again: the newest is the backup that was made last."""
    calvados.run("backup", "run", "calvados")
    nightly = "/usr/lib/maillage/backups/nightly.py"
    ahead = '"--json", "--time", "2031-01-01 00:00:00",'
    calvados.on(f"sed -i 's|\"--json\",|{ahead}|' {nightly} && grep -q 2031 {nightly}")
    calvados.run("backup", "run", "calvados")
    calvados.run("deploy", "calvados", "--no-verify")
    later = calvados.store("after-the-wrong-date")
    calvados.run("backup", "run", "calvados")
    found = listed(calvados)
    newest = max(found, key=lambda each: each["serial"])
    assert not newest["time"].startswith("2031")
    assert any(each["time"].startswith("2031") for each in found)
    calvados.lab.destroy(calvados.host)
    calvados.run("restore", "calvados", "--no-verify")
    assert calvados.lost([*events, later]) == []


@pytest.mark.usefixtures("events")
def test_the_password_is_renewed(calvados):
    before = listed(calvados)
    calvados.run("credentials", "calvados", "backup.passwords", "--renew")
    calvados.run("deploy", "calvados", "--no-verify")
    calvados.run("backup", "run", "calvados")
    after = listed(calvados)
    assert [each for each in before if each not in after] == []
    assert len(after) == len(before) + 2
