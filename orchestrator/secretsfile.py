"""A territory's secrets at rest: `secrets.yml`, a flat mapping of dotted names to `!vault` values."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from orchestrator import yamlfile
from orchestrator.errors import InvalidInventory, Problem
from orchestrator.files import write_text
from orchestrator.locations import state_folder
from orchestrator.model import Node
from orchestrator.vault import is_whole
from orchestrator.yamlfile import Places, Vaulted

NAME = "secrets.yml"
LARGEST = 8 * 1024 * 1024  # several thousand subscribers


def path_of(node: Node) -> Path:
    """The file of a node: in its folder of the mesh, or with the lab."""
    return state_folder() / "secrets" / f"{node.name}.yml" if node.territory.is_lab else node.folder / NAME


def read(path: Path) -> dict[str, str]:
    """Read ciphertexts by dotted name; none when there is no file.

    Raises:
        InvalidInventory: among others, for each value in clear, before it can travel.
    """
    try:
        content = yamlfile.read(path, LARGEST)
    except FileNotFoundError:
        return {}
    wrong = [name for name, value in content.items() if not (isinstance(value, Vaulted) and is_whole(value.ciphertext))]
    if wrong:
        places = Places(path)
        message = (
            "must be a `!vault |` value as ansible-vault writes it; remove it and let `credentials --renew` make one"
        )
        raise InvalidInventory([Problem(path, *places.find((name,)), name, message) for name in wrong])
    return {name: value.ciphertext for name, value in content.items()}


def write(path: Path, territory: str, secrets: Mapping[str, str]) -> None:
    """Replace the file in one step; only its owner can read it."""
    lines = [
        f"# Secrets of {territory}, each encrypted with its key. Written by `credentials`, `subscriber` and `rekey`."
    ]
    for name, ciphertext in secrets.items():
        lines.append(f"{name}: !vault |")
        lines.extend(f"  {line}" for line in ciphertext.splitlines())
    write_text(path, "\n".join([*lines, ""]), 0o600)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other processes from changing the file meanwhile; the kernel drops the lock of a killed process."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
