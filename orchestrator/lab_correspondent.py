"""The lab's correspondent, on the host that plays the internet: sends mail, and shows what came as it came."""

from __future__ import annotations

import base64
import email
import email.policy
import shlex
import time
from email.message import EmailMessage

from orchestrator import lab_services, lab_world
from orchestrator.errors import HostError
from orchestrator.ssh import Connection
from orchestrator.verify.check import CheckFailedError
from orchestrator.verify.target import Correspondent

ADDRESS = f"correspondant@{lab_world.CORRESPONDENT}"
MAILBOX = "/var/mail/correspondent/new"
PATIENCE = 30  # seconds until a mail that was accepted must have arrived


def of_lab() -> Correspondent:
    """The correspondent of this machine's lab."""
    return at(lab_services.connection())


def at(connection: Connection) -> Correspondent:
    """The correspondent on a host that plays the internet."""
    return Correspondent(
        ADDRESS, lambda message: _send(connection, message), lambda message_id: _receive(connection, message_id)
    )


def _send(connection: Connection, message: EmailMessage) -> None:
    to, text = shlex.quote(str(message["To"])), base64.b64encode(bytes(message)).decode()
    _run(connection, f"echo {text} | base64 -d | /usr/sbin/sendmail -i -f {ADDRESS} -- {to}")


def _receive(connection: Connection, message_id: str) -> EmailMessage:
    wanted = shlex.quote(message_id)
    find = f'file=$(grep -lrF {wanted} {MAILBOX} | head -n 1); [ -z "$file" ] || {{ cat "$file"; rm "$file"; }}'
    deadline = time.monotonic() + PATIENCE
    while not (text := _run(connection, find)):
        if time.monotonic() > deadline:
            raise CheckFailedError(f"not in the correspondent's mailbox {PATIENCE} s after it was accepted")
        time.sleep(0.5)
    return email.message_from_string(text, policy=email.policy.default)


def _run(connection: Connection, command: str) -> str:
    try:
        done = connection.run(command, timeout=PATIENCE)
    except HostError as error:
        raise CheckFailedError(f"the lab's internet: {error}") from None
    if done.returncode:
        raise CheckFailedError(f"the lab's correspondent: {done.stderr.strip()[-120:] or done.returncode}")
    return done.stdout
