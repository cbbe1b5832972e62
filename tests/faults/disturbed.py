"""A territory of the lab that faults are done to: how it is driven, what it holds, and what must be true afterwards."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
from borrowed import borrowed

from orchestrator import engines, secrets
from orchestrator.commands.verify import target_of
from orchestrator.model import Node
from orchestrator.providers.lab import Lab, host
from orchestrator.ssh import PYTHON
from orchestrator.verify.check import CheckFailedError
from orchestrator.verify.mailbox import imap
from orchestrator.verify.network import IPV4, Network
from orchestrator.verify.target import Account

# How much is done: `make faults` says it.
SEEDS = [int(word) for word in os.environ.get("SEEDS", "1").split(",")]
MOMENTS = int(os.environ.get("MOMENTS", "3"))  # for each seed

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "inventories" / "normandie"
NAMES = {"calvados": "caen", "manche": "saint-lo", "orne": "alencon"}
CALENDAR = """BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//maillage//faults//\r\nBEGIN:VEVENT\r\nUID:{0}\r\n\
DTSTAMP:20260101T000000Z\r\nDTSTART:20260101T090000Z\r\nSUMMARY:{0}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"""

# Every file that a component has written: path to hash, None where it is not there.
FILES = """
import glob, hashlib, json, os
found = {}
for journal in glob.glob("/var/lib/maillage/tree/*/journal.json"):
    record = json.load(open(journal))
    for path in [*record["written"], *record["change"].get("entries", {})]:
        if os.path.islink(path):
            found[path] = os.readlink(path)
        elif os.path.isfile(path):
            found[path] = hashlib.sha256(open(path, "rb").read()).hexdigest()
        elif not os.path.isdir(path):
            found[path] = None
print(json.dumps(found))
"""
# The mails in which monitoring tells partners something: to whom, from whose node, subject, text.
TOLD = """
import email, email.policy, json, pathlib
found = []
for path in sorted(pathlib.Path("/var/mail/correspondent/new").glob("*"), key=lambda each: each.stat().st_mtime):
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    if message["From"].startswith("supervision@"):
        text = message.get_body().get_content()
        found.append([message["To"], message["From"].split("@")[1].split(".")[0], message["Subject"], text])
print(json.dumps(found))
"""
# What no deployment may leave behind on a host.
LEFT = """
dpkg --audit
ls /var/lib/dpkg/updates
find / -xdev \\( -name '.*.maillage' -o -name '*.dpkg-new' -o -name '*.dpkg-tmp' -o -path '*/tree/*/previous/*' \\) \\
    -not -path '/proc/*'
