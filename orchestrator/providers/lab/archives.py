"""The .deb files that lab hosts share: what one has downloaded, the next one finds in its own apt cache.

Each host has a directory of its own with hard links, so that hosts can install at the same time and clean up as they
like. `packages` compares every file with the signed index before apt uses it, since apt itself looks at its size alone.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from orchestrator.providers.lab.state import Place

INSIDE = "/var/cache/apt/archives"


def share(place: Place, name: str) -> Path:
    """The directory for one host's apt cache, filled with all that any host has downloaded so far."""
    own = place.host(name) / "archives"
    own.mkdir(mode=0o755, exist_ok=True)
    place.archives.mkdir(mode=0o700, parents=True, exist_ok=True)
    harvest(place)
    _link(place.archives, own)
    return own


def harvest(place: Place) -> None:
    """Take up what the hosts have downloaded since; apt gives a file its name only when it is whole."""
    for own in place.directory.glob("hosts/*/archives"):
        _link(own, place.archives)


def _link(source: Path, target: Path) -> None:
    present = {entry.name for entry in target.iterdir()}
    for package in source.glob("*.deb"):
        if package.name not in present:
            with suppress(FileExistsError, FileNotFoundError):  # another process was quicker
                os.link(package, target / package.name)
