"""Two territories with the real Nextcloud, used as subscribers use it: `make proof`, with the archive in
MAILLAGE_NEXTCLOUD_ARCHIVE. CI has no archive: there, tests/integration/test_nextcloud_fixture.py stands in.

The tests stand in the order of the nodes' life and share the hosts: each leaves them converged.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from borrowed import borrowed
from clients import nextcloud_client_round_trip, vdirsyncer_round_trip
from disturbed import named, told
from hunt import KEPT, known, left, watching

from orchestrator import engines, secrets
from orchestrator.commands.verify import target_of
from orchestrator.verify.network import IPV4, Network

ROOT = Path(__file__).resolve().parents[2]
HERE, THERE = "calvados", "manche"
HOSTS = {HERE: "caen.calvados", THERE: "saint-lo.manche"}
ARCHIVE = os.environ.get("MAILLAGE_NEXTCLOUD_ARCHIVE")
ACCEPT = "--allow-unsigned-archive"
OCS = {"OCS-APIRequest": "true", "Accept": "application/json"}
OWN = "Chosen-By-Its-Owner-14"

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(os.geteuid() != 0, reason="a lab host needs root"),
    pytest.mark.skipif(not ARCHIVE, reason="needs Nextcloud's own archive in MAILLAGE_NEXTCLOUD_ARCHIVE"),
]


@pytest.fixture(scope="module")
def mesh(tmp_path_factory):
    """A copy of the sample mesh, with a second subscriber."""
    folder = tmp_path_factory.mktemp("mesh") / "normandie"
    shutil.copytree(ROOT / "inventories" / "normandie", folder, symlinks=True)
    with (folder / HERE / "subscriptions.yml").open("a", encoding="utf-8") as file:
        file.write(
            "  voisin: {name: Voisin d'exemple, mail: voisin@calvados.maillage.test, plan: famille, state: active}\n"
        )
    return folder


@pytest.fixture(scope="module", autouse=True)
def lab():
    """The lab of this machine with no host of ours; what was there before is there afterwards."""
    with borrowed(*HOSTS.values()) as lab:
        yield lab


@pytest.fixture(scope="module")
def start(mesh):
    """Starts a command, in a process group of its own."""

    def started(*arguments):
        command = [sys.executable, "-m", "orchestrator", "--mesh", str(mesh), *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, cwd=ROOT, start_new_session=True, **pipes)

    return started


@pytest.fixture(scope="module")
def maillage(start):
    """Runs a command; gives its standard output, read as JSON where that was asked for."""

    def run(*arguments, code=0):
        with start(*arguments) as process:
            output, words = process.communicate(timeout=1500)
        assert process.returncode == code, f"{arguments}: {process.returncode}\n{output[-3000:]}\n{words[-3000:]}"
        return json.loads(output) if "--json" in arguments else output + words

    return run


class Cloud:
    """The cloud of a territory, as one of its subscribers sees it."""

    def __init__(self, node, uid):
        self.network, self.uid = Network(target_of(node), 60), uid
        self.base = f"https://{self.network.target.cloud}"
        self.password = secrets.reveal(node, f"subscribers.{uid}").get_secret_value()

    @contextmanager
    def client(self, password=""):
        with self.network.client(IPV4, auth=(self.uid, password or self.password)) as client:
            yield client

    def status(self, password="", login=""):
        with self.network.client(IPV4, auth=(login or self.uid, password or self.password)) as client:
            return client.request("PROPFIND", f"{self.base}/remote.php/dav/files/{self.uid}/").status_code

    def ask(self, method, path, **fields):
        with self.client() as client:
            answer = client.request(method, f"{self.base}/ocs/v2.php/{path}", headers=OCS, **fields)
            assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:500]}"
            return answer.json()["ocs"]["data"]

    def app_password(self):
        return self.ask("GET", "core/getapppassword")["apppassword"]


@pytest.fixture
def subscriber(mesh):
    """Somebody's cloud, with the password of the moment."""
    return lambda uid, territory=HERE: Cloud(engines.load(mesh).nodes[territory], uid)


