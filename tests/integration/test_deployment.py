"""One territory from nothing to the end of its life, by the commands that a partner types, on a real lab host.

The tests stand in the order of that life and share the host: each leaves it converged.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from borrowed import borrowed
from clients import vdirsyncer_round_trip

from orchestrator.providers.lab import Lab

ROOT = Path(__file__).resolve().parents[2]
TERRITORY, HOST, DOMAIN = "orne", "alencon.orne", "orne.maillage.test"
MEANT = {"file", "package", "service", "account", "certificate"}  # what a plan names and a deployment then changes

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(os.geteuid() != 0, reason="a lab host needs root"),
]


@pytest.fixture(scope="module")
def mesh(tmp_path_factory):
    """A copy of the sample mesh, whose files the tests may change."""
    folder = tmp_path_factory.mktemp("mesh") / "normandie"
    shutil.copytree(ROOT / "inventories" / "normandie", folder, symlinks=True)
    return folder


@pytest.fixture(scope="module", autouse=True)
def lab():
    """The lab of this machine with no host of ours; what was there before is there afterwards."""
    with borrowed(HOST) as lab:
        yield lab


@pytest.fixture(scope="module")
def maillage(mesh):
    """Runs a command; gives its standard output, read as JSON where that was asked for."""

    def run(*arguments, code=0):
        command = [sys.executable, "-m", "orchestrator", "--mesh", str(mesh), *arguments]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        assert "Traceback" not in done.stderr
        return json.loads(done.stdout) if "--json" in arguments else done.stdout + done.stderr

    return run


def meant(report):
    return {(change["role"], change["kind"], change["name"]) for change in report["changes"] if change["kind"] in MEANT}


def on_host(lab, script):
    done = lab.connection(HOST).run(script, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_plan_of_a_host_that_does_not_exist_is_an_estimate(maillage, lab):
    plan = maillage("plan", TERRITORY, "--json")
    assert plan["estimated"] == [HOST]
    assert ("base", "package", "nginx") in meant(plan)
    assert ("radicale", "file", "/etc/radicale/config") in meant(plan)
    assert HOST not in lab.place.hosts()


def test_first_deployment_does_what_was_planned_and_works(maillage):
    maillage("lab", "up", TERRITORY)
    planned = maillage("plan", TERRITORY, "--json")
    done = maillage("deploy", TERRITORY, "--json")
    assert planned["estimated"] == []
    # The lab's internet is made on the way, by the first deployment of any territory.
    node = {**done, "changes": [change for change in done["changes"] if change["host"] == HOST]}
    assert meant({"changes": [c for c in planned["changes"] if c["host"] == HOST]}) == meant(node)
    assert len(done["checks"]) > 40
    assert [check for check in done["checks"] if not check["ok"]] == []


def test_second_deployment_changes_nothing(maillage):
    assert maillage("deploy", TERRITORY, "--json")["changes"] == []
    assert maillage("plan", TERRITORY, "--json")["changes"] == []


DRIFTS = {
    "a changed file": ("echo '# by hand' >> /etc/nginx/nginx.conf", ("web", "file", "/etc/nginx/nginx.conf")),
    "a stopped service": ("systemctl stop radicale", ("radicale", "service", "radicale.service")),
    "an opened port": (
        "nft insert rule inet maillage input tcp dport 9999 accept",
        ("base", "service", "nftables.service"),
    ),
    "a removed package": ("dpkg --purge uacme", ("base", "package", "uacme")),
    "a locked account": (
        "printf 'dn: uid=exemple,ou=people,dc=orne,dc=maillage,dc=test\\nchangetype: modify\\nreplace: maillageState\\n"
        "maillageState: suspended\\n' | ldapmodify -Q -Y EXTERNAL -H ldapi:///",
        ("directory", "account", "exemple"),
    ),
}


def test_drift_by_hand_is_named_and_mended(maillage, lab):
    for drift, _ in DRIFTS.values():
        on_host(lab, drift)
    planned = maillage("plan", TERRITORY, "--json")
    assert {named for _, named in DRIFTS.values()} <= meant(planned)
    done = maillage("deploy", TERRITORY, "--json")
    assert meant(done) == meant(planned)
    assert maillage("plan", TERRITORY, "--json")["changes"] == []


def test_plain_ansible_sees_the_same_node(mesh):
    playbook = [Path(sys.executable).with_name("ansible-playbook"), "-i", mesh, "playbooks/site.yml", "-l", TERRITORY]
    done = subprocess.run(playbook, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert " changed=0 " in done.stdout


def http_code(uid, password):
    """The answer to a login, as any DAV client makes it; the password goes over standard input."""
    request = f'user = "{uid}:{password}"\nurl = "https://cloud.{DOMAIN}/{uid}/"\nrequest = PROPFIND\n'
    request += f'cacert = "{Lab().place.directory}/authorities.pem"\nresolve = "cloud.{DOMAIN}:443:10.99.0.13"\n'
    command = ["curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}", "--config", "-"]
    return subprocess.run(command, input=request, capture_output=True, text=True, timeout=60, check=True).stdout


def test_life_of_a_subscriber(maillage, lab):
    maillage("subscriber", "add", TERRITORY, "essai", "--name", "Personne d'essai")
    password = maillage("credentials", TERRITORY, "subscribers.essai").strip()
    assert http_code("essai", password) == "207"
    kept = "/srv/maillage/radicale/collection-root/essai"
    on_host(lab, f"test -d {kept}")
    maillage("subscriber", "suspend", TERRITORY, "essai")
    assert http_code("essai", password) == "401"
    on_host(lab, f"test -d {kept}")
    maillage("subscriber", "resume", TERRITORY, "essai")
    assert http_code("essai", password) == "207"
    maillage("subscriber", "reset", TERRITORY, "essai")
    assert http_code("essai", password) == "401"
    assert http_code("essai", maillage("credentials", TERRITORY, "subscribers.essai").strip()) == "207"
    maillage("subscriber", "remove", TERRITORY, "essai", "--yes")
    assert http_code("essai", password) == "401"
    on_host(lab, "test -d /srv/maillage/removed/essai-*/radicale && test ! -e " + kept)
    assert "essai" not in maillage("subscriber", "list", TERRITORY)
    assert maillage("deploy", TERRITORY, "--json")["changes"] == []


def test_a_password_changed_by_its_owner_is_kept(maillage, lab):
    first = maillage("credentials", TERRITORY, "subscribers.exemple").strip()
    person = "uid=exemple,ou=people,dc=orne,dc=maillage,dc=test"
    on_host(lab, f"ldappasswd -x -H ldapi:/// -D {person} -w '{first}' -s 'chosen-by-its-owner'")
    maillage("deploy", TERRITORY, "--no-verify")
    assert http_code("exemple", first) == "401"
    assert http_code("exemple", "chosen-by-its-owner") == "207"
    maillage("subscriber", "reset", TERRITORY, "exemple")


def test_a_calendar_client_synchronises_both_ways_over_the_public_names(maillage, lab, tmp_path):
    password = maillage("credentials", TERRITORY, "subscribers.exemple").strip()
    authority = lab.place.directory / "authorities.pem"
    steps = vdirsyncer_round_trip(
        f"https://cloud.{DOMAIN}/", "exemple", password, authority, tmp_path, nameserver="10.99.0.2"
    )
    assert steps


def test_interrupt_stops_cleanly_and_the_next_run_goes_on(mesh, maillage):
    command = [sys.executable, "-m", "orchestrator", "deploy", TERRITORY, "--no-verify", "--mesh", str(mesh)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        before = next(line for line in process.stderr if "base:" in line)  # it is at work, and far from done
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
        words = before + process.stderr.read()
    assert process.returncode == 130, words
    assert "Traceback" not in words
    assert maillage("deploy", TERRITORY, "--json", "--no-verify")["failures"] == []


def test_two_at_once_the_second_names_the_first(mesh, maillage):
    command = [sys.executable, "-m", "orchestrator", "deploy", TERRITORY, "--no-verify", "--mesh", str(mesh)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as first:
        for line in first.stderr:
            if "base:" in line:  # it holds the lock by now
                break
        words = maillage("subscriber", "suspend", TERRITORY, "exemple", code=8)
        first.stderr.read()
    assert first.returncode == 0
    assert "@" in words
    maillage("subscriber", "resume", TERRITORY, "exemple")


def test_everything_works_after_every_host_was_started_again(maillage, lab):
    for name in ("internet", HOST):
        lab.reboot(name)
    lab.connection("internet").run("systemctl is-system-running --wait", timeout=120)  # whose names the node needs
    on_host(lab, "systemctl is-system-running --wait")
    report = maillage("verify", TERRITORY, "--json")
    assert report["ok"], [check for check in report["checks"] if check["failed"]]
    assert maillage("plan", TERRITORY, "--json")["changes"] == []
