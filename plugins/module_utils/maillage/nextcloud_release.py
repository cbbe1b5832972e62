"""A release's code: unpacked beside the others from a checked archive, then switched to; never changed in place."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tarfile

from maillage import files
from maillage.command import NodeError
from maillage.nextcloud_state import CODE, LINK, code_version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO

TOP = "nextcloud/"
MOST_BYTES = 3 * 10**9  # unpacked; a release has 0.6
MOST_ENTRIES = 200_000  # a release has 30,000
READ_AT_ONCE = 1 << 20
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
    # lbzip2 beside us: every processor works at once.
    with subprocess.Popen(["lbzip2", "-dc", archive], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            with tarfile.open(fileobj=process.stdout, mode="r|", bufsize=READ_AT_ONCE) as members:
                write_members(members, folder)
            drain(process.stdout)
        except BaseException:
            process.kill()
            raise
        said = process.stderr.read().decode(errors="replace").strip()
        if process.wait():
            raise NodeError(f"the archive is damaged: {said.splitlines()[0] if said else 'lbzip2 gave up'}")


def drain(rest: IO[bytes]) -> None:
    """Read what comes after the last entry, or lbzip2 would wait for ever to hand it over."""
    size = 0
    while block := rest.read(READ_AT_ONCE):
        size += len(block)
        if size > MOST_BYTES:
            raise NodeError("the archive has no end")


def write_members(members: tarfile.TarFile, folder: str) -> None:
    """Write what is harmless; refuse the whole at anything else."""
    size = count = 0
    made: set[str] = set()
    for member in members:
        size, count = size + member.size, count + 1
        if size > MOST_BYTES or count > MOST_ENTRIES:
            raise NodeError(
                f"the archive is larger than a release can be ({MOST_BYTES // 10**9} GB, {MOST_ENTRIES} files)"
            )
        name = member.name.removeprefix("./")
        inside = name.removeprefix(TOP)
        if name in ("", ".", TOP.rstrip("/")):
            continue
        if not name.startswith(TOP) or ".." in inside.split("/") or inside.startswith("/") or "\0" in inside:
            raise NodeError(f"the archive has an entry outside {TOP}: {ascii(name)[:120]}")
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
