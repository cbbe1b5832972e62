"""SIGKILL to the controller, to the module on the host, and to the host itself, at a random moment: the next run
converges, the one after it changes nothing, nothing half-written was served, nothing is lost, nothing is left over, no
secret either."""

import random
import time
from itertools import cycle

import pytest
from disturbed import KILLS, mistaken, wait_out
from hunt import KEPT, known, left

OTHER = [
    ("name: Partenaire d'exemple de l'Orne", "name: Un autre nom"),
    ("contact: partenaire-orne@exterieur.test", "contact: un-autre-contact@exterieur.test"),
]
# The page is written in place, and slowly: whoever asks for it, or kills the module, meets a half of it.
WRITE = "    with parent(path) as (directory, name):\n        clear(directory, name)\n"
IN_PLACE = """    if path.endswith("index.html"):
        with open(path, "wb", buffering=0) as page:
            page.write(data[: len(data) // 2])
            open("/run/planted", "w").close()
            import time
            time.sleep(10)
"""
SOMEBODY = "\n  essai: {name: Personne d'essai, mail: essai@orne.maillage.test, plan: essentiel, state: active}"


class Sides:
    """The two ways in which the territory is deployed by turns."""

    def __init__(self, territory):
        self.territory, self.turn = territory, cycle([False, True])
        next(self.turn)
        self.files, self.pages, self.stored, self.seconds = [], [], [], []
        for _ in range(4):  # each side twice: the first time, the host comes to know essai
            self.change()
            begun = time.monotonic()
            territory.deploy()
            self.seconds.append(time.monotonic() - begun)
            self.files.append(territory.files())
            self.pages.append(territory.page())

    def change(self):
        """Write the other side into the territory's files."""
        there = next(self.turn)
        words = OTHER if there else [(new, old) for old, new in OTHER]
        self.territory.edit("territory.yml", *words)
        who = ("state: active}\n", f"state: active}}{SOMEBODY}\n")
        self.territory.edit("subscriptions.yml", who if there else who[::-1])

    def allowed(self, path):
        return {files.get(path) for files in self.files}


@pytest.fixture(scope="module")
def bare(orne):
    """How long an undisturbed first deployment takes; the lab's internet and the cache of packages are there then."""
    orne.lab.destroy(orne.host)  # earlier tests have deployed it
    orne.run("lab", "up", orne.name)
    begun = time.monotonic()
    orne.deploy()
    return time.monotonic() - begun


@pytest.fixture(scope="module")
def sides(orne, bare):
    assert bare
    return Sides(orne)


def disturb(territory, kill, at):
    """Kill at a moment of a deployment; whether it was still under way."""
    process = territory.start("deploy", territory.name, "--no-verify")
    time.sleep(at)
    met = process.poll() is None
    KILLS[kill](territory, process)
    wait_out(process)
    return met


def converges(territory, since):
    """What the next run and the one after it do; how long the first of them takes.

    Args:
        territory: the one that was disturbed.
        since: when that began, in seconds since the epoch.
    """
    begun = time.monotonic()
    territory.deploy()
    seconds = time.monotonic() - begun
    assert territory.deploy()["changes"] == []
    assert territory.left() == []
    host = territory.lab.connection(territory.host)
    assert left(known(territory.node), host, since, KEPT[territory.name]) == []
    return seconds


def test_a_change(orne, sides, note, seed, moment, kill):
    at = random.Random(f"change {seed} {moment}").uniform(0.4, min(sides.seconds[1:]))
    sides.stored.append(orne.store(f"event-{seed}-{moment}"))
    sides.change()
    with orne.watched() as served:
        since = time.time()
        met = disturb(orne, kill, at)
        found = orne.files()
        seconds = converges(orne, since)
    lost = orne.lost(sides.stored)
    note(f"{kill} killed in a change{'' if met else ', too late'}", seed=seed, lost=len(lost), seconds=seconds)
    assert lost == []
    assert served <= set(sides.pages)
    assert {path: hash_ for path, hash_ in found.items() if hash_ not in sides.allowed(path)} == {}
    print(f"at {at:.1f} s; {len(served)} pages")


def test_a_planted_fault_is_seen(orne, sides, tmp_path):
    project = mistaken(tmp_path, "plugins/module_utils/maillage/files.py", WRITE, IN_PLACE + WRITE)
    sides.change()
    with orne.watched() as served:
        since, process = time.time(), orne.start("deploy", orne.name, "--no-verify", project=project)
        orne.on("until test -e /run/planted; do sleep 0.1; done; sleep 1; rm /run/planted")
        KILLS["module"](orne, process)
        wait_out(process)
        found = orne.files()
    converges(orne, since)
    [half] = [path for path, hash_ in found.items() if hash_ not in sides.allowed(path)]
    assert half.endswith("/index.html")
    assert len(served - set(sides.pages)) == 1


def test_verified(orne, sides):
    assert sides
    assert orne.run("verify", orne.name, "--json")["ok"]


def test_a_first_deployment(orne, bare, note, seed, moment, kill):
    at = random.Random(f"first {seed} {moment}").uniform(0.4, bare)
    orne.lab.destroy(orne.host)
    orne.run("lab", "up", orne.name)
    with orne.watched() as served:
        since = time.time()
        met = disturb(orne, kill, at)
        seconds = converges(orne, since)
    note(f"{kill} killed in a first deployment{'' if met else ', too late'}", seed=seed, seconds=seconds)
    assert served <= {orne.page()}
    assert orne.run("verify", orne.name, "--json")["ok"]
    print(f"at {at:.1f} of {bare:.1f} s, mended in {seconds:.1f} s")


def test_a_first_deployment_once_its_web_server_would_start_by_itself(orne, bare):
    assert bare
    orne.lab.destroy(orne.host)
    orne.run("lab", "up", orne.name)
    process = orne.start("deploy", orne.name, "--no-verify")
    orne.on("until systemctl --quiet is-enabled nginx 2> /dev/null; do sleep 0.2; done; sync")
    KILLS["host"](orne, process)
    wait_out(process)
    assert "nginx" in orne.on("ss -Hltnp 'sport = :80'")
    orne.deploy()
    assert orne.deploy()["changes"] == []
    assert orne.left() == []
