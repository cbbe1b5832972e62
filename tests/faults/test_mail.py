"""Mail under faults: whatever was answered 250 is in the mailbox afterwards, once, and nothing stops the server."""

import io
import random
import smtplib
import threading
import time
import zipfile

import pytest
from disturbed import MOMENTS, SEEDS, deployed

from orchestrator.commands.verify import target_of
from orchestrator.providers.lab import Lab
from orchestrator.verify.mailbox import SMTP, Smtp, imap, letter, receive, submissions
from orchestrator.verify.network import IPV4, Network

SERVICES = ("dovecot", "rspamd", "slapd", "redis-server@rspamd", "postfix-mta-sts-resolver")
# Processes that a mail passes through, as `pkill -f` finds them.
KILLED = ("smtpd", "cleanup", "qmgr", "lmtp", "trivial-rewrite", "proxymap", "rspamd: rspamd_proxy", "dovecot/lmtp",
          "dovecot/auth", "slapd")  # fmt: skip
FULL = "fallocate -l $(($(stat -f -c '%a * %S' /) - 1000000)) /filler"
UP = "systemctl start slapd rspamd dovecot postfix; postqueue -f"
REDIS = "redis-cli -s /run/redis-rspamd/redis-server.sock"
PATIENCE = 90  # seconds until what was accepted must have arrived


@pytest.fixture(scope="module")
def calvados(tmp_path_factory):
    with deployed(tmp_path_factory.mktemp("mail"), "calvados") as [territory]:
        yield territory


@pytest.fixture(autouse=True)
def unlimited(calvados):
    """The filter forgets what each account has sent: a limit of its own would end what is tried here."""
    calvados.on(f"systemctl start redis-server@rspamd; {REDIS} --scan --pattern 'RL*' | xargs -r {REDIS} DEL")


@pytest.fixture
def network(calvados):
    return Network(target_of(calvados.node), 30)


@pytest.fixture
def accounts(network):
    """Who sends, and who receives."""
    return network.target.mail.accounts


@pytest.fixture
def correspondent(network):
    return network.target.mail.correspondent


def ids(network, account):
    """The Message-IDs in a mailbox, in every folder that mail is sorted into."""
    found = []
    with imap(network, account, IPV4) as client:
        for folder in ("INBOX", "Junk"):
            client.select(folder)
            for number in client.search(None, "ALL")[1][0].split():
                header = client.fetch(number, "(BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")[1][0][1]
                found.append(header.decode().replace("\r\n", "").partition(":")[2].strip())
    return found


def empty(network, account):
    with imap(network, account, IPV4) as client:
        for folder in ("INBOX", "Junk"):
            if int(client.select(folder)[1][0]):
                client.store("1:*", "+FLAGS", r"\Deleted")
                client.expunge()


def send_all(network, sender, messages):
    """Send one after the other, each until it was accepted or refused once; give those that were accepted."""
    accepted = []
    for message in messages:
        try:
            with submissions(network, sender, IPV4) as client:
                client.send_message(message)
            accepted.append(message["Message-ID"])
        except (OSError, smtplib.SMTPException):
            continue  # whoever got no 250 knows that it was not taken
    return accepted


def missing(network, account, wanted, seconds=PATIENCE):
    """What has not arrived in time."""
    deadline = time.monotonic() + seconds
    while True:
        left = set(wanted) - set(ids(network, account))
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(1)


def letters(sender, to, number, name):
    return [letter(sender.address, to.address, f"Lettre {name}-{each}-{time.time_ns()}") for each in range(number)]


