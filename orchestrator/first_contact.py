"""A new server that is rented: known by a key that we gave it, which it changes at once; then its volume is mounted.

The key that it starts with travels through the provider, where others may have seen it. So it serves for one login, in
which the server makes itself another one, and says which. What is needed to go on after a kill stands in files beside
the territories' keys, until territory.yml names the new key.
"""

from __future__ import annotations

import json
import time

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
)

from orchestrator.errors import CloudRefused, HostError, HostUnreachable
from orchestrator.files import write_text
from orchestrator.locations import keys_folder
from orchestrator.providers import Report
from orchestrator.ssh import Connection

BOOT_SECONDS = 300
READY = "if command -v cloud-init > /dev/null; then cloud-init status --wait > /dev/null; fi; "  # 2: with warnings
SHOW = "cat /etc/ssh/ssh_host_ed25519_key.pub"
MAKE = r"""set -eu
cd /etc/ssh
rm -f ssh_host_ed25519_key.new ssh_host_ed25519_key.new.pub
ssh-keygen -q -t ed25519 -N '' -C '' -f ssh_host_ed25519_key.new
cat ssh_host_ed25519_key.new.pub
"""
TAKE = r"""set -eu
cd /etc/ssh
sync ssh_host_ed25519_key.new ssh_host_ed25519_key.new.pub
mv ssh_host_ed25519_key.new ssh_host_ed25519_key
mv ssh_host_ed25519_key.new.pub ssh_host_ed25519_key.pub
rm -f ssh_host_rsa_key* ssh_host_ecdsa_key*
systemctl reload ssh
"""
MOUNT = r"""set -eu
device={device} place=/srv/maillage
mkdir -p $place
if ! mountpoint -q $place; then
    [ -z "$(ls -A $place)" ] || {{ echo "$place has files that are not on the volume" >&2; exit 1; }}
    chattr +i $place    # as long as the volume is not there, nobody writes beside it
    sed -i "\| $place |d" /etc/fstab
    echo "$device $place ext4 discard,noatime,nofail 0 2" >> /etc/fstab
    systemctl daemon-reload
    mount $place
fi
resize2fs "$device" 2> /dev/null
"""


class Newcomer:
    """What is known of a server between its making and the end of the first contact.

    Args:
        name: the host's, such as caen.calvados.
    """

    def __init__(self, name: str) -> None:
        folder = keys_folder().with_name("first-contact")
        self._name = name
        self._given, self._next = folder / name, folder / f"{name}.next"
        self._known = folder / f"{name}.known_hosts"

    def user_data(self) -> str:
        """What the server is told at its first start (cloud-init): the key that it shows then, and nothing else."""
        if self._known.exists():  # another server was met with it, or nearly
            self.met()
        if not self._given.exists():
            made = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
            write_text(self._given, made.decode(), 0o600)
        self._next.unlink(missing_ok=True)
        given = {"ed25519_private": self._given.read_text(encoding="utf-8"), "ed25519_public": self._public()}
        return "#cloud-config\n" + json.dumps({"ssh_keys": given, "ssh_deletekeys": True, "ssh_pwauth": False})

    def meet(self, address: str, report: Report) -> str:
        """Have the server change its key, and give the public half of the new one, as `type base64`.

        Raises:
            CloudRefused: the key that it was given is not here.
            HostError: it does not answer, or not as it should.
        """
        if not self._given.exists():
            raise CloudRefused(
                f"{self._name}: the key that the server was made with is not on this machine: finish there, with the "
                f"same command; or `deprovision {self._name.partition('.')[2]}`, and begin anew"
            )
        connection = Connection(address, 22, "root", None, self._known)
        report(f"waiting for {connection}")
        self._trust(connection, self._public(), *self._announced())
        _wait(connection)
        if _line(connection, SHOW) not in self._announced():
            write_text(self._next, f"{_line(connection, MAKE)}\n", 0o600)
            self._trust(connection, self._public(), *self._announced())
            _line(connection, TAKE)
        connection.close()
        new = self._announced()[0]
        self._trust(connection, new)
        _wait(connection)
        connection.close()
        return new

    def met(self) -> None:
        """Forget it all: territory.yml names the new key."""
        for path in (self._given, self._next, self._known):
            path.unlink(missing_ok=True)

    def _public(self) -> str:
        opened = load_ssh_private_key(self._given.read_bytes(), None).public_key()
        return " ".join(opened.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode().split()[:2])

    def _announced(self) -> list[str]:
        """The new key, if the server has said it."""
        return [" ".join(self._next.read_text(encoding="utf-8").split()[:2])] if self._next.exists() else []

    def _trust(self, connection: Connection, *public: str) -> None:
        write_text(self._known, "".join(f"{connection.host} {each}\n" for each in public), 0o600)


def mount(connection: Connection, device: str) -> None:
    """Have a volume mounted where the data goes, whole, now and at each start.

    Raises:
        HostError: it cannot be.
    """
    process = connection.run(MOUNT.format(device=device), timeout=300)
    if process.returncode:
        raise HostError(f"{connection}: the volume cannot be mounted: {process.stderr.strip()}")


def _wait(connection: Connection) -> None:
    """Wait until a server that starts answers, and has done what it does at its first start."""
    end = time.monotonic() + BOOT_SECONDS
    while True:
        try:
            connection.run(READY, timeout=BOOT_SECONDS)
        except HostUnreachable:
            if time.monotonic() > end:
                raise
            time.sleep(2)
        else:
            return


def _line(connection: Connection, script: str) -> str:
    process = connection.run(script)
    if process.returncode:
        raise HostError(f"{connection}: its key cannot be changed: {process.stderr.strip()}")
    return " ".join(process.stdout.split()[:2])
