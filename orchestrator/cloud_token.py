"""Hetzner's token: from the environment, a file or a command; in no child's environment, in no file of ours."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import SecretsError

if TYPE_CHECKING:
    from pydantic import SecretStr

VARIABLE = "HCLOUD_TOKEN"  # as in Hetzner's own program
FILE, COMMAND = f"{VARIABLE}_FILE", f"{VARIABLE}_COMMAND"
_taken: list[str] = []


def take() -> None:
    """Keep the token of the environment to this process: what it starts would inherit it."""
    if found := os.environ.pop(VARIABLE, None):
        _taken[:] = [found]


def given() -> bool:
    """Whether there is one."""
    return bool(_taken or os.environ.get(FILE) or os.environ.get(COMMAND))


def load() -> SecretStr:
    """Find the token.

    Raises:
        SecretsError: there is none, or it cannot be read.
    """
    from orchestrator import keys

    if _taken:
        if not _taken[0].isascii():
            raise SecretsError(f"{VARIABLE} holds something else than a token of Hetzner's: copy it once more")
        return keys.one_line(_taken[0], VARIABLE)
    if path := os.environ.get(FILE):
        try:
            return keys.read(Path(path))
        except FileNotFoundError:
            raise SecretsError(f"{path} is not there; {FILE} must name the file that holds Hetzner's token") from None
    if os.environ.get(COMMAND):
        return keys.of_command(COMMAND)
    raise SecretsError(
        f"Hetzner's token is not given: put it in the variable {VARIABLE}, or name in {FILE} the file that holds it "
        f"(mode 0600), or in {COMMAND} a command that prints it"
    )
