"""Provider `existing`: a machine that is there already, reached by SSH; its host key is shown once, then pinned."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import HostError, HostUnreachable
from orchestrator.host_model import Host, Ssh
from orchestrator.locations import keys_folder
from orchestrator.providers import Report
from orchestrator.ssh import Connection

PREFERRED_KEYS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa")


class HostKeyUnknown(HostError):
    """Nobody has said yet which key the host has."""


def ask_terminal(question: str) -> bool:
    """Ask whoever sits at the terminal; without one, the answer is no."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    sys.stderr.write(f"{question} [yes/no] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("yes", "oui")


@dataclass(frozen=True)
class ExistingProvider:
    """Machines that somebody else provides, or that were rented.

    Attributes:
        ask: puts the question about a new host key.
    """

    ask: Callable[[str], bool] = ask_terminal

    def exists(self, territory: str, host: Host) -> bool:  # noqa: ARG002 - the protocol's
        """Whether it is known where it is; one that is rented was met, too."""
        return host.provider == "existing" or bool(host.address.all and host.ssh and host.ssh.host_key)

    def ensure(self, territory: str, host: Host, report: Report) -> None:
        """See that the host answers, and pin its key the first time.

        Raises:
            HostKeyUnknown: the key is new, and nobody is there to confirm it, or refuses it.
            HostError: no answer, another key, or the login is refused.
        """
        connection = self.connection(territory, host)
        if not _is_pinned(connection):
            self._pin(territory, host, connection)
        report(f"connecting to {connection}")
        connection.run("true")

    def connection(self, territory: str, host: Host) -> Connection:
        """With the user's own SSH keys; `ssh.host_key` of territory.yml, where given, is the only key accepted."""
        ssh = host.ssh or Ssh.model_validate({})
        if not host.address.all:
            raise HostUnreachable(f"{host.name}.{territory} is not rented yet: `deploy {territory}` does that, too")
        address = str(host.address.all[0])
        known_hosts = keys_folder().with_name("known_hosts") / f"{host.name}.{territory}"
        if ssh.host_key:
            _write(known_hosts, f"{_place(address, ssh.port)} {' '.join(ssh.host_key.split()[:2])}\n")
        return Connection(address, ssh.port, ssh.user, None, known_hosts, become=ssh.user != "root")

    def _pin(self, territory: str, host: Host, connection: Connection) -> None:
        key = shown_key(connection)
        where = f"{host.name}.{territory} ({connection})"
        question = (
            f"{where} shows a host key that is not known yet:\n  {key.split()[0]} {fingerprint(key)}\n"
            "On the host's console, this prints its fingerprints:\n"
            "  for key in /etc/ssh/ssh_host_*.pub; do ssh-keygen -lf $key; done\nIs it the same?"
        )
        if not self.ask(question):
            raise HostKeyUnknown(
                f"{where}: its host key {fingerprint(key)} is not confirmed; compare it with the host's console, then "
                f'write under ssh: in territory.yml: host_key: "{key}"'
            )
        _write(connection.known_hosts_file, f"{_place(connection.host, connection.port)} {key}\n")


def shown_key(connection: Connection) -> str:
    """The public key that a host shows to anybody, as `type base64`, the strongest type that it has.

    Raises:
        HostUnreachable: no SSH server answers there.
    """
    command = ["ssh-keyscan", "-T", "10", "-p", str(connection.port), "-t", "ed25519,ecdsa,rsa", connection.host]
    process = subprocess.run(command, capture_output=True, text=True, check=False, errors="replace")
    keys = [line.split()[1:3] for line in process.stdout.splitlines() if line and not line.startswith("#")]
    for kind in PREFERRED_KEYS:
        for key in keys:
            if key[0] == kind:
                return " ".join(key)
    raise HostUnreachable(
        f"{connection}: no SSH server answers; check the address and the port, and that the host is up"
    )


def fingerprint(key: str) -> str:
    """A public key's fingerprint as OpenSSH writes it."""
    digest = hashlib.sha256(base64.b64decode(key.split()[1])).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def _is_pinned(connection: Connection) -> bool:
    """Whether a key is known for this address; the host may have moved since."""
    try:
        known = connection.known_hosts_file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    return known.startswith(f"{_place(connection.host, connection.port)} ")


def _place(address: str, port: int) -> str:
    return address if port == 22 else f"[{address}]:{port}"


def _write(known_hosts: Path, line: str) -> None:
    if known_hosts.exists() and known_hosts.read_text(encoding="utf-8") == line:
        return
    known_hosts.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    known_hosts.write_text(line, encoding="utf-8")
