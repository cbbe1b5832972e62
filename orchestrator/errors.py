"""One class per way to fail, each with its exit code and a message that says what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


class MaillageError(Exception):
    """Something that a person can put right; the message is one sentence for that person."""

    exit_code = 1


class UsageError(MaillageError):
    """The command line asks for something that does not exist."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to correct in a file of the mesh.

    Attributes:
        path: the file (or the folder, where a file is missing).
        line: from 1; none when the problem has no place in the file.
        column: from 1; none likewise.
        field: dotted path of the field, or an empty string for the file as a whole.
        message: what is wrong, what to write instead; never a value of the file.
    """

    path: Path
    line: int | None
    column: int | None
    field: str
    message: str

    def __str__(self) -> str:
        place = printable(str(self.path))
        if self.line is not None:
            place += f":{self.line}:{self.column or 1}"
        return ": ".join(part for part in (place, self.field, self.message) if part)


class InputError(MaillageError):
    """With what the partner gave, nothing can be deployed."""

    exit_code = 3


class InvalidInventory(InputError):
    """The files of the mesh do not say something that can be deployed."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = sorted(
            set(problems), key=lambda each: (each.path, each.line or 0, each.column or 0, each.field, each.message)
        )
        super().__init__("\n".join(map(str, self.problems)))


class ArchiveRefused(InputError):
    """The archive of Nextcloud that was given is not there, or is not what it should be."""


class CardRefused(InputError):
    """A card is not what its territory signed, or must not be taken in."""


class SecretsError(InputError):
    """A key or a secret is missing, or does not fit."""


class HostError(MaillageError):
    """A host cannot be used."""

    exit_code = 5


class HostUnreachable(HostError):
    """No connection to the host."""


class PreflightRefused(HostError):
    """The host answers but is not fit to become a node."""


class ArchiveMissing(HostError):
    """A host needs Nextcloud's archive, none was given, and none is to be had; the first line says where it looked."""


class LabUnavailable(HostError):
    """This machine cannot run the lab, or the lab does not run."""


class DeployFailed(MaillageError):
    """A task failed on a host."""

    exit_code = 6


class VerificationFailed(MaillageError):
    """The node does not work as a subscriber would use it."""

    exit_code = 7


class OutsideRefused(MaillageError):
    """Somebody whose service the node needs has not done what was asked."""

    exit_code = 4


class CloudRefused(OutsideRefused):
    """Hetzner Cloud refuses, or what is wanted cannot be had there."""


class DnsRefused(OutsideRefused):
    """The name server that takes the territory's records refuses."""


class BackupFailed(MaillageError):
    """A backup, a drill or a restore did not end well; says why in the host's own words."""

    exit_code = 9


class HostLocked(MaillageError):
    """Another deployment holds the host's lock."""

    exit_code = 8


def printable(text: str) -> str:
    """Escape what could steer a terminal: file names come from outside."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)