ls /usr/sbin/policy-rc.d 2> /dev/null
systemctl list-units --plain --no-legend --all 'maillage-guard-*'
systemctl list-units --plain --no-legend --failed
true
"""


class Territory:
    """One territory of a copy of the sample mesh, on the lab of this machine.

    Attributes:
        host: the lab's name of its host.
        given: the arguments that give an archive of Nextcloud, where one is needed.
    """

    def __init__(self, mesh: Path, name: str, given: Sequence[str] = ()) -> None:
        self.mesh, self.name, self.host, self.given = mesh, name, f"{NAMES[name]}.{name}", given
        self.lab = Lab()

    @property
    def node(self) -> Node:
        return engines.load(self.mesh).nodes[self.name]

    @property
    def network(self) -> Network:
        return Network(target_of(self.node), 5)

    def start(self, *arguments: str, project: Path = ROOT) -> subprocess.Popen[str]:
        """A command of ours, or of a copy of the project, in a process group of its own."""
        command = [sys.executable, "-m", "orchestrator", "--mesh", str(self.mesh), *arguments]
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        environment = {**os.environ, "PYTHONPATH": str(project)}
        return subprocess.Popen(command, cwd=project, env=environment, start_new_session=True, **pipes)

    def run(self, *arguments: str, code: int = 0) -> Any:
        """A command of ours to its end; standard output, read as JSON where that was asked for, else all it said."""
        with self.start(*arguments) as process:
            output, words = process.communicate(timeout=900)
        assert process.returncode == code, f"{arguments}: {process.returncode}\n{output[-3000:]}\n{words[-3000:]}"
        assert "Traceback" not in words
        return json.loads(output) if "--json" in arguments else output + words

    def deploy(self, code: int = 0) -> Any:
        return self.run("deploy", self.name, "--no-verify", "--json", *self.given, code=code)

    def plan(self) -> Any:
        return self.run("plan", self.name, "--json", *self.given)

    def on(self, script: str, *, python: bool = False) -> str:
        """What a script on the host prints."""
        how = {"interpreter": PYTHON} if python else {}
        done = self.lab.connection(self.host).run(script, timeout=300, **how)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def on_the_disk(self, path: str) -> str:
        """A file of the host, read without a connection to it."""
        process = host.supervisor_pid(self.lab.place, self.host)
        return Path(f"/proc/{process}/root{self.lab.place.host(self.host)}/root{path}").read_text(encoding="utf-8")

    def edit(self, file: str, *changes: tuple[str, str]) -> None:
        """Change words of the territory's file."""
        path = self.mesh / self.name / file
        text = path.read_text(encoding="utf-8")
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new)
        path.write_text(text, encoding="utf-8")

    def files(self) -> dict[str, str | None]:
        return json.loads(self.on(FILES, python=True))

    def left(self) -> list[str]:
        """What a fault or the run after it left behind; nothing, when all is well."""
        return self.on(LEFT).splitlines()

    @contextmanager
    def client(self) -> Iterator[httpx.Client]:
        """HTTP as the subscriber `exemple`."""
        password = secrets.reveal(self.node, "subscribers.exemple").get_secret_value()
        with self.network.client(IPV4, auth=("exemple", password)) as client:
            yield client

    def calendar(self) -> str:
        """The address of a calendar of the subscriber's, which is made if need be."""
        address = f"https://{self.network.target.cloud}/exemple/faults/"
        with self.client() as client:
            client.request("MKCALENDAR", address)
        return address

    def store(self, name: str) -> str:
        """An event that the server has said that it keeps; its address."""
        address = f"{self.calendar()}{name}.ics"
        with self.client() as client:
            answer = client.put(address, content=CALENDAR.format(name), headers={"Content-Type": "text/calendar"})
        assert answer.status_code == 201, answer.text
        return address

    def lost(self, addresses: list[str]) -> list[str]:
        """Those of the stored events that are not there, as they were, any more."""
        with self.client() as client:
            answers = {address: client.get(address) for address in addresses}
        names = {address: address.rpartition("/")[2].removesuffix(".ics") for address in addresses}
        return [
            address
            for address, answer in answers.items()
            if answer.status_code != 200 or f"SUMMARY:{names[address]}" not in answer.text
        ]

    def page(self, network: Network | None = None) -> str:
        """The territory's own page."""
        network = network or self.network
        with network.client(IPV4) as client:
            return client.get(f"https://{network.target.domain}/").raise_for_status().text

    @contextmanager
    def watched(self) -> Iterator[set[str]]:
        """Ask for the territory's page all the time; every page that was served, whole or not."""
        served: set[str] = set()
        end = threading.Event()

        def watch() -> None:
            network = self.network
            while not end.wait(0.1):
                try:
                    served.add(self.page(network))
                except (httpx.HTTPError, CheckFailedError, OSError):  # down: nothing is served
                    network = self.network  # one that has not learnt yet that nobody answers

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield served
        finally:
            end.set()
            thread.join()


def told() -> list[list[str]]:
    """What partners were told by mail, see TOLD, the oldest first."""
    done = Lab().connection("internet").run(TOLD, interpreter=PYTHON)
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


