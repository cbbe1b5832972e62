"""The one way this controller talks to a host: OpenSSH, one shared connection per host, host key known beforehand."""

from __future__ import annotations

import hashlib
import os
import shlex
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.errors import HostError, HostLocked, HostUnreachable

LOCK_FILE = "/run/maillage.lock"
SHELL = ("sh", "-s")
PYTHON = ("python3", "-")

# The shell keeps the lock for as long as its standard input stays open, that is, as long as the controller lives.
LOCK_SCRIPT = """\
exec 9<>{file} || exit 1
if ! flock -n 9; then echo taken; cat {file}; exit 0; fi
printf '%s since %s\\n' {holder} "$(date '+%F %T %Z')" > {file}
echo held
exec cat > /dev/null
"""


class HostKeyChanged(HostError):
    """The host does not show the key that it is known by."""


class AuthenticationRefused(HostError):
    """The host refuses the user or the key."""


@dataclass(frozen=True)
class Connection:
    """How to reach one host by SSH.

    Attributes:
        host: address or name.
        port: TCP port of its sshd.
        user: the user to log in as.
        identity_file: the private key; without it, ssh's own defaults (an agent, the user's keys).
        known_hosts_file: where the host's key stands; a host that is not in it is refused.
        become: the user is not root and uses sudo.
    """

    host: str
    port: int
    user: str
    identity_file: Path | None
    known_hosts_file: Path
    become: bool = False

    def __str__(self) -> str:
        return f"{self.user}@{self.host}" + (f" port {self.port}" if self.port != 22 else "")

    @property
    def control_path(self) -> Path:
        """The socket of the shared connection: one per host, user and key, short enough for a socket's name."""
        identity = f"{self.host} {self.port} {self.user} {self.identity_file} {self.known_hosts_file}"
        return _control_directory() / hashlib.sha256(identity.encode()).hexdigest()[:20]

    def options(self) -> list[str]:
        """Options that ssh, sftp and Ansible share, so that all of them use one connection."""
        settings = {
            "BatchMode": "yes",
            "StrictHostKeyChecking": "yes",
            "UserKnownHostsFile": _quoted(self.known_hosts_file),
            "GlobalKnownHostsFile": "/dev/null",
            "UpdateHostKeys": "no",
            "ConnectTimeout": "10",
            "ServerAliveInterval": "10",
            "ServerAliveCountMax": "3",
            "ControlMaster": "auto",
            "ControlPersist": "60s",
            "ControlPath": _quoted(self.control_path),
        }
        if self.identity_file is not None:
            settings["IdentitiesOnly"] = "yes"
        return [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]

    def arguments(self) -> list[str]:
        """The ssh command, to which a remote command may be appended."""
        identity = ["-i", str(self.identity_file)] if self.identity_file is not None else []
        return ["ssh", *self.options(), *identity, "-p", str(self.port), "-l", self.user, self.host]

    def ansible_variables(self) -> dict[str, Any]:
        """The inventory variables that make Ansible use this very connection."""
        variables: dict[str, Any] = {
            "ansible_host": self.host,
            "ansible_port": self.port,
            "ansible_user": self.user,
            "ansible_ssh_common_args": shlex.join(self.options()),
        }
        if self.identity_file is not None:
            variables["ansible_ssh_private_key_file"] = str(self.identity_file)
        if self.become:
            variables |= {"ansible_become": True, "ansible_become_method": "sudo"}
        return variables

    def run(
        self, script: str, *, interpreter: Sequence[str] = SHELL, timeout: float | None = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run a script on the host as root; it travels over standard input, so that no argument list shows it.

        Args:
            script: the program; secrets may stand in it.
            interpreter: the command that reads it, `SHELL` or `PYTHON`.
            timeout: seconds, or None.

        Returns:
            The finished process, whatever the script's exit status.

        Raises:
            HostUnreachable, HostKeyChanged, AuthenticationRefused: ssh itself failed.
        """
        command = [*self.arguments(), shlex.join([*(["sudo", "-n"] if self.become else []), *interpreter])]
        try:
            process = subprocess.run(
                command, input=script, capture_output=True, text=True, timeout=timeout, check=False, errors="replace"
            )
        except subprocess.TimeoutExpired:
            raise HostUnreachable(
                f"{self}: no answer within {timeout:g} s; is the host overloaded or cut off?"
            ) from None
        if process.returncode == 255:
            raise failure(self, process.stderr)
        return process

    def close(self) -> None:
        """End the shared connection, if there is one: the host is going away."""
        if self.control_path.exists():
            command = [*self.arguments()[:-1], "-O", "exit", self.host]
            subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=10, check=False)
            self.control_path.unlink(missing_ok=True)


def failure(connection: Connection, stderr: str) -> HostError:
    """Turn what ssh wrote into one sentence that says what to do."""
    if "REMOTE HOST IDENTIFICATION HAS CHANGED" in stderr:
        return HostKeyChanged(
            f"{connection}: the host shows another key than the one in {connection.known_hosts_file}; if it was "
            "reinstalled, remove its line there and compare the new key with the one on its console"
        )
    if "Host key verification failed" in stderr:
        return HostKeyChanged(
            f"{connection}: its key is not in {connection.known_hosts_file}; give it as ssh.host_key in territory.yml"
        )
    if "Permission denied" in stderr or "Too many authentication failures" in stderr:
        key = connection.identity_file or "your SSH agent"
        return AuthenticationRefused(
            f"{connection}: the host refuses the key ({key}); add its public half to the authorized_keys of "
            f"{connection.user} on the host"
        )
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    reason = lines[-1] if lines else "the connection was cut"
    return HostUnreachable(f"{connection}: no SSH connection ({reason}); check the address, and that the host is up")


@contextmanager
def lock(connection: Connection, holder: str) -> Iterator[None]:
    """Hold the host's deployment lock.

    It is an flock of a process on the host that reads from this one, over the shared connection (opening another takes
    as long as two tasks): when either end dies, the kernel drops it, and nothing stale remains.

    Args:
        connection: the host.
        holder: who to name to the others, as `user@machine`.

    Raises:
        HostLocked: somebody else holds it, and who.
        HostError: the host cannot be reached, or has no lock to give.
    """
    script = LOCK_SCRIPT.format(file=LOCK_FILE, holder=shlex.quote(holder))
    command = [*connection.arguments(), shlex.join([*(["sudo", "-n"] if connection.become else []), *SHELL])]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace"
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            process.stdin.write(script)
            process.stdin.flush()
            answer = process.stdout.readline().strip()
            if answer == "taken":
                other = process.stdout.readline().strip() or "somebody else"
                raise HostLocked(f"{connection}: being changed by {other}; wait until that run ends")
            if answer != "held":
                stderr = process.stderr.read()
                if process.wait() == 255:
                    raise failure(connection, stderr)
                raise HostError(f"{connection}: cannot take the lock {LOCK_FILE}: {stderr.strip()}")
            yield
        except BrokenPipeError:
            raise failure(connection, process.stderr.read()) from None
        finally:
            _release(process)


def remove_control_directory() -> None:
    """Remove where the shared connections' sockets stand, unless there are any."""
    with suppress(OSError):
        _control_directory().rmdir()


def _release(process: subprocess.Popen[str]) -> None:
    """Let the remote shell end by itself, so that the lock is free when this returns; a dead connection is cut."""
    assert process.stdin is not None
    with suppress(BrokenPipeError):
        process.stdin.close()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()


def _control_directory() -> Path:
    directory = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()) / f"maillage-ssh-{os.getuid()}"
    directory.mkdir(mode=0o700, exist_ok=True)
    status = directory.lstat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077 or directory.is_symlink():
        raise HostError(f"{directory}: belongs to somebody else or is open to others; remove it and start again")
    return directory


def _quoted(path: Path) -> str:
    text = str(path)
    return f'"{text}"' if " " in text else text  # ssh splits a value at spaces
