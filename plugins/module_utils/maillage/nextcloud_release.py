"""A release's code: unpacked beside the others from a checked archive, then switched to; never changed in place."""

from __future__ import annotations

import bz2
import fcntl
import hashlib
import os
import shutil
import tarfile

from maillage import files
from maillage.command import NodeError
from maillage.nextcloud_state import CODE, LINK, code_version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO

TOP = "nextcloud/"
MOST_BYTES = 3 * 10**9  # unpacked; a release has 0.6
ROOM = 10**9  # free bytes to begin with: a release, and before an upgrade the database's dump
MOST_ENTRIES = 200_000  # a release has 30,000
READ_AT_ONCE = 1 << 20
LOCK, BEHIND = "/run/maillage-nextcloud-unpack.lock", f"{CODE}/behind.tar.bz2"
# The pictures of people are drawn with them, at the first login of each. An archive that was made from the source
# repository may lack its largest files, these among them: Debian's own font takes their place.
FONTS = ("-Regular", "-Bold", "HK-Regular", "JP-Regular", "KR-Regular", "SC-Regular", "TC-Regular")
FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"


def unpack(archive: str, release: dict[str, str]) -> None:
    """Unpack a release to its place; what is there of it before it is whole has another name.

    Args:
        archive: on this host.
        release: its `version` and `sha256`, and the `proof` that it is the official one, which is kept beside it.

    Raises:
        NodeError: the archive is not what it should be; nothing is left of it.
    """
    version = release["version"]
    target = f"{CODE}/{version}"
    unfinished = f"{target}.unfinished"
    check_sum(archive, release["sha256"])
    os.makedirs(CODE, mode=0o755, exist_ok=True)
    if (free := shutil.disk_usage(CODE).free) < ROOM:
        raise NodeError(
            f"Nextcloud {version} needs {ROOM / 10**9:.1f} GB below {CODE}, where {free / 10**9:.1f} GB are free: make "
            "room, then deploy again"
        )
    shutil.rmtree(unfinished, ignore_errors=True)
    os.makedirs(unfinished, mode=0o755)
    try:
        extract(archive, unfinished)
        found = ".".join(str(number) for number in code_version(unfinished)[:3])
        if found != version:
            raise NodeError(f"the archive holds {f'Nextcloud {found}' if found else 'no Nextcloud'}, not {version}")
        for font in FONTS:
            replace_missing(f"{unfinished}/core/fonts/NotoSans{font}.ttf", FONT)
        files.write(f"{target}.proof", f"{release['proof']}\n".encode(), os.geteuid(), os.getegid(), 0o644)
        os.sync()
        os.rename(unfinished, target)
    except (tarfile.TarError, EOFError) as error:
        raise NodeError(f"the archive of Nextcloud {version} is damaged or not whole ({error}): get it again") from None
    except OSError as error:
        raise NodeError(f"the archive of Nextcloud {version} cannot be unpacked: {error}") from None
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def unpack_behind(archive: str, release: dict[str, str]) -> None:
    """Unpack a release in a process of its own, while this one goes on; `wait` waits for it.

    Args:
        archive: on this host; it is moved.
        release: see `unpack`.
    """
    os.makedirs(CODE, mode=0o755, exist_ok=True)
    lock = os.open(LOCK, os.O_WRONLY | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    shutil.move(archive, BEHIND)
    os.chown(BEHIND, os.geteuid(), os.getegid())
    if child := os.fork():
        os.waitpid(child, 0)
        os.close(lock)  # the other process holds it, too
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    try:
        unpack(BEHIND, release)
    finally:  # what went wrong, whoever waits will meet again, and say
        os._exit(0)


def wait() -> None:
    """Wait for what is unpacked behind, whoever began it."""
    if not os.path.exists(LOCK):
        return
    with open(LOCK, "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        files.remove(BEHIND)


def check_sum(archive: str, sha256: str) -> None:
    """Refuse an archive that did not arrive as it was sent."""
    digest = hashlib.sha256()
    with open(archive, "rb") as file:
        while block := file.read(READ_AT_ONCE):
            digest.update(block)
    if digest.hexdigest() != sha256:
        raise NodeError("the archive did not arrive as it was sent (its checksum differs): deploy again")


def extract(archive: str, folder: str) -> None:
    """Write the members of an archive, and nothing but plain files and directories below its top folder."""
    with bz2.open(archive) as plain:
        with tarfile.open(fileobj=plain, mode="r|", bufsize=READ_AT_ONCE) as members:
            write_members(members, folder)
        drain(plain)


def drain(rest: IO[bytes]) -> None:
    """Read what comes after the last entry: only at its end an archive shows that it is whole."""
    size = 0
    while block := rest.read(READ_AT_ONCE):
        size += len(block)
        if size > MOST_BYTES:
            raise NodeError("the archive has no end")


def write_members(members: tarfile.TarFile, folder: str, top: str = TOP) -> None:
    """Write what is harmless, below the top folder; refuse the whole at anything else."""
    size = count = 0
    made: set[str] = set()
    for member in members:
        size, count = size + member.size, count + 1
        if size > MOST_BYTES or count > MOST_ENTRIES:
            raise NodeError(
                f"the archive is larger than a release can be ({MOST_BYTES // 10**9} GB, {MOST_ENTRIES} files)"
            )
        name = member.name.removeprefix("./")
        inside = name.removeprefix(top)
        if name in ("", ".", top.rstrip("/")):
            continue
        if not name.startswith(top) or ".." in inside.split("/") or inside.startswith("/") or "\0" in inside:
            raise NodeError(f"the archive has an entry outside {top}: {ascii(name)[:120]}")
        path = f"{folder}/{inside.rstrip('/')}"
        if member.isdir():
            make_folder(path, made)
        elif member.isreg():
            make_folder(os.path.dirname(path), made)
            write_file(members.extractfile(member), path, 0o755 if member.mode & 0o100 else 0o644)
        else:
            raise NodeError(f"the archive has an entry that is neither file nor folder: {ascii(name)[:120]}")
        members.members.clear()  # type: ignore[attr-defined]  # or it remembers all of them


def make_folder(path: str, made: set[str]) -> None:
    """Make a folder, and those above it."""
    if path not in made:
        os.makedirs(path, mode=0o755, exist_ok=True)
        made.add(path)


def write_file(source: IO[bytes] | None, path: str, mode: int) -> None:
    """Write one file."""
    assert source is not None
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode), "wb") as file:
        shutil.copyfileobj(source, file, READ_AT_ONCE)
        os.fchmod(file.fileno(), mode)


def replace_missing(path: str, other: str) -> None:
    """Let a link stand in for a file of the archive that is not there."""
    if not os.path.exists(path) and os.path.isdir(os.path.dirname(path)):
        os.symlink(other, path)


def switch(version: str) -> None:
    """Let the link lead to a release."""
    os.makedirs(os.path.dirname(LINK), mode=0o755, exist_ok=True)
    files.link(LINK, f"{CODE}/{version}")


def remove_others(kept: set[str], releases: list[str]) -> None:
    """Remove releases that nobody will go back to."""
    for version in releases:
        if version not in kept:
            os.rename(f"{CODE}/{version}", f"{CODE}/{version}.unfinished")
            files.remove(f"{CODE}/{version}.proof")
            shutil.rmtree(f"{CODE}/{version}.unfinished")
