"""Mail: what the servers offer and refuse, and letters within the territory and beyond."""

from __future__ import annotations

import smtplib
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from functools import partial

from orchestrator.verify import leftovers
from orchestrator.verify.check import CheckFailedError, CheckSkippedError, Step, sentence, stage
from orchestrator.verify.mailbox import (
    SMTP,
    SUBMISSION,
    SUBMISSIONS,
    Smtp,
    imap,
    letter,
    receive,
    refusal,
    said,
    submissions,
)
from orchestrator.verify.network import Family, Network
from orchestrator.verify.target import Account, Correspondent, Mail

# What every filter must refuse (GTUBE); it stands in two parts so that this file itself is no such mail.
GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*" + "GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
SPECIAL = {b"\\Drafts", b"\\Sent", b"\\Archive", b"\\Trash", b"\\Junk"}
PASSED = ("spf=pass", "dkim=pass", "dmarc=pass")


def steps(network: Network, mail: Mail, ask: Callable[[str], str] | None) -> Iterator[Step]:
    """The servers over each family, then letters over the first, then the queue."""
    verifier = _Verifier(network, mail)
    for family in network.families:
        yield Step(f"SMTP ({family})", partial(verifier.smtp, family))
        yield Step(f"sending needs a login ({family})", partial(verifier.needs_login, family))
        yield Step(f"IMAP folders ({family})", partial(verifier.folders, family))
    for family in network.families[:1]:
        yield Step("wrong mail password refused", partial(verifier.wrong_password, family))
        yield Step("mail within the territory", partial(verifier.within, family))
        yield Step("mail in another's name refused", partial(verifier.forged, family))
        yield Step("spam and programs refused", partial(verifier.refused, family))
        for other in mail.others:
            domain = other.address.partition("@")[2]
            yield Step(f"mail to and from {domain}", partial(verifier.to_and_from, family, other))
        if mail.correspondent:
            yield Step("mail to the outside and back", partial(verifier.outside, family, mail.correspondent))
    if ask:
        yield Step("mail queue", partial(_queue, ask, network.target.domain))


