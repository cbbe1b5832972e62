"""Nextcloud by the commands that a partner types, on a real lab host, with the fixture archive: without one, killed at
its worst moments, with archives that are no good, and from one release to the next.

The tests stand in the order of a node's life and share the host. What the fixture does not show stands in its README.
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
from nextcloud_fixture.archive import pack

from orchestrator import lab_services
from orchestrator.ssh import PYTHON

ROOT = Path(__file__).resolve().parents[2]
TERRITORY, HOST, DOMAIN, ADDRESS = "eure", "evreux.eure", "eure.maillage.test", "10.99.0.161"
RELEASE, FAILING, NEXT = "33.0.1", "33.0.2", "33.0.3"
CODE = "/var/lib/maillage/nextcloud"
PAUSE, PAUSED = "/run/nextcloud-fixture-pause", "/tmp/nextcloud-fixture-paused"
WAIT = "import os, sys, time\nwhile not os.path.exists({path!r}): time.sleep(0.002)"
# The module as Ansible starts it, and whatever it has started.
KILL = """
import contextlib, os, pathlib
for process in pathlib.Path("/proc").glob("[0-9]*"):
    with contextlib.suppress(OSError):  # it has ended
        program = (process / "cmdline").read_bytes()
        if program == b"/usr/bin/python3\\0" or program.startswith(b"php\\0"):
            os.kill(int(process.name), 9)
