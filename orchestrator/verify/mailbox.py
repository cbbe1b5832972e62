"""A subscriber's mail as a client uses it: sent by submissions, read by IMAP, over one family, through the network."""

from __future__ import annotations

import email
import email.policy
import imaplib
import smtplib
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.utils import format_datetime, localtime
from functools import partial
from typing import Any, cast

from orchestrator.verify.check import CheckFailedError
from orchestrator.verify.network import Family, Network
from orchestrator.verify.target import Account

SUBMISSIONS, SUBMISSION, SMTP, IMAPS = 465, 587, 25, 993
PATIENCE = 30  # seconds until a mail that was accepted must have arrived
GREETING = "maillage-verify.invalid"  # what this machine calls itself: its name is nobody's business


def _context(network: Network) -> ssl.SSLContext:
    """Verifies chain and name; the network's own asks for HTTP besides."""
    return ssl.create_default_context(cafile=network.target.authority)


class Smtp(smtplib.SMTP):
    """SMTP over a connection of the network; TLS from the first byte where `implicit`."""

    def __init__(self, network: Network, name: str, port: int, family: Family, *, implicit: bool) -> None:
        self._connect_once = partial(network.connect, name, port, family, _context(network) if implicit else None)
        super().__init__(name, port, local_hostname=GREETING, timeout=network.timeout)
        self._host = name  # what the certificate must say after STARTTLS

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:  # noqa: ARG002
        return self._connect_once()


class _Imap(imaplib.IMAP4):
    """IMAP with TLS over a connection of the network."""

    def __init__(self, network: Network, name: str, family: Family) -> None:
        self._connect_once = partial(network.connect, name, IMAPS, family, _context(network))
        super().__init__(name, IMAPS, timeout=network.timeout)

    def _create_socket(self, timeout: float | None) -> ssl.SSLSocket:  # noqa: ARG002
        return cast(ssl.SSLSocket, self._connect_once())


@contextmanager
def imap(network: Network, account: Account, family: Family) -> Iterator[imaplib.IMAP4]:
    """A session that is logged in."""
    client = _Imap(network, account.server, family)
    try:
        client.login(account.address, account.password.get_secret_value())
        yield client
    except imaplib.IMAP4.error as error:
        raise CheckFailedError(f"IMAP: {said(error)}") from error
    finally:
        client.logout()


@contextmanager
def submissions(network: Network, account: Account, family: Family) -> Iterator[Smtp]:
    """A session that is logged in and may send."""
    client = Smtp(network, account.server, SUBMISSIONS, family, implicit=True)
    with client:
        client.login(account.address, account.password.get_secret_value())
        yield client


def letter(sender: str, to: str, subject: str) -> EmailMessage:
    """A mail as a person would write it; its Message-ID is the subject's last word."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, to, subject
    message["Date"] = format_datetime(localtime())
    message["Message-ID"] = f"<{subject.split()[-1]}@{sender.partition('@')[2]}>"
    message.set_content("Bonjour,\n\nCe message vérifie que le courrier passe. Il est effacé aussitôt lu.\n")
    return message


def refusal(client: smtplib.SMTP, message: EmailMessage, sender: str | None = None) -> str:
    """What the server says when it refuses a mail.

    Raises:
        CheckFailedError: it takes it.
    """
    try:
        client.send_message(message, from_addr=sender)
    except smtplib.SMTPException as error:
        client.rset()
        return said(error)
    raise CheckFailedError("it was accepted")


def receive(network: Network, account: Account, message_id: str, family: Family) -> tuple[str, EmailMessage]:
    """Wait for a mail in any folder, read it and delete it; give the folder and the mail.

    Raises:
        CheckFailedError: it did not arrive.
    """
    deadline = time.monotonic() + PATIENCE
    with imap(network, account, family) as client:
        while True:
            for folder in ("INBOX", "Junk"):
                client.select(folder)
                found = client.search(None, "HEADER", "Message-ID", f'"{message_id}"')[1][0].split()
                if found:
                    content: Any = client.fetch(found[0], "(RFC822)")[1][0]
                    client.store(found[0], "+FLAGS", r"\Deleted")
                    client.expunge()
                    return folder, email.message_from_bytes(content[1], policy=email.policy.default)
            if time.monotonic() > deadline:
                raise CheckFailedError(f"not in the mailbox {PATIENCE} s after it was accepted")
            time.sleep(0.5)


def said(error: Exception) -> str:
    """What a server said, from the library's exception."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, answer = cast(tuple[int, bytes | str], next(iter(error.recipients.values())))
    elif isinstance(error, smtplib.SMTPResponseException):
        code, answer = error.smtp_code, error.smtp_error
    else:
        return str(error)
    text = answer.decode(errors="replace") if isinstance(answer, bytes) else answer
    return f"{code} {text}"