def on_host(lab, script, territory=HERE):
    done = lab.connection(HOSTS[territory]).run(script, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def wait_for(question, seconds=120):
    end = time.monotonic() + seconds
    while not (answer := question()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)
    return answer


def test_a_territory_that_leaves_its_engine_open_gets_nextcloud_and_all_of_it_works(maillage, mesh, lab):
    maillage("lab", "up", HERE)
    seen, begun, host = [], time.time(), lab.connection(HOSTS[HERE])

    def words():
        return known(engines.load(mesh).nodes[HERE])

    with watching(words, seen), watching(words, seen, host):
        planned = maillage("plan", HERE, "--json", ACCEPT)
        done = maillage("deploy", HERE, "--json", ACCEPT)
    assert ("release", "install") in {(each["kind"], each["action"]) for each in planned["changes"]}
    assert named(done) == named(planned)
    assert seen == []
    assert left(words(), host, begun, KEPT["manche"]) == []
    assert [check for check in done["checks"] if not check["ok"]] == []
    # Whatever Nextcloud itself has to say against the node would be a failure of this one.
    assert [check["name"] for check in done["checks"]][-1] == "Nextcloud's own checks"


# What shows that a deployment is in the middle of something, so that a kill meets it there; in the order of the work.
MOMENTS = {
    "unpacking": "ls -d /var/lib/maillage/nextcloud/*.unfinished",
    "installing": "pgrep -f 'occ maintenance:install'",
    "enabling apps": "pgrep -f 'occ app:enable'",
    "disabling apps": "pgrep -f 'occ app:disable'",
    "setting": "pgrep -f 'occ config:import'",
    "repairing": "pgrep -f 'occ maintenance:repair'",
}


@pytest.fixture
def kill(start, lab):
    """Kills a deployment, here and on the host, once a command on the host shows that it is in the middle."""

    def kill(territory, sign, *arguments):
        host = lab.connection(HOSTS[territory])
        with start("deploy", territory, "--no-verify", ACCEPT, *arguments) as process:
            wait_for(lambda: host.run(sign).returncode == 0 or process.poll() is not None, 600)
            assert process.poll() is None, "it ended before the moment came"
            os.killpg(process.pid, signal.SIGKILL)
            host.run("pkill -KILL -x php; pkill -KILL -f AnsiballZ; pkill -KILL -x python3; true")

    return kill


def test_killed_at_any_moment_the_next_run_goes_on(maillage, kill):
    maillage("lab", "up", THERE)
    for sign in MOMENTS.values():
        kill(THERE, sign)
    done = maillage("deploy", THERE, "--json", ACCEPT)
    assert [check for check in done["checks"] if not check["ok"]] == []


def test_a_second_deployment_changes_nothing(maillage):
    maillage("deploy", HERE, THERE, "--no-verify", ACCEPT)  # each learns that the other is there
    assert maillage("deploy", HERE, THERE, "--no-verify", "--json", ACCEPT)["changes"] == []
    assert maillage("plan", HERE, THERE, "--json")["changes"] == []  # no archive is needed any more


def test_who_logs_in_is_the_directory_s(subscriber):
    mine = subscriber("exemple")
    assert mine.status() == mine.status(login="exemple@calvados.maillage.test") == 207
    assert mine.status(password="wrong") == 401
    seen = mine.ask("GET", "cloud/user")
    assert (seen["id"], seen["display-name"], seen["email"]) == (
        "exemple",
        "Personne d'exemple",
        "exemple@calvados.maillage.test",
    )
    # Nextcloud keeps one decimal of its own unit: 9.3 of the 10 GB of the plan.
    assert 0.99 * 10**10 < seen["quota"]["quota"] <= 10**10


def test_real_clients_synchronise(subscriber, lab, tmp_path):
    mine, authority = subscriber("exemple"), lab.place.directory / "authorities.pem"
    assert nextcloud_client_round_trip(mine.base, mine.uid, mine.password, tmp_path, nameserver="10.99.0.2")
    assert vdirsyncer_round_trip(
        f"{mine.base}/", mine.uid, mine.password, authority, tmp_path / "calendars", nameserver="10.99.0.2"
    )


def test_a_share_with_another_territory(subscriber):
    mine, theirs = subscriber("exemple"), subscriber("exemple", THERE)
    with mine.client() as client:
        assert client.put(
            f"{mine.base}/remote.php/dav/files/exemple/bonjour.txt", content=b"par-dessus la Vire\n"
        ).status_code in (201, 204)
    assert theirs.status() == 207  # the account is there
    fields = {"path": "/bonjour.txt", "shareType": 6, "shareWith": f"exemple@{theirs.network.target.cloud}"}
    mine.ask("POST", "apps/files_sharing/api/v1/shares", data=fields)
    remote = "apps/files_sharing/api/v1/remote_shares"
    for pending in theirs.ask("GET", f"{remote}/pending"):
        theirs.ask("POST", f"{remote}/pending/{pending['id']}")
    [received] = wait_for(lambda: theirs.ask("GET", remote))
    with theirs.client() as client:
        answer = client.get(f"{theirs.base}/remote.php/dav/files/exemple{received['mountpoint']}")
    assert (answer.status_code, answer.content) == (200, b"par-dessus la Vire\n")


def test_a_suspension_shuts_everything_and_keeps_everything(maillage, subscriber, lab):
    mine = subscriber("exemple")
    app = mine.app_password()
    maillage("subscriber", "suspend", HERE, "exemple")
    assert mine.status() in (401, 503)
    assert mine.status(app) in (401, 503)
    assert "bonjour.txt" in on_host(lab, "ls /srv/maillage/nextcloud/data/exemple/files")
    maillage("subscriber", "resume", HERE, "exemple")
    assert mine.status() == mine.status(app) == 207
    with mine.client(app) as client:
        assert client.get(f"{mine.base}/remote.php/dav/files/exemple/bonjour.txt").content == b"par-dessus la Vire\n"


def test_a_password_changed_in_nextcloud_is_changed_everywhere(maillage, subscriber, lab):
    mine = subscriber("voisin")
    app = mine.app_password()
    mine.ask("PUT", "cloud/users/voisin", data={"key": "password", "value": OWN})
    assert [mine.status(), mine.status(OWN), mine.status(app)] == [401, 207, 207]
    bind = "ldapwhoami -x -H ldapi:/// -D uid=voisin,ou=people,dc=calvados,dc=maillage,dc=test -w "
    assert "uid=voisin" in on_host(lab, bind + OWN)
    maillage("deploy", HERE, "--no-verify", "--json")
    assert mine.status(OWN) == 207  # it is its owner's
    maillage("subscriber", "reset", HERE, "voisin")
    assert [mine.status(OWN), subscriber("voisin").status()] == [401, 207]


def test_a_quota_follows_the_plan(maillage, mesh, subscriber):
    subscriptions = mesh / HERE / "subscriptions.yml"
    text = subscriptions.read_text(encoding="utf-8")
    subscriptions.write_text(text.replace("plan: famille", "plan: essentiel"), encoding="utf-8")
    maillage("deploy", HERE, "--no-verify")
    assert subscriber("voisin").ask("GET", "cloud/user")["quota"]["quota"] <= 10**10


def test_who_is_removed_is_set_aside(maillage, subscriber, lab):
    mine = subscriber("voisin")
    with mine.client() as client:
        assert client.put(f"{mine.base}/remote.php/dav/files/voisin/a.txt", content=b"a").status_code == 201
    maillage("subscriber", "remove", HERE, "voisin", "--yes")
    assert mine.status() == 401
    on_host(lab, "test -f /srv/maillage/removed/voisin-*/nextcloud/data/files/a.txt")
    on_host(lab, "test ! -e /srv/maillage/nextcloud/data/voisin")
    assert maillage("deploy", HERE, "--no-verify", "--json")["changes"] == []


def test_everything_works_after_every_host_was_started_again(maillage, lab):
    for name in ("internet", *HOSTS.values()):
        lab.reboot(name)
    for territory in HOSTS:
        on_host(lab, "systemctl is-system-running --wait", territory)  # SSH answers some seconds before PHP
    report = maillage("verify", HERE, THERE, "--json")
    assert report["ok"], [check for check in report["checks"] if check["failed"]]
    assert named(maillage("plan", HERE, THERE, "--json")) == set()  # the lab's authority has new roots at each start


def repacked(folder, change):
    """The given archive as a later release: its number is one higher, and `change` may do more."""
    major, minor, patch = re.search(r"(\d+)\.(\d+)\.(\d+)\.tar", ARCHIVE).groups()
    later = f"{major}.{minor}.{int(patch) + 1}"
    subprocess.run(["tar", "xf", ARCHIVE, "-C", folder], check=True)
    version = folder / "nextcloud" / "version.php"
    text = version.read_text(encoding="utf-8").replace(f"{major}.{minor}.{patch}", later)
    text = re.sub(r"(OC_Version = (?:array\(|\[)\d+,\s*\d+,\s*)\d+", rf"\g<1>{int(patch) + 1}", text)
    version.write_text(text, encoding="utf-8")
    change(folder / "nextcloud")
    path = folder / f"nextcloud-{later}.tar.bz2"
    subprocess.run(["tar", "cf", path, "--use-compress-program=bzip2 -1", "-C", folder, "nextcloud"], check=True)
    shutil.rmtree(folder / "nextcloud")
    return path, later


FAILING = """<?php
namespace OC\\Core\\Migrations;
class Version99000Date20990101000000 extends \\OCP\\Migration\\SimpleMigrationStep {
    public function preSchemaChange(\\OCP\\Migration\\IOutput $output, \\Closure $schemaClosure, array $options) {
        throw new \\Exception('this one is meant to fail');
    }
}
"""


OCC = "/usr/lib/maillage/occ"
LOOK = "rm -f /var/lib/maillage/nextcloud/setup-errors; systemctl start maillage-facts.service"


def test_what_it_finds_wrong_with_its_own_setup_is_told(maillage, mesh, lab):
    # The archive may lack files, which is an error too.
    on_host(lab, f"{OCC} config:system:set integrity.check.disabled --value=true --type=boolean")
    path = mesh / HERE / "territory.yml"
    path.write_text(path.read_text(encoding="utf-8").replace("  cloud:\n", "  monitoring: {}\n  cloud:\n"), "utf-8")
    maillage("deploy", HERE, "--no-verify", ACCEPT)
    before = len(told())
    wrong = "Nextcloud trouve une erreur dans sa propre installation."
    on_host(lab, f"""{OCC} config:app:set core cronErrors --value='[{{"error": "essai", "hint": ""}}]'; {LOOK}""")
    wait_for(lambda: f"[{HERE}] {wrong}" in [subject for _, _, subject, _ in told()[before:]], 180)
    on_host(lab, f"{OCC} config:app:delete core cronErrors; {LOOK}")
    wait_for(lambda: f"[{HERE}] Rétabli : {wrong}" in [subject for _, _, subject, _ in told()[before:]], 420)
    on_host(lab, f"{OCC} config:system:delete integrity.check.disabled")


def test_an_upgrade_that_fails_is_undone_and_one_that_works_is_kept(maillage, kill, subscriber, tmp_path):
    def break_it(code):
        migration = code / "core" / "Migrations" / "Version99000Date20990101000000.php"
        migration.write_text(FAILING, encoding="utf-8")

    mine, there = subscriber("exemple"), re.search(r"(\d+\.\d+\.\d+)\.tar", ARCHIVE)[1]
    failing, later = repacked(tmp_path, break_it)
    given = ("--no-verify", ACCEPT, "--nextcloud-archive")
    assert f"the upgrade to Nextcloud {later} failed, {there} is back" in maillage(
        "deploy", HERE, *given, str(failing), code=6
    )
    assert mine.status() == 207
    failing.unlink()
    good, _ = repacked(tmp_path, lambda _: None)
    cut = tmp_path / "cut" / good.name
    cut.parent.mkdir()
    cut.write_bytes(good.read_bytes()[:-100_000])
    assert "damaged" in maillage("deploy", THERE, *given, str(cut), code=6)
    assert subscriber("exemple", THERE).status() == 207
    kill(HERE, "pgrep -f 'occ upgrade'", "--nextcloud-archive", str(good))
    done = maillage("deploy", HERE, "--json", ACCEPT, "--nextcloud-archive", str(good))
    assert [check for check in done["checks"] if not check["ok"]] == []
    assert mine.status() == 207
