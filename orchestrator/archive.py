"""The archive of Nextcloud on this machine: given, kept from an earlier run or downloaded, and always checked."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urljoin

from orchestrator.errors import ArchiveMissing, ArchiveRefused
from orchestrator.locations import cache_folder
from orchestrator.model import Release

# From nixpkgs, pkgs/servers/nextcloud/default.nix, where they stand as SRI hashes. What is downloaded is the older
# of the two lines that are maintained in November 2026 (32 no longer is): a node with 32 can be upgraded to it.
VERSION = "33.0.9"
CHECKSUMS: Mapping[str, str] = {
    "33.0.9": "f331c1041d027e6588526d2a00ce42bc70a9622eab5871c0be9177252cf77423",
    "34.0.4": "00f226e6364f96e0918ab06157158f66601b8cedc25af777f5ee5a3056f42b83",
    "32.0.15": "6974ac1195025f13643df176d456acf4523790d5488c205b57539f642c7d164c",
}
FINGERPRINT = "28806A878AE423A28372792ED75899B9A724937A"  # of the key that signs every release
PLACE = "https://download.nextcloud.com/server/releases/"
KEY = "https://nextcloud.com/nextcloud.asc"
LARGEST = 600 * 10**6  # bytes; a release has 250 MB
VARIABLE = "MAILLAGE_NEXTCLOUD_ARCHIVE"
NAME = re.compile(r"nextcloud-(\d+\.\d+\.\d+)\.tar\.bz2")
SECONDS = 30  # without a byte
PATIENCE = 10  # seconds of a download without a word

Say = Callable[[str], None]


def choose(given: str | None, *, allow_unsigned: bool, say: Say, place: str = PLACE, key: str = KEY) -> Release:
    """Find the archive and check it.

    Args:
        given: what `--nextcloud-archive` says; else the variable, the cache and the official place are tried.
        allow_unsigned: accept a given archive without a known checksum and without a signature.
        say: receives one line about long work.
        place: where releases and their signatures are downloaded from.
        key: where the release key is.

    Raises:
        ArchiveMissing: none is given and there is none anywhere; names where it was looked for, and the ways out.
        ArchiveRefused: the one that is given is not there, or one is not what it should be.
    """
    if name := named(given):
        version(given)
        return check(Path(name).absolute(), allow_unsigned=allow_unsigned)
    kept = cache_folder() / f"nextcloud-{VERSION}.tar.bz2"
    if kept.is_file():
        try:
            return check(kept, allow_unsigned=False)
        except ArchiveRefused as error:
            say(f"{error}; it is downloaded anew")
    download(urljoin(place, kept.name), kept, say)
    fetch_signature({f"{kept.name}.asc": urljoin(place, f"{kept.name}.asc"), "nextcloud.asc": key}, kept.parent, say)
    try:
        return check(kept, allow_unsigned=False)
    except ArchiveRefused:
        kept.unlink()  # what was downloaded wrongly must not stand in the way of the next attempt
        raise


def named(given: str | None) -> str | None:
    """The archive that the partner names, if any."""
    return given or os.environ.get(VARIABLE)


def version(given: str | None) -> str:
    """The release that would be taken, by its name alone.

    Raises:
        ArchiveRefused: the archive that is given is not there, or its name says no release.
    """
    if not (name := named(given)):
        return VERSION
    path = Path(name).absolute()
    if not path.is_file():
        raise ArchiveRefused(f"{path}: there is no such archive ({'--nextcloud-archive' if given else VARIABLE})")
    return _release(path)


def _release(path: Path) -> str:
    if official := NAME.fullmatch(path.name):
        return official[1]
    raise ArchiveRefused(f"{path}: must have its official name, such as nextcloud-{VERSION}.tar.bz2")


def numbers(release: str) -> tuple[int, ...]:
    """A release's numbers, to compare it with another's."""
    return tuple(int(number) for number in release.split("."))


def check(path: Path, *, allow_unsigned: bool) -> Release:
    """Say which release an archive holds, and what shows that it is the official one.

    Raises:
        ArchiveRefused: nothing shows it, or its signature or checksum is wrong.
    """
    release, size = _release(path), path.stat().st_size
    if size > LARGEST:
        raise ArchiveRefused(f"{path}: {size // 10**6} MB are more than a release can have ({LARGEST // 10**6} MB)")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    known = CHECKSUMS.get(release) == found
    proof = "signature" if signed(path) else "checksum" if known else "none"
    if not known and release in CHECKSUMS and not allow_unsigned:
        raise ArchiveRefused(
            f"{path}: is not Nextcloud {release}: its checksum is another; take it anew from the official place"
        )
    if proof == "none" and not allow_unsigned:
        raise ArchiveRefused(
            f"{path}: nothing shows that it is the official one: put its signature {path.name}.asc and the release key "
            "nextcloud.asc beside it, or accept it as it is with --allow-unsigned-archive"
        )
    return Release(version=release, path=str(path), sha256=found, proof=proof)


def signed(path: Path) -> bool:
    """Whether a signature by the release key stands beside an archive, with the key; False when there is none.

    Raises:
        ArchiveRefused: the signature is not of this archive, or not by that key.
    """
    signature, key = path.with_name(f"{path.name}.asc"), path.with_name("nextcloud.asc")
    if not (signature.is_file() and key.is_file()):
        return False
    with tempfile.TemporaryDirectory(prefix="maillage-gpg-") as home:
        ring = Path(home, "ring.gpg")
        gpg = ["gpg", "--homedir", home, "--batch", "--no-autostart"]
        try:
            dearmored = subprocess.run([*gpg, "--dearmor"], input=key.read_bytes(), capture_output=True, check=False)
            ring.write_bytes(dearmored.stdout)
            command = ["gpgv", "--homedir", home, "--keyring", str(ring), "--status-fd", "1", str(signature), str(path)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError as error:
            raise ArchiveRefused(
                f"{signature}: cannot be checked, {error.filename} is missing here: apt-get install gpg gpgv"
            ) from None
    # The last word of VALIDSIG is the fingerprint of the primary key.
    valid = [line.split() for line in done.stdout.splitlines() if line.startswith("[GNUPG:] VALIDSIG ")]
    if done.returncode or FINGERPRINT not in {words[-1] for words in valid}:
        raise ArchiveRefused(f"{path}: its signature is not by Nextcloud's release key, or not of this file")
    return True


def download(url: str, path: Path, say: Say) -> None:
    """Download a file; one that was broken off is gone on with.

    Raises:
        ArchiveMissing: it cannot be had; names where it was looked for, and the ways out.
        ArchiveRefused: it is far too large.
    """
    import httpx

    part = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        have = part.stat().st_size if part.exists() else 0
        headers = {"Range": f"bytes={have}-"} if have else {}
        with httpx.stream("GET", url, headers=headers, timeout=SECONDS, follow_redirects=True) as answer:
            if answer.status_code == 416:  # all of it is there already
                part.replace(path)
                return
            answer.raise_for_status()
            goes_on = answer.status_code == 206
            have = have if goes_on else 0
            say(f"downloading {url}{_megabytes(answer.headers.get('content-length'))}; kept for the next time")
            with part.open("ab" if goes_on else "wb") as file:
                for block in bounded(answer.iter_bytes(1 << 20), have, url, say):
                    file.write(block)
            part.replace(path)
    except (httpx.HTTPError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ArchiveMissing(
            f"no archive of Nextcloud: not given, not in {path.parent}, and {url} cannot be had ({reason}).\n"
            f"Ways out: --nextcloud-archive PATH or {VARIABLE}=PATH with an archive that you have; or try again later; "
            "or `engine: radicale` (contacts and calendar) in territory.yml"
        ) from None


def fetch_signature(sources: Mapping[str, str], folder: Path, say: Say) -> None:
    """Put the signature and the release key beside what was downloaded; without them the checksum alone vouches.

    Args:
        sources: file name to address.
        folder: where to write them.
        say: receives one line when one cannot be had.
    """
    import httpx

    for name, url in sources.items():
        try:
            answer = httpx.get(url, timeout=SECONDS, follow_redirects=True).raise_for_status()
        except httpx.HTTPError as error:
            say(f"{url} cannot be had ({error}): the archive's checksum alone vouches for it")
            return
        (folder / name).write_bytes(answer.content)


def _megabytes(length: str | None) -> str:
    return f" ({int(length) // 10**6} MB)" if length and length.isdigit() else ""


def bounded(blocks: Iterator[bytes], have: int, url: str, say: Say) -> Iterator[bytes]:
    """Pass blocks on, say now and then how far it is, and stop where a release would long have ended.

    Raises:
        ArchiveRefused: there is more.
    """
    said = time.monotonic()
    for block in blocks:
        have += len(block)
        if time.monotonic() > said + PATIENCE:
            said = time.monotonic()
            say(f"{have // 10**6} MB are there")
        if have > LARGEST:
            raise ArchiveRefused(f"{url}: more than a release can have ({LARGEST // 10**6} MB): not downloaded")
        yield block