@pytest.mark.parametrize("seed", SEEDS)
def test_processes_killed_during_delivery(calvados, network, accounts, note, seed):
    sender, to = accounts
    chance = random.Random(seed)
    empty(network, to)
    for moment in range(MOMENTS):
        accepted = []
        sending = threading.Thread(
            target=lambda moment=moment, accepted=accepted: accepted.extend(
                send_all(network, sender, letters(sender, to, 5, f"{seed}-{moment}"))
            )
        )
        sending.start()
        time.sleep(chance.uniform(0, 1.5))
        calvados.on(f"pkill -9 -f '{chance.choice(KILLED)}' || true")
        begun = time.monotonic()
        sending.join()
        calvados.on(UP)
        lost = missing(network, to, accepted)
        note("mail server's process killed", seed=seed, lost=len(lost), seconds=time.monotonic() - begun)
        assert lost == set()


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_that_is_stopped_costs_time_and_no_mail(calvados, network, accounts, correspondent, note, service):
    message = letter(correspondent.address, accounts[0].address, f"Lettre {service.replace('@', '-')}-{time.time_ns()}")
    calvados.on(f"systemctl stop {service}")
    try:
        correspondent.send(message)
        time.sleep(5)
    finally:
        calvados.on(f"systemctl start {service}; {UP}")
    begun = time.monotonic()
    lost = {message["Message-ID"]}
    while lost and time.monotonic() < begun + PATIENCE:
        Lab().connection("internet").run("postqueue -f")
        lost = missing(network, accounts[0], lost, 5)
    note(f"{service} stopped", lost=len(lost), seconds=time.monotonic() - begun)
    assert lost == set()


def test_mail_to_the_world_goes_out_without_the_policy_daemon(calvados, network, accounts, correspondent):
    calvados.on("systemctl stop postfix-mta-sts-resolver")
    try:
        message = letter(accounts[0].address, correspondent.address, f"Lettre {time.time_ns()}")
        assert send_all(network, accounts[0], [message]) == [message["Message-ID"]]
        assert correspondent.receive(message["Message-ID"])["Subject"] == message["Subject"]
    finally:
        calvados.on("systemctl start postfix-mta-sts-resolver")


def test_a_full_disk_refuses_and_loses_nothing(calvados, network, accounts, correspondent):
    calvados.on(FULL)
    message = letter(correspondent.address, accounts[0].address, f"Lettre {time.time_ns()}")
    try:
        with Smtp(network, accounts[0].server, SMTP, IPV4, implicit=False) as client:
            client.ehlo()
            code, words = client.mail("")
        assert code == 452, words
        correspondent.send(message)
        time.sleep(3)
    finally:
        calvados.on("rm -f /filler")
    Lab().connection("internet").run("postqueue -f")
    assert missing(network, accounts[0], [message["Message-ID"]]) == set()


def test_a_burst(network, accounts, note):
    sender, to = accounts
    empty(network, to)
    parts = [letters(sender, to, 50, f"burst-{part}") for part in range(4)]
    accepted, threads = [], []
    for part in parts:
        threads.append(threading.Thread(target=lambda part=part: accepted.extend(send_all(network, sender, part))))
        threads[-1].start()
    begun = time.monotonic()
    for thread in threads:
        thread.join()
    assert len(accepted) == 200
    lost = missing(network, to, accepted)
    note("200 mails at once", lost=len(lost), seconds=time.monotonic() - begun)
    assert sorted(ids(network, to)) == sorted(accepted)


def test_a_large_attachment_and_other_letters(network, accounts):
    sender, to = accounts
    message = letter(sender.address, to.address, f"Été à l'œuvre {time.time_ns()}")
    message.add_attachment(bytes(range(256)) * 100_000, maintype="image", subtype="tiff", filename="plage d'été.tiff")
    with submissions(network, sender, IPV4) as client:
        client.send_message(message)
    _, received = receive(network, to, message["Message-ID"], IPV4)
    [attached] = list(received.iter_attachments())
    assert (attached.get_filename(), len(attached.get_content())) == ("plage d'été.tiff", 25_600_000)
    assert received["Subject"] == message["Subject"]
    with imap(network, to, IPV4) as client:
        client.enable("UTF8=ACCEPT") if "UTF8=ACCEPT" in client.capabilities else None
        assert client.create('"Re&AOc-us"')[0] == "OK"
        assert client.delete('"Re&AOc-us"')[0] == "OK"


def nested(depth):
    content = b"MZ" * 100
    for number in range(depth):
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr("facture.exe" if number == 0 else "encore.zip", content)
        content = archive.getvalue()
    return content


