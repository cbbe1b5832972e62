"""Real clients used against a node as a subscriber's own devices would be."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

VDIRSYNCER = Path(sys.executable).with_name("vdirsyncer")
# What vdirsyncer says when it transfers something; a synchronisation with nothing to do says none of it.
MADE = re.compile(r"contact_birthdays|z-(app|server)-generated--")
TRANSFER = re.compile(r"^(Copying|Deleting|Uploading|Downloading|Updating).*$", re.MULTILINE)
# In a mount namespace of its own, so that this machine's other programs keep their resolver.
WITH_NAMESERVER = 'mount --bind "$1" /etc/resolv.conf && shift && exec "$@"'


def vdirsyncer_round_trip(
    url: str, user: str, password: str, ca: Path, workdir: Path, *, nameserver: str | None = None
) -> list[str]:
    """Synchronise two devices through the node, both ways, and, when all goes well, leave the
    account as it was.

    The account's own first calendar and address book are used. An item is made on the laptop, arrives on the phone, is
    changed there, arrives back, and is deleted; after each exchange one more synchronisation has nothing to do.

    Args:
        url: where the client starts, such as https://cloud.example/.
        user: login name.
        password: it goes into a file of mode 0600 in workdir, never on a command line.
        ca: bundle that the node's certificate is verified against.
        workdir: an empty folder.
        nameserver: address of the resolver to use instead of this machine's (needs root).

    Returns:
        One line for each thing that was seen.

    Raises:
        AssertionError: vdirsyncer failed, or an item did not arrive; its own words are in the message.
    """
    laptop, phone = (_Device(workdir / name, url, user, password, ca, nameserver) for name in ("laptop", "phone"))
    laptop.discover()
    phone.discover()
    seen = []
    for kind, suffix, make in (("calendar", ".ics", _event), ("contacts", ".vcf", _card)):
        here, there = laptop.first_collection(kind), phone.first_collection(kind)
        identifier = str(uuid4())
        item = here / f"{identifier}{suffix}"
        item.write_text(make(identifier, "Écrit sur le portable"), encoding="utf-8", newline="")
        assert laptop.synchronise(), "the laptop transferred nothing"
        assert phone.synchronise(), "the phone transferred nothing"
        arrived = _holding(there, identifier)
        assert arrived, f"{kind}: what the laptop made is not on the phone"
        assert "Écrit sur le portable" in arrived.read_text(encoding="utf-8")
        seen.append(f"{kind}: made on the laptop, arrived on the phone")

        arrived.write_text(make(identifier, "Changé sur le téléphone"), encoding="utf-8", newline="")
        assert phone.synchronise(), "the phone transferred nothing"
        assert laptop.synchronise(), "the laptop transferred nothing"
        assert "Changé sur le téléphone" in item.read_text(encoding="utf-8"), f"{kind}: the change did not come back"
        seen.append(f"{kind}: changed on the phone, arrived on the laptop")

        for name, device in (("laptop", laptop), ("phone", phone)):
            transfers = device.synchronise()
            assert not transfers, f"{kind}: the {name}'s second synchronisation was not idle: {transfers}"
        seen.append(f"{kind}: the second synchronisation of each had nothing to do")

        item.unlink()
        laptop.synchronise("--force-delete")  # it may have been the only one: vdirsyncer would rather ask
        phone.synchronise("--force-delete")
        assert not _holding(there, identifier), f"{kind}: what the laptop deleted is still on the phone"
        seen.append(f"{kind}: deleted on the laptop, gone from the phone")
    return seen


def nextcloud_client_round_trip(
    url: str, user: str, password: str, workdir: Path, *, nameserver: str | None = None
) -> list[str]:
    """Synchronise files between two devices with Nextcloud's own client, both ways.

    Args:
        url: where the client starts, such as https://cloud.example.
        user: login name.
        password: it goes into a file of mode 0600 in workdir, never on a command line.
        workdir: an empty folder.
        nameserver: see `vdirsyncer_round_trip`.

    Returns:
        One line for each thing that was seen.

    Raises:
        AssertionError: the client failed, or a file did not arrive.
    """
    laptop, phone = workdir / "laptop", workdir / "phone"
    secret = workdir / ".netrc"
    secret.touch(0o600)
    secret.write_text(f"machine {urlsplit(url).hostname} login {user} password {password}\n", encoding="utf-8")
    before = _with_nameserver(workdir, nameserver)

    def synchronise(folder: Path) -> None:
        # `--trust`: the program knows no bundle but this machine's. The chain is verified by other tests.
        command = [*before, "nextcloudcmd", "--non-interactive", "--trust", "-n", "-s", str(folder), url]
        environment = os.environ | {"HOME": str(workdir), "QT_QPA_PLATFORM": "offscreen"}
        for patience in (60, 240):  # at the first use of an account the program may wait for ever, asking nothing
            with contextlib.suppress(subprocess.TimeoutExpired):
                done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=patience)
                assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
                return
        raise AssertionError("Nextcloud's client does not end")

    name, content = "été à Bayeux.txt", b"\x00photo" * 500_000
    for folder in (laptop, phone):
        folder.mkdir()
    (laptop / name).write_bytes(content)
    synchronise(laptop)
    synchronise(phone)
    assert (phone / name).read_bytes() == content, "what the laptop made is not on the phone"
    (phone / name).write_bytes(b"changed")
    synchronise(phone)
    synchronise(laptop)
    assert (laptop / name).read_bytes() == b"changed", "the change did not come back"
    (laptop / name).unlink()
    synchronise(laptop)
    synchronise(phone)
    assert not (phone / name).exists(), "what the laptop deleted is still on the phone"
    return ["made on the laptop, arrived on the phone", "changed there, came back", "deleted here, gone there"]


def _with_nameserver(folder: Path, nameserver: str | None) -> list[str]:
    """What to put before a command so that it asks this nameserver."""
    if not nameserver:
        return []
    (folder / "resolv.conf").write_text(f"nameserver {nameserver}\n", encoding="ascii")
    return ["unshare", "--mount", "sh", "-euc", WITH_NAMESERVER, "sh", str(folder / "resolv.conf")]


class _Device:
    """A device of the subscriber: its folders of items, and vdirsyncer between them and the node."""

    def __init__(self, folder: Path, url: str, user: str, password: str, ca: Path, nameserver: str | None) -> None:
        folder.mkdir(parents=True, mode=0o700)
        self.folder = folder
        secret = folder / "password"
        secret.touch(0o600)
        secret.write_text(password, encoding="utf-8")
        (folder / "config").write_text(
            f'[general]\nstatus_path = "{folder}/status/"\n'
            + "".join(
                f'[pair {kind}]\na = "{kind}_here"\nb = "{kind}_node"\ncollections = ["from b"]\n'
                "conflict_resolution = null\n"
                f'[storage {kind}_here]\ntype = "filesystem"\npath = "{folder}/{kind}/"\nfileext = "{suffix}"\n'
                f'[storage {kind}_node]\ntype = "{protocol}"\nurl = "{url}"\nusername = "{user}"\n'
                f'password.fetch = ["command", "cat", "{secret}"]\nverify = "{ca}"\n'
                for kind, protocol, suffix in (("calendar", "caldav", ".ics"), ("contacts", "carddav", ".vcf"))
            ),
            encoding="utf-8",
        )
        self.before = _with_nameserver(folder, nameserver)

    def discover(self) -> None:
        """Find the account's collections, and agree to have their like here."""
        self._run("discover", answers="y\n" * 20)

    def first_collection(self, kind: str) -> Path:
        """The folder of the account's first collection of the kind, but for those that Nextcloud fills itself."""
        found = sorted(path for path in (self.folder / kind).glob("*") if path.is_dir() and not MADE.match(path.name))
        assert found, f"the account has no {kind} collection"
        return found[0]

    def synchronise(self, *options: str) -> list[str]:
        """Synchronise, and give what was transferred."""
        return [match[0] for match in TRANSFER.finditer(self._run("sync", *options))]

    def _run(self, *command: str, answers: str = "") -> str:
        done = subprocess.run(
            [*self.before, str(VDIRSYNCER), "--config", str(self.folder / "config"), *command],
            input=answers,
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
        said = done.stdout + done.stderr
        assert done.returncode == 0, f"vdirsyncer {command[0]} failed: {said}"
        return said


def _holding(folder: Path, identifier: str) -> Path | None:
    """The file with the item, whatever the client called it."""
    return next((path for path in folder.iterdir() if identifier in path.read_text(encoding="utf-8")), None)


def _event(identifier: str, summary: str) -> str:
    return _lines(
        "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Maillage//tests//FR",
        "BEGIN:VEVENT", f"UID:{identifier}", "DTSTAMP:20260101T000000Z",
        "DTSTART:20260714T100000Z", "DTEND:20260714T110000Z", f"SUMMARY:{summary}",
        "END:VEVENT", "END:VCALENDAR",
    )  # fmt: skip


def _card(identifier: str, name: str) -> str:
    return _lines("BEGIN:VCARD", "VERSION:3.0", f"UID:{identifier}", f"FN:{name}", f"N:{name};;;;", "END:VCARD")


def _lines(*lines: str) -> str:
    return "".join(f"{line}\r\n" for line in lines)
