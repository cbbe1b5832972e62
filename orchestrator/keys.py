"""The key of each territory: a file, the environment or a command gives it; Ansible reads it from our memory."""

from __future__ import annotations

import os
import secrets
import shlex
import stat
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pydantic import SecretStr

from orchestrator.errors import SecretsError
from orchestrator.files import write_text
from orchestrator.locations import keys_folder, state_folder
from orchestrator.model import Territory

COMMAND = "MAILLAGE_KEY_COMMAND"
COMMAND_SECONDS = 60


def file(territory: Territory) -> Path:
    """Where the key's file is, or would be; a lab territory's key goes with the lab."""
    return (state_folder() / "keys" if territory.is_lab else keys_folder()) / territory.name


def variable(territory: Territory) -> str:
    """The variable of the environment that may hold the key."""
    return f"MAILLAGE_KEY_{territory.name.upper().replace('-', '_')}"


def given_elsewhere(territory: Territory) -> str | None:
    """The variable that gives the key in place of the file, if there is one."""
    if territory.is_lab:
        return None
    return next((name for name in (variable(territory), COMMAND) if os.environ.get(name)), None)


def load(territory: Territory) -> SecretStr:
    """Find the key.

    Raises:
        SecretsError: there is none, or others can read its file.
    """
    source = given_elsewhere(territory)
    if source is None:
        return _from_file(territory)
    return of_command(COMMAND, territory.name) if source == COMMAND else one_line(os.environ[source], source)


def create(path: Path) -> SecretStr:
    """Write a new random key of 256 bits to a file that only its owner can read."""
    key = secrets.token_urlsafe(32)
    write_text(path, f"{key}\n", 0o600)
    return SecretStr(key)


def read(path: Path) -> SecretStr:
    """Read a key file.

    Raises:
        SecretsError: others can read it too, or it is empty.
        FileNotFoundError: there is none.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise SecretsError(f"{path} cannot be read ({error.strerror}); check its owner and mode") from None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise SecretsError(f"{path} is not an ordinary file; put the key there, or remove it")
    with os.fdopen(descriptor, "rb") as stream:
        if status.st_mode & 0o077:
            raise SecretsError(f"{path} can be read by others; run: chmod 600 {path}")
        return one_line(stream.read(4096).decode("utf-8", "replace"), str(path))


@contextmanager
def vault_identities(keys: Mapping[str, SecretStr]) -> Iterator[list[str]]:
    """Lend keys to Ansible, for as long as the block lasts, by paths that exist only in this process's memory.

    Args:
        keys: by territory.

    Yields:
        `territory@path`, as `--vault-id` and ANSIBLE_VAULT_IDENTITY_LIST take them. A key is in no file, no
        environment and no argument; a path opens for this user alone and dies with this process.
    """
    with ExitStack() as stack:
        identities = []
        for name, key in keys.items():
            descriptor = os.memfd_create(f"key-{name}", os.MFD_CLOEXEC)
            stack.callback(os.close, descriptor)
            os.fchmod(descriptor, 0o600)  # born executable, and Ansible would run it
            os.write(descriptor, key.get_secret_value().encode())
            identities.append(f"{name}@/proc/{os.getpid()}/fd/{descriptor}")
        yield identities


def _from_file(territory: Territory) -> SecretStr:
    path = file(territory)
    try:
        return read(path)
    except FileNotFoundError:
        if territory.is_lab:
            message = (
                f"the key of {territory.name} is not there ({path}): the first `deploy {territory.name}` makes it; if "
                "it is lost, put it back, or begin anew with `lab down --purge`"
            )
        else:
            message = (
                f"the key of {territory.name} is not there: put it in {path} (mode 0600), "
                f"or in the variable {variable(territory)}, or name in {COMMAND} a command that prints it"
            )
        raise SecretsError(message) from None


def of_command(variable: str, *arguments: str) -> SecretStr:
    """The secret that the command in a variable of the environment prints.

    Args:
        variable: its name.
        arguments: added to the command.

    Raises:
        SecretsError: it cannot be run, fails, or prints something else than one line.
    """
    try:
        command = [*shlex.split(os.environ[variable]), *arguments]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=COMMAND_SECONDS, check=True)
    except subprocess.CalledProcessError as error:
        whom = f" for {' '.join(arguments)}" if arguments else ""
        message = f"the command of {variable} ended with {error.returncode}{whom}; run it by hand to see why"
        raise SecretsError(message) from None
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        reason = type(error).__name__
        raise SecretsError(f"the command of {variable} cannot be run ({reason}); correct it or unset it") from None
    return one_line(done.stdout, variable)


def one_line(text: str, source: str) -> SecretStr:
    """The secret that a file or a command gives.

    Raises:
        SecretsError: it gives nothing, or more than a line.
    """
    key = text.strip()
    if not key or "\n" in key:
        raise SecretsError(f"{source} must give one line, the secret; it gives {'none' if not key else 'several'}")
    return SecretStr(key)