STRANGE = {
    "overlong lines": b"\r\n" + b"x" * 5_000_000 + b"\r\n",
    "NUL bytes": b"X-Nul: a\0b\r\n\r\nbon\0jour\0\r\n",
    "malformed MIME": b'Content-Type: multipart/mixed; boundary="\r\n\r\n--\r\n--x--\r\n' * 50,
    "large headers": b"".join(b"X-%d: %s\r\n" % (n, b"y" * 900) for n in range(11_000)) + b"\r\nx\r\n",
    "bad encodings": b"Content-Type: text/plain; charset=none\r\nContent-Transfer-Encoding: x\r\n\r\n\xff\xfe\r\n",
}


def refused(client, send):
    """What the server answers to what it does not take; None when it takes it."""
    try:
        send(client)
    except smtplib.SMTPResponseException as error:
        return error.smtp_code
    return None


@pytest.mark.parametrize("what", STRANGE)
def test_strange_mail_is_taken_or_refused_and_the_server_lives(calvados, network, accounts, what):
    sender = accounts[0]
    before = calvados.on("systemctl show -p NRestarts --value rspamd dovecot postfix").split()
    head = f"From: <{sender.address}>\r\nTo: <{sender.address}>\r\nSubject: bizarre\r\n".encode()
    with submissions(network, sender, IPV4) as client:
        strange = head + STRANGE[what]
        code = refused(client, lambda client: client.sendmail(sender.address, [sender.address], strange))
    assert code is None or 400 <= code < 600
    with submissions(network, sender, IPV4) as client:
        assert client.noop()[0] == 250
    assert calvados.on("systemctl show -p NRestarts --value rspamd dovecot postfix").split() == before
    assert calvados.on("postqueue -j | grep -c bizarre || true").strip() == "0"


def test_archives_in_archives_and_too_many_recipients_are_refused(network, accounts):
    sender = accounts[0]
    message = letter(sender.address, sender.address, f"Archive {time.time_ns()}")
    message.add_attachment(nested(2), maintype="application", subtype="zip", filename="facture.zip")
    with submissions(network, sender, IPV4) as client:
        codes = []
        client.mail(sender.address)
        for number in range(1000):
            codes.append(client.rcpt(f"verify+{number}@{sender.address.partition('@')[2]}")[0])
            if codes[-1] == 421:
                break
        assert codes.count(250) <= 100
        assert codes[-1] in (421, 452)
    with submissions(network, sender, IPV4) as client:
        before = time.monotonic()
        assert refused(client, lambda client: client.send_message(message)) in (None, 554)
        assert time.monotonic() - before < 30


def learnt(calvados):
    """How much spam and how much good mail the filter has learnt from."""
    values = calvados.on(f"for kind in learns_spam learns_ham; do {REDIS} HGET RS $kind | grep . || echo 0; done")
    return tuple(int(value) for value in values.split())


def moved(network, account, message_id, source, destination):
    with imap(network, account, IPV4) as client:
        client.select(source)
        [number] = client.uid("SEARCH", "HEADER", "Message-ID", f'"{message_id}"')[1][0].split()
        assert client.uid("MOVE", number, destination)[0] == "OK"


def test_what_is_moved_in_or_out_of_junk_teaches_the_filter(calvados, network, accounts):
    sender, to = accounts
    message = letter(sender.address, to.address, f"Belles montres {time.time_ns()}")
    message.set_content(" ".join(f"mot{number}" for number in range(200)))
    send_all(network, sender, [message])
    assert missing(network, to, [message["Message-ID"]]) == set()
    spam, good = learnt(calvados)
    expectations = ("INBOX", "Junk", (spam + 1, good)), ("Junk", "INBOX", (spam, good + 1))
    for source, destination, expected in expectations:
        moved(network, to, message["Message-ID"], source, destination)
        deadline = time.monotonic() + PATIENCE
        while learnt(calvados) != expected:
            assert time.monotonic() < deadline, learnt(calvados)
            time.sleep(1)