def named(report: Any) -> set[tuple[str, ...]]:
    """All changes of a plan or a deployment.

    What a package brings along is changed where the plan of a bare host says created; and the roots of the lab's
    authority are not known before it has run once.
    """
    keys = ("host", "role", "kind", "name")
    return {tuple(change[key] for key in keys) for change in report["changes"] if change["kind"] != "authority"}


def copy_of_the_mesh(folder: Path) -> Path:
    """The sample mesh without the territory whose engine depends on what this machine's lab was used for."""
    shutil.copytree(SAMPLE, folder, symlinks=True, ignore=shutil.ignore_patterns("calvados"))
    return folder


@contextmanager
def deployed(
    folder: Path, *names: str, services: str = "", more: str = "", archive: str = ""
) -> Iterator[list[Territory]]:
    """Territories of a copy of the sample mesh, deployed together, with `services` and `more` besides in their files.

    They have the light engine; with an archive of Nextcloud, the first one has that.
    """
    mesh = folder / "normandie"
    shutil.copytree(SAMPLE, mesh, symlinks=True)
    given = ["--nextcloud-archive", archive, "--allow-unsigned-archive"] if archive else []
    territories = [Territory(mesh, name, given if name == names[0] else ()) for name in names]
    for name in names:
        engine = "nextcloud" if archive and name == names[0] else "radicale"
        path = mesh / name / "territory.yml"
        text = re.sub(r"\n    engine: .*", "", path.read_text(encoding="utf-8"))
        text = text.replace("  cloud:\n", f"{services}  cloud:\n    engine: {engine}\n")
        path.write_text(text + more, encoding="utf-8")
    with borrowed(*(territory.host for territory in territories)):
        territories[0].run("deploy", *names, "--no-verify", *given)
        yield territories


def mails(network: Network, account: Account) -> dict[str, list[bytes]]:
    """Every mail of an account, by folder."""
    found = {}
    with imap(network, account, IPV4) as client:
        for line in client.list()[1]:
            folder = line.decode().rpartition(' "/" ')[2]
            client.select(folder, readonly=True)
            numbers = client.search(None, "ALL")[1][0].split()
            found[folder] = sorted(client.fetch(number, "(BODY.PEEK[])")[1][0][1] for number in numbers)
    return found


def mistaken(folder: Path, path: str, words: str, others: str) -> Path:
    """A copy of the project in which somebody has written other words into a file."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.splitlines():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name, follow_symlinks=False)
    text = (folder / path).read_text(encoding="utf-8")
    assert words in text
    (folder / path).write_text(text.replace(words, others), encoding="utf-8")
    return folder


# ------------------------------------------------------------------------------------------------------------- faults

MODULE = """
import os, pathlib, signal, time
end = time.monotonic() + 10
while time.monotonic() < end:
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cmdline").read_bytes() == b"/usr/bin/python3\\0":
                os.kill(int(process.name), signal.SIGKILL)
                raise SystemExit
        except FileNotFoundError:
            pass
    time.sleep(0.002)
"""


def kill_controller(_territory: Territory, process: subprocess.Popen[str]) -> None:
    """The laptop's lid, or a CI job's time limit."""
    with suppress(ProcessLookupError):  # it has ended
        os.killpg(process.pid, signal.SIGKILL)


def kill_module(territory: Territory, _process: subprocess.Popen[str]) -> None:
    """The kernel's out-of-memory killer, on the host."""
    territory.on(MODULE, python=True)


def kill_host(territory: Territory, _process: subprocess.Popen[str]) -> None:
    """A power cut: what the host had not flushed to its disk is lost."""
    territory.lab.kill(territory.host)
    territory.lab.start(territory.host)


KILLS = {"controller": kill_controller, "module": kill_module, "host": kill_host}


def wait_out(process: subprocess.Popen[str], seconds: float = 180) -> int:
    """Let a disturbed command end by itself; its exit code."""
    with process:
        process.communicate(timeout=seconds)
    return process.returncode
