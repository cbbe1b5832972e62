"""Archives of apps that stand beside Nextcloud's own, for hosts that do not reach the app store."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from orchestrator import archive
from orchestrator.errors import ArchiveRefused
from orchestrator.locations import cache_folder


@dataclass(frozen=True)
class AppArchive:
    """An app's archive on this machine; the host looks into it.

    Attributes:
        path: the archive, or what it would be called.
        sha256: its checksum; "" when there is none.
        unsigned: accept it without Nextcloud's signature.
    """

    path: str
    sha256: str
    unsigned: bool


def find(apps: Iterable[str], given: str | None, *, allow_unsigned: bool) -> dict[str, AppArchive]:
    """Look for every app's archive, under the names that apps are published with: `contacts-v7.3.1.tar.gz`.

    Args:
        apps: their own names.
        given: what `--nextcloud-archive` says; its folder is looked in, else the cache.
        allow_unsigned: accept archives without Nextcloud's signature.

    Raises:
        ArchiveRefused: there are several of one app, or one is far too large.
    """
    name = archive.named(given)
    folder = Path(name).absolute().parent if name else cache_folder()
    names = sorted(path.name for path in folder.glob("*.tar.gz") if path.is_file())
    found = {}
    for app in apps:
        fitting = [name for name in names if re.fullmatch(rf"{app}(-v?\d.*)?\.tar\.gz", name)]
        if len(fitting) > 1:
            raise ArchiveRefused(f"{folder}: has {' and '.join(fitting)}; leave one of them")
        path = folder / (fitting[0] if fitting else f"{app}.tar.gz")
        found[app] = AppArchive(str(path), _checksum(path) if fitting else "", allow_unsigned)
    return found


def _checksum(path: Path) -> str:
    if (size := path.stat().st_size) > archive.LARGEST:
        raise ArchiveRefused(f"{path}: {size // 10**6} MB are more than an app can have")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