"""
# Whether a run was really killed in the middle, and not after it.
MOMENTS = {
    "unpack": (f"{CODE}/{RELEASE}.unfinished/core/filling/99", f"test -d {CODE}/{RELEASE}.unfinished"),
    "maintenance:install": (PAUSED, "! grep -q installed /srv/maillage/nextcloud/config/config.php"),
    "config:import": (PAUSED, "test -f " + CODE + "/under-way.json"),
}

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(os.geteuid() != 0, reason="a lab host needs root"),
]


@pytest.fixture(scope="module")
def mesh(tmp_path_factory):
    """The sample mesh, and one more territory, whose cloud is Nextcloud."""
    folder = tmp_path_factory.mktemp("mesh") / "normandie"
    shutil.copytree(ROOT / "inventories" / "normandie", folder, symlinks=True)
    shutil.copytree(folder / "orne", folder / TERRITORY)
    for path in (folder / TERRITORY).iterdir():
        text = path.read_text(encoding="utf-8").replace("orne", TERRITORY).replace("alencon", "evreux")
        text = text.replace("10.99.0.13", ADDRESS).replace("::13", "::161").replace("radicale", "nextcloud")
        path.write_text(text, encoding="utf-8")
    # The one that leaves its engine open would be a peer or not, depending on what this machine's lab was used for.
    open_engine = folder / "calvados" / "territory.yml"
    text = open_engine.read_text(encoding="utf-8").replace("  cloud:\n", "  cloud:\n    engine: radicale\n")
    open_engine.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module", autouse=True)
def lab():
    """The lab of this machine with no host of ours; what was there before is there afterwards."""
    with borrowed(HOST) as lab:
        yield lab


@pytest.fixture(scope="module")
def command(mesh, tmp_path_factory):
    """What starts a command, on a machine without any archive, from which none can be had."""
    environment = {name: value for name, value in os.environ.items() if name != "MAILLAGE_NEXTCLOUD_ARCHIVE"}
    environment |= {"XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache")), "HTTPS_PROXY": "http://127.0.0.1:9"}

    def start(*arguments):
        words = [sys.executable, "-m", "orchestrator", "--mesh", str(mesh), *arguments]
        return subprocess.Popen(
            words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip

    return start


@pytest.fixture(scope="module")
def maillage(command):
    """Runs a command; gives its standard output, read as JSON where that was asked for."""

    def run(*arguments, code=0):
        with command(*arguments) as process:
            output, words = process.communicate(timeout=600)
        assert process.returncode == code, f"{arguments}: {process.returncode}\n{output[-3000:]}\n{words[-3000:]}"
        assert "Traceback" not in words
        return json.loads(output) if "--json" in arguments else output + words

    return run


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    """The arguments that give an archive: one that unpacks slowly, then others."""
    folder = tmp_path_factory.mktemp("archives")
    good, following = pack(folder, RELEASE, files=20_000), pack(folder, NEXT, files=4_000)
    truncated = folder / "truncated" / following.name
    truncated.parent.mkdir()
    truncated.write_bytes(following.read_bytes()[: following.stat().st_size // 2])
    paths = {
        "good": good,
        "truncated": truncated,
        "of another release": pack(folder / "other", NEXT, holds=FAILING),
        "failing": pack(folder, FAILING, upgrade_fails=True),
        "next": following,
    }
    return {name: ("--nextcloud-archive", str(path), "--allow-unsigned-archive") for name, path in paths.items()}


def on_host(lab, script, **options):
    done = lab.connection(HOST).run(script, timeout=240, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def curl(path, *words, uid="", password=""):
    """What the cloud answers, asked over TLS; the password goes over standard input."""
    request = f'url = "https://cloud.{DOMAIN}/{path}"\ncacert = "{lab_services.authorities()}"\n'
    request += f'resolve = "cloud.{DOMAIN}:443:{ADDRESS}"\n' + (f'user = "{uid}:{password}"\n' if uid else "")
    done = ["curl", "--silent", "--show-error", *words, "--config", "-"]
    return subprocess.run(done, input=request, capture_output=True, text=True, timeout=60, check=True).stdout


def serves(release):
    """Whether a release is installed, and in service."""
    status = json.loads(curl("status.php"))
    return status["versionstring"] == release and status["installed"] and not status["maintenance"]


def database(lab):
    """All that Nextcloud has in the database, but for what the clock and the dump itself put there."""
    dump = on_host(lab, "runuser -u nextcloud -- pg_dump nextcloud")
    return sorted(line for line in dump.splitlines() if "restrict" not in line and "lastcron" not in line)


def nothing_to_change(maillage, *arguments):
    return maillage("plan", TERRITORY, "--json", *arguments)["changes"] == []


def test_without_an_archive_nothing_is_touched(maillage, lab):
    for words in (("plan", TERRITORY), ("deploy", TERRITORY)):
        said = maillage(*words, code=5)
        assert "no archive of Nextcloud" in said
        assert all(way in said for way in ("--nextcloud-archive", "MAILLAGE_NEXTCLOUD_ARCHIVE", "engine: radicale"))
    assert HOST not in lab.place.hosts()


def test_killed_at_any_moment_the_next_run_goes_on(maillage, command, lab, archives):
    maillage("lab", "up", TERRITORY)
    for moment, (sign, evidence) in MOMENTS.items():
        on_host(lab, f"echo {moment} > {PAUSE}; rm -f {PAUSED}")
        with command("deploy", TERRITORY, "--no-verify", *archives["good"]) as process:
            on_host(lab, WAIT.format(path=sign), interpreter=PYTHON)
            os.killpg(process.pid, signal.SIGKILL)
            on_host(lab, KILL, interpreter=PYTHON)
        assert process.returncode == -signal.SIGKILL
        on_host(lab, f"{evidence}; test ! -e {CODE}/{RELEASE} || test {moment} != unpack")
    on_host(lab, f"rm {PAUSE} {PAUSED}")
    done = maillage("deploy", TERRITORY, "--no-verify", "--json", *archives["good"])
    assert ("nextcloud", "release", RELEASE, "install") in {
        (each["role"], each["kind"], each["name"], each["action"]) for each in done["changes"]
    }
    assert serves(RELEASE)
    assert on_host(lab, f"ls {CODE}").split() == [RELEASE, f"{RELEASE}.proof"]
    assert "https://cloud.manche.maillage.test" in database(lab)  # the other territory with Nextcloud
    assert "nothing to change" in maillage("deploy", TERRITORY, "--no-verify", *archives["good"])
    assert nothing_to_change(maillage, *archives["good"])


def let_in(maillage):
    """Whether the subscriber can log in."""
    password = maillage("credentials", TERRITORY, "subscribers.exemple").strip()
    ask = ("--request", "PROPFIND", "--output", "/dev/null", "--write-out", "%{http_code}")
    return curl("remote.php/dav/", *ask, uid="exemple", password=password) == "207"


def test_a_subscriber_is_let_in_and_that_changes_nothing(maillage):
    assert let_in(maillage)
    # This host has the release: it needs no archive any more.
    assert nothing_to_change(maillage)


def test_lost_files_come_back(maillage, lab):
    lost = "/etc/php/8.4/fpm/pool.d/nextcloud-workers.conf /etc/php/8.4/fpm/pool.d/nextcloud.conf"
    on_host(lab, f"rm {lost}")
    assert not nothing_to_change(maillage)
    maillage("deploy", TERRITORY, "--no-verify")
    on_host(lab, f"test -s {lost.replace(' ', ' && test -s ')}")
    assert serves(RELEASE)
    assert nothing_to_change(maillage)


@pytest.mark.parametrize(
    ("which", "sentence"),
    [
        ("truncated", f"the archive of Nextcloud {NEXT} is damaged or not whole"),
        ("of another release", f"the archive holds Nextcloud {FAILING}, not {NEXT}"),
    ],
)
def test_a_bad_archive_changes_nothing(maillage, lab, archives, which, sentence):
    said = maillage("deploy", TERRITORY, "--no-verify", *archives[which], code=6)
    assert sentence in said
    assert serves(RELEASE)
    assert on_host(lab, f"ls {CODE}").split() == [RELEASE, f"{RELEASE}.proof"]


def test_a_failing_upgrade_is_undone(maillage, lab, archives):
    before = database(lab)
    said = maillage("deploy", TERRITORY, "--no-verify", *archives["failing"], code=6)
    assert f"the upgrade to Nextcloud {FAILING} failed, {RELEASE} is back as it was" in said
    assert serves(RELEASE)
    assert database(lab) == before
    assert nothing_to_change(maillage)


def test_data_without_its_code_gets_it_again(maillage, lab, archives):
    """As on the volume of a server that was lost; the code of another release cannot know what it finds."""
    before = database(lab)
    on_host(lab, f"rm -r {CODE} /usr/share/maillage/nextcloud")
    said = maillage("deploy", TERRITORY, "--no-verify", *archives["next"], code=6)
    assert f"the data here is of Nextcloud {RELEASE}, whose code is not here any more" in said
    done = maillage("deploy", TERRITORY, "--no-verify", "--json", *archives["good"])
    assert ("release", RELEASE, "install") in {(each["kind"], each["name"], each["action"]) for each in done["changes"]}
    assert serves(RELEASE)
    assert database(lab) == before
    assert nothing_to_change(maillage)


def test_upgrade(maillage, lab, archives):
    done = maillage("deploy", TERRITORY, "--no-verify", "--json", *archives["next"])
    assert ("release", NEXT, "upgrade") in {(each["kind"], each["name"], each["action"]) for each in done["changes"]}
    assert serves(NEXT)
    assert f"core\tfixture_upgraded_to\t{NEXT}.1" in database(lab)
    assert nothing_to_change(maillage, *archives["next"])


def test_everything_works_after_the_host_was_started_again(maillage, lab):
    lab.reboot(HOST)
    on_host(lab, "systemctl is-system-running --wait")  # SSH answers some seconds before PHP
    assert serves(NEXT)
    assert let_in(maillage)
    assert nothing_to_change(maillage)
