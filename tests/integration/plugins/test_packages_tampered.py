"""A package archive that somebody has laid hands on: nothing of it is installed."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from playbook import Playbook
from plugin_host import HOST, on_host

from orchestrator.providers.lab import Lab

pytestmark = [pytest.mark.lab, pytest.mark.skipif(os.geteuid() != 0, reason="a lab host needs root")]

CONTROL = (
    "Package: sample\nVersion: 1\nArchitecture: all\nMaintainer: sample <sample@sample.test>\nDescription: sample\n"
)
SOURCE = "deb [signed-by=/etc/apt/keyrings/sample.gpg] file:/srv/sample ./"
TASK = {"packages": {"names": ["sample"]}}


class Archive:
    """An archive of one package, signed, in a folder that is copied to the host."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home = folder / "sample", folder / "gnupg"
        (folder / "package" / "DEBIAN").mkdir(parents=True)
        (folder / "package" / "DEBIAN" / "control").write_text(CONTROL, encoding="utf-8")
        self.folder.mkdir()
        self.home.mkdir(mode=0o700)
        self.package = self.folder / "sample_1_all.deb"
        self.call("dpkg-deb", "--build", "--root-owner-group", str(folder / "package"), str(self.package))
        for user in ("sample", "another"):
            self.gpg("--passphrase", "", "--quick-generate-key", f"{user}@sample.test", "ed25519", "sign")
        self.gpg("--output", str(self.folder / "sample.gpg"), "--export", "sample@sample.test")
        self.index()
        self.sign("sample@sample.test")

    def call(self, *command: str) -> None:
        subprocess.run(command, capture_output=True, check=True)

    def gpg(self, *arguments: str) -> None:
        self.call("gpg", "--homedir", str(self.home), "--batch", "--yes", *arguments)

    def index(self) -> None:
        """Write what the archive says of its package."""
        data = self.package.read_bytes()
        text = f"{CONTROL}Filename: ./{self.package.name}\nSize: {len(data)}\nSHA256: {sha256(data)}\n"
        (self.folder / "Packages").write_text(text, encoding="utf-8")

    def sign(self, user: str) -> None:
        data = (self.folder / "Packages").read_bytes()
        release = f"Date: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n {sha256(data)} {len(data)} Packages\n"
        (self.folder / "Release").write_text(release, encoding="utf-8")
        inrelease = str(self.folder / "InRelease")
        self.gpg("--local-user", user, "--output", inrelease, "--clear-sign", str(self.folder / "Release"))


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def another_index(archive: Archive) -> None:
    """The index says something else than what was signed."""
    packages = archive.folder / "Packages"
    packages.write_text(packages.read_text(encoding="utf-8").replace("Version: 1", "Version: 2"), encoding="utf-8")


def another_package(archive: Archive) -> None:
    """The package has the size that the index says, and another content."""
    data = bytearray(archive.package.read_bytes())
    data[-1] ^= 1
    archive.package.write_bytes(data)


def another_key(archive: Archive) -> None:
    archive.sign("another@sample.test")


def no_signature(archive: Archive) -> None:
    (archive.folder / "InRelease").unlink()


def nothing(_archive: Archive) -> None:
    """An archive that is sound: what shows that the others are refused for their fault alone."""


@pytest.mark.parametrize(
    ("tamper", "words"),
    [
        (another_index, "Hash Sum mismatch"),
        (another_package, "Hash Sum mismatch"),
        (another_key, "NO_PUBKEY|Missing key|not signed"),
        (no_signature, "not signed"),
        (nothing, ""),
    ],
)
def test_tampered(lab: Lab, play: Playbook, tmp_path: Path, tamper: Callable[[Archive], None], words: str) -> None:
    archive = Archive(tmp_path)
    tamper(archive)
    archive.call("gpgconf", "--homedir", str(archive.home), "--kill", "all")  # the agent that gpg has started
    reach = lab.connection(HOST.name)
    packed = subprocess.run(["tar", "-c", "-C", str(tmp_path), "sample"], capture_output=True, check=True).stdout
    subprocess.run([*reach.arguments(), "rm -rf /srv/sample && tar -x -C /srv"], input=packed, check=True)
    on_host(lab, "install -D -m 644 /srv/sample/sample.gpg /etc/apt/keyrings/sample.gpg; chown -R root: /srv/sample")
    on_host(lab, f"echo '{SOURCE}' > /etc/apt/sources.list.d/sample.list; rm -rf /var/lib/apt/lists/*sample*")
    try:
        played = play.play([TASK])
        installed = on_host(lab, "dpkg-query -W sample 2> /dev/null; true")
    finally:
        on_host(
            lab,
            "rm -rf /etc/apt/sources.list.d/sample.list /srv/sample; apt-get -qq purge -y sample; apt-get -qq update",
        )
    if tamper is nothing:
        assert (played.code, installed) == (0, "sample\t1"), played.output
        return
    assert played.code == 2
    message = played.of("packages")["msg"]
    assert any(word in message for word in words.split("|")), message
    assert message.count("\n") == 0
    assert installed == ""


def test_a_package_that_was_downloaded_before_is_checked_again(lab: Lab, play: Playbook) -> None:
    """The lab's hosts share what they have downloaded; one of them may have been broken into."""
    on_host(lab, "apt-get -qq purge -y hello; apt-get -qq install -y --download-only hello")
    [path] = on_host(lab, "ls /var/cache/apt/archives/hello_*.deb").split()
    on_host(lab, f"cp {path} {path}.other && printf X | dd of={path}.other bs=1 seek=2000 conv=notrunc status=none")
    on_host(lab, f"mv {path}.other {path}")
    played = play.play([{"packages": {"names": ["hello"]}}])
    assert played.code == 0, played.output
    assert on_host(lab, "dpkg --verify hello; hello") == "Hello, world!"
