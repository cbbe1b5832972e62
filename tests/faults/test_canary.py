"""The territory's secrets are looked for during and after its life, everywhere: and the hunt finds a planted one."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from disturbed import Territory
from hunt import KEPT, holding, journal, known, left, watching

from orchestrator import ssh

# Files that nobody else may read: a plan shows no difference in them.
SECRET = "/etc/radicale/directory-password /srv/maillage/nextcloud/config/maillage.config.php"


class Life:
    """A territory from bare to changed, refused, crashed and mended, its secrets looked for meanwhile.

    Attributes:
        words: its secrets.
        seen: the processes that showed one.
        said: all that our commands printed.
        limits: of the processes of a run on the controller: the largest crash dump that each may leave.
    """

    def __init__(self, territory):
        self.territory, self.begun = territory, time.time()
        self.host = territory.lab.connection(territory.host)
        self.words, self.seen, self.said, self.limits = [], [], [], set()

    def known(self):
        """Its secrets, those that it had before included."""
        self.words = sorted({*self.words, *known(self.territory.node)})
        return self.words

    def run(self, *words, code=0):
        self.said.append(self.territory.run(*words, code=code))

    def live(self):
        name, on = self.territory.name, self.territory.on
        # What the fixture archive holds cannot be used as a subscriber would.
        given = [*self.territory.given, "--no-verify"] if self.territory.given else []
        with watching(self.known, self.seen), watching(self.known, self.seen, self.host):
            self.run("deploy", name, *given)
            self.known()
            on(f"for file in {SECRET}; do test ! -e $file || echo '# drift' >> $file; done")
            self.run("plan", name, "--diff")
            on("systemctl mask --now slapd.service")
            self.run("deploy", name, "--no-verify", code=6)
            on("systemctl unmask slapd.service")
            self.crash()
            self.run("subscriber", "add", name, "canari", "--name", "Canari d'essai")
            self.run("subscriber", "suspend", name, "canari")
            self.run("subscriber", "resume", name, "canari")
            self.known()
            self.run("subscriber", "reset", name, "canari")
            self.run("rekey", name)
            self.run("deploy", name, *given)
            self.known()
            self.run("subscriber", "remove", name, "canari", "--yes")

    def crash(self):
        """Every service of the host, and all processes of a run, as a defect of theirs would end them."""
        names = "nginx radicale slapd unbound php8.4-fpm 'postgresql@*' 'redis-server@*' postfix dovecot rspamd "
        names += "maillage-webmail postfix-mta-sts-resolver"
        self.territory.on(f"systemctl kill --signal=SEGV {names} 2> /dev/null; true")
        with self.territory.start("deploy", self.territory.name, "--no-verify") as process:
            for line in process.stderr:
                if "base:" in line:
                    break
            for limits in Path("/proc").glob("[0-9]*/limits"):
                with suppress(OSError):  # it has ended
                    if os.getsid(int(limits.parent.name)) == process.pid:
                        self.limits |= {line for line in limits.read_text().splitlines() if "core file" in line}
            os.killpg(process.pid, signal.SIGSEGV)
            self.said += process.communicate()
        self.territory.on("flock --wait 60 /run/maillage.lock true")


@pytest.fixture(scope="module", params=KEPT)
def life(request, orne, mesh, archive):
    """The life of a territory with either engine."""
    territory = orne if request.param == orne.name else Territory(mesh, request.param, archive)
    territory.lab.destroy(territory.host)
    territory.run("lab", "up", territory.name)
    life = Life(territory)
    life.live()
    yield life
    if territory is not orne:
        territory.lab.destroy(territory.host)


def test_no_process_shows_one(life):
    assert life.seen == []


def test_no_output_shows_one(life):
    assert [word for word in life.words if any(word in text for text in life.said)] == []


def test_no_file_and_no_log_holds_one(life):
    kept = KEPT[life.territory.name]
    assert left(life.words, life.host, life.begun, kept) == []
    found = {place: holding(life.words, [place], life.host) for place in kept}
    assert all(found.values()), "a service's password is not where it was"
    files = " ".join(path for paths in found.values() for path in paths)
    assert {*life.territory.on(f"stat -c %a {files}").split()} <= {"400", "600", "640"}
    assert holding(life.words, [str(life.territory.mesh)]) == []


def test_no_process_of_a_run_may_leave_a_dump(life):
    assert {tuple(line.split()[4:5]) for line in life.limits} == {("0",)}


@pytest.mark.parametrize("where", ["here", "host"])
def test_the_hunt_finds_a_planted_one(life, tmp_path, where):
    words, host = life.words, None if where == "here" else life.host
    script = f"import subprocess; subprocess.run(['sh', '-c', 'sleep 2', {words[0]!r}], check=True)"
    planted = f"{tmp_path if host is None else '/srv'}/planted"
    script += f"; open({planted!r}, 'w').write('x' + {words[1]!r} + 'x')"
    seen = []
    with watching(lambda: words, seen, host):
        if host is None:
            subprocess.run([sys.executable, "-"], input=script, text=True, check=True)
        else:
            host.run(f"{script}; subprocess.run(['logger'], input={words[2]!r}, text=True)", interpreter=ssh.PYTHON)
    assert any("sleep 2" in line for line in seen)
    assert planted in holding(words, [planted], host)
    if host:
        assert journal(words, host)
        host.run(f"rm {planted}; journalctl --rotate --vacuum-time=1s")