class _Verifier:
    """Looks at one node's mail."""

    def __init__(self, network: Network, mail: Mail) -> None:
        self.network, self.mail, self.domain = network, mail, network.target.domain
        self.sender = mail.accounts[0]

    def smtp(self, family: Family) -> str:
        """Encrypted with the right certificate, no login, and mail for our own domains only."""
        with Smtp(self.network, self.sender.server, SMTP, family, implicit=False) as client:
            client.starttls(context=self.network.tls)
            client.ehlo()
            if client.has_extn("auth"):
                raise CheckFailedError("a login is offered on port 25")
            client.mail("")
            code, text = client.rcpt("someone@elsewhere.example")
            if code < 500:
                raise CheckFailedError(f"mail for others is not refused: {code} {text.decode(errors='replace')}")
            version = client.sock.version()  # type: ignore[union-attr]
        return f"STARTTLS with {version}, certificate verified, no login, relaying refused with {code}"

    def needs_login(self, family: Family) -> str:
        """Both ports for sending: nothing without TLS, nothing without a login."""
        with Smtp(self.network, self.sender.server, SUBMISSION, family, implicit=False) as client:
            client.ehlo()
            if client.has_extn("auth"):
                raise CheckFailedError(f"a login is offered without TLS on port {SUBMISSION}")
            client.starttls(context=self.network.tls)
            client.ehlo()
            first = self._unauthenticated(client, SUBMISSION)
        with Smtp(self.network, self.sender.server, SUBMISSIONS, family, implicit=True) as client:
            client.ehlo()
            second = self._unauthenticated(client, SUBMISSIONS)
        return f"port {SUBMISSION}: {first}, port {SUBMISSIONS}: {second} without a login"

    def _unauthenticated(self, client: Smtp, port: int) -> int:
        if not client.has_extn("auth"):
            raise CheckFailedError(f"no login is offered on port {port}")
        client.mail(self.sender.address)
        code, _ = client.rcpt(self.sender.address)
        if code < 500:
            raise CheckFailedError(f"port {port} takes mail without a login ({code})")
        return code

    def folders(self, family: Family) -> str:
        """A client finds out by itself which folder is for what."""
        with imap(self.network, self.sender, family) as client:
            listed = [entry for entry in client.list()[1] if isinstance(entry, bytes)]
        missing = {use for use in SPECIAL if not any(use in entry for entry in listed)}
        if missing:
            raise CheckFailedError(f"no folder is marked {b', '.join(sorted(missing)).decode()}")
        return f"{len(listed)} folders, {', '.join(sorted(use.decode()[1:] for use in SPECIAL))} marked"

    def wrong_password(self, family: Family) -> str:
        """The submission server lets nobody in who does not know the password."""
        with Smtp(self.network, self.sender.server, SUBMISSIONS, family, implicit=True) as client:
            try:
                client.login(self.sender.address, "not the password")
            except smtplib.SMTPAuthenticationError as error:
                return said(error)
        raise CheckFailedError("a wrong password was accepted")

    def within(self, family: Family) -> str:
        """From one account to another, with letters that English has not; signed twice."""
        to = self.mail.accounts[1]
        folder, message = self._send(self.sender, to, family)
        signatures = {part for header in message.get_all("DKIM-Signature", []) for part in ("a=rsa", "a=ed25519")
                      if part in header}  # fmt: skip
        if folder != "INBOX" or len(signatures) != 2:
            raise CheckFailedError(f"in {folder}, {len(signatures)} kinds of signatures instead of 2")
        return "sent, received, signed with RSA and Ed25519"

    def forged(self, family: Family) -> str:
        """An account sends with its own address only: in the envelope, and in what people read."""
        other = self.mail.accounts[1].address
        with submissions(self.network, self.sender, family) as client:
            message = letter(other, self.sender.address, leftovers.name("forged"))
            envelope = refusal(client, message, other)
            header = refusal(client, message, self.sender.address)
        return f"envelope: {envelope[:40]}; header: {header[:40]}"

    def refused(self, family: Family) -> str:
        """What must never be passed on, also when an account of ours sends it."""
        with submissions(self.network, self.sender, family) as client:
            spam = letter(self.sender.address, self.sender.address, leftovers.name("gtube"))
            spam.set_content(f"{GTUBE}\n")
            with stage("GTUBE"):
                refusal(client, spam)
            program = letter(self.sender.address, self.sender.address, leftovers.name("program"))
            program.add_attachment(b"MZ" * 64, maintype="application", subtype="octet-stream", filename="facture.exe")
            with stage("an attached program"):
                refusal(client, program)
        return "GTUBE and an attached program refused"

    def to_and_from(self, family: Family, other: Account) -> str:
        """To another territory, and back: each believes the other."""
        try:
            with imap(self.network, other, family):
                pass
        except OSError as error:
            raise CheckSkippedError(f"{other.server} does not answer ({sentence(error)})") from None
        for sender, to in ((self.sender, other), (other, self.sender)):
            with stage(f"{sender.address} to {to.address}"):
                folder, message = self._send(sender, to, family)
                _authentic(message, folder)
        return f"both ways: {', '.join(PASSED)}"

    def outside(self, family: Family, correspondent: Correspondent) -> str:
        """To somebody in no territory, and back."""
        name = leftovers.name("outside")
        message = letter(self.sender.address, correspondent.address, f"Vérification d'été {name}")
        with stage(f"to {correspondent.address}"), submissions(self.network, self.sender, family) as client:
            client.send_message(message)
            _authentic(correspondent.receive(str(message["Message-ID"])), "INBOX")
        back = letter(correspondent.address, self.sender.address, f"Réponse {leftovers.name('back')}")
        with stage(f"from {correspondent.address}"):
            correspondent.send(back)
            folder, received = receive(self.network, self.sender, str(back["Message-ID"]), family)
            _authentic(received, folder)
        return f"both ways: {', '.join(PASSED)}"

    def _send(self, sender: Account, to: Account, family: Family) -> tuple[str, EmailMessage]:
        name = leftovers.name("letter")
        message = letter(sender.address, to.address, f"Vérification d'été {name}")
        with submissions(self.network, sender, family) as client:
            client.send_message(message)
        return receive(self.network, to, str(message["Message-ID"]), family)


def _authentic(message: EmailMessage, folder: str) -> None:
    results = " ".join(str(message.get("Authentication-Results", "")).split())
    missing = [word for word in PASSED if word not in results]
    if missing or folder != "INBOX":
        raise CheckFailedError(f"in {folder}, without {', '.join(missing) or 'fault'}: {results[:120]}")


def _queue(ask: Callable[[str], str], domain: str) -> str:
    """Nothing waits that this verification has sent."""
    waiting = [line for line in ask("postqueue -j").splitlines() if f'"verify@{domain}"' in line]
    if waiting:
        raise CheckFailedError(f"{len(waiting)} mails of this verification wait: {waiting[0][-120:]}")
    return "nothing of this verification waits"
