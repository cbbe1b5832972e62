"""Where things live on the controller; only names, nothing is created here."""

from __future__ import annotations

import os
from pathlib import Path

CLONE = Path(__file__).resolve().parent.parent


def mesh_folder(given: str | None = None) -> Path:
    """The mesh folder: what `--mesh` says, else MAILLAGE_MESH, else the sample of this clone."""
    return Path(given or os.environ.get("MAILLAGE_MESH") or CLONE / "inventories" / "normandie")


def state_folder() -> Path:
    """What belongs to the lab, and only that: MAILLAGE_STATE; `make clean` removes it whole."""
    given = os.environ.get("MAILLAGE_STATE")
    return Path(given) if given else _base("XDG_STATE_HOME", ".local/state") / "maillage"


def cache_folder() -> Path:
    """What can be downloaded again; nobody is worse off when it is removed."""
    return _base("XDG_CACHE_HOME", ".cache") / "maillage"


def keys_folder() -> Path:
    """The keys of the real territories of this partner, one file each."""
    return _base("XDG_CONFIG_HOME", ".config") / "maillage" / "keys"


def _base(variable: str, default: str) -> Path:
    given = os.environ.get(variable)
    return Path(given) if given else Path.home() / default
