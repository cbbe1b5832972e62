"""Packs the fixture that stands in for Nextcloud's archive, as whichever release is asked for; see README.md."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

SOURCES = Path(__file__).with_name("nextcloud")


def pack(folder: Path, version: str, *, holds: str = "", upgrade_fails: bool = False, files: int = 0) -> Path:
    """Write `nextcloud-VERSION.tar.bz2`, the same bytes each time, and give its path.

    Args:
        folder: where to write it.
        version: the release that its name says, such as 33.0.1.
        holds: the release that it holds, when that is another.
        upgrade_fails: its `occ upgrade` changes the database and then fails.
        files: number of files to add, so that unpacking takes a while.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"nextcloud-{version}.tar.bz2"
    with tarfile.open(path, "w:bz2") as archive:
        for name, content in contents(holds or version):
            add(archive, name, content)
        if upgrade_fails:
            add(archive, "lib/upgrade-fails", b"")
        for number in range(files):
            add(archive, f"core/filling/{number}", b"")
    return path


def contents(version: str) -> Iterator[tuple[str, bytes]]:
    """The files of a release."""
    numbers = version.split(".")
    words = {
        "@VERSION@": ",".join(numbers),
        "@STRING@": version,
        "@LINE@": f"{numbers[0]}.0",
        "@BEFORE@": f"{int(numbers[0]) - 1}.0",
    }
    for source in sorted(path for path in SOURCES.rglob("*") if path.is_file()):
        text = source.read_text(encoding="utf-8")
        if source.name == "version.php":
            for word, value in words.items():
                text = text.replace(word, value)
        yield str(source.relative_to(SOURCES)), text.encode()


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    """Add a file below the top folder."""
    member = tarfile.TarInfo(f"nextcloud/{name}")
    member.size, member.mode = len(content), 0o755 if name == "occ" else 0o644
    archive.addfile(member, io.BytesIO(content))
