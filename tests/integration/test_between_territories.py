"""Three territories reach each other over the mesh and keep each other's backups; two of them, and somebody outside,
write to each other.
"""

import os
import re
import shlex
import time
from dataclasses import replace
from email.message import EmailMessage

import dkim
import dns.resolver
import pytest
from disturbed import deployed, mails, told
from pydantic import SecretStr

from orchestrator import lab_correspondent, lab_internet, lab_world, secrets
from orchestrator.commands.verify import target_of
from orchestrator.providers.lab import Lab
from orchestrator.verify.check import CheckFailedError
from orchestrator.verify.mailbox import SMTP, Smtp, imap, letter, receive, refusal, submissions
from orchestrator.verify.network import IPV4, Network

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(os.geteuid() != 0, reason="a lab host needs root"),
]
PATIENCE = 30  # seconds until a server has done what it was given to do
TRACE = "/root/trace"
MEMBERS = "\nmesh: {name: normandie, keeps: 100 GB}\n"
SERVICES = "  backup: {}\n  monitoring: {}\n"
NOTICED = 120  # seconds until a partner is told that the node is dead
ECHO = """
import socket, sys
with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as probe:
    probe.settimeout(1)
    for attempt in range(10):
        probe.sendto(bytes([128, 0, 0, 0, 0, 7, 0, attempt]), ({address!r}, 0))
        try:
            while True:
                answer, sender = probe.recvfrom(1500)
                if answer[0] == 129 and sender[0] == {address!r}:
                    print("answered")
                    sys.exit()
        except TimeoutError:
            continue
print("silent")
"""
CONNECT = """
import socket
for port in {ports}:
    try:
        socket.create_connection(({address!r}, port), 3).close()
        print(port)
    except OSError:
        pass
"""
# On the lab's internet host: a server that takes mail on, for who logs in.
PROVIDER = """\
set -e
apt-get install -y -qq --no-install-recommends sasl2-bin libsasl2-modules > /dev/null
mkdir -p /etc/postfix/sasl
printf 'pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN LOGIN\n' > /etc/postfix/sasl/smtpd.conf
printf %s {password} | saslpasswd2 -c -p -u exterieur.test {user}
chgrp postfix /etc/sasldb2
postconf -M submission/inet='submission inet n - n - - smtpd'
postconf -P submission/inet/smtpd_sasl_auth_enable=yes submission/inet/smtpd_tls_security_level=encrypt \\
    submission/inet/smtpd_sasl_local_domain=exterieur.test submission/inet/smtpd_milters= \\
    submission/inet/smtpd_relay_restrictions=permit_sasl_authenticated,reject
systemctl reload postfix
"""


@pytest.fixture(scope="module")
def territories(tmp_path_factory):
    with deployed(
        tmp_path_factory.mktemp("mesh"), "calvados", "manche", "orne", services=SERVICES, more=MEMBERS
    ) as territories:
        yield territories


@pytest.fixture
def calvados(territories):
    return territories[0]


@pytest.fixture
def network(calvados):
    return Network(target_of(calvados.node), 30)


@pytest.fixture
def sender(network):
    return network.target.mail.accounts[0]


@pytest.fixture
def resolver():
    found = dns.resolver.Resolver(configure=False)
    found.nameservers = [lab_internet.RESOLVER[0]]
    return found


def until(look, wanted, patience=PATIENCE):
    """What is looked at, once it holds what is wanted."""
    deadline = time.monotonic() + patience
    while not re.search(wanted, found := look()):
        assert time.monotonic() < deadline, f"no {wanted} in {found[-2000:]}"
        time.sleep(0.5)
    return found


def as_received(network, account, message_id):
    """A mail byte by byte, once it is there."""
    with imap(network, account, IPV4) as client:
        client.select("INBOX")
        for _ in range(PATIENCE):
            client.noop()
            if found := client.search(None, "HEADER", "Message-ID", f'"{message_id}"')[1][0].split():
                return client.fetch(found[0], "(BODY.PEEK[])")[1][0][1]
            time.sleep(1)
    raise AssertionError(f"{message_id} did not arrive")


def test_a_letter_is_believed_everywhere(calvados):
    """Between territories and to the outside, both ways: SPF, DKIM, DMARC; and all else that a deployment verifies."""
    checks = calvados.run("verify", calvados.name, "--json")["checks"]
    letters = [check for check in checks if check["name"].startswith("mail to")]
    assert len(letters) == 2  # the other territory, and the outside
    assert all(check["ok"] and not check["skipped"] for check in letters)


def test_every_signature_is_verified_by_another_library(network, sender, resolver):
    def texts(name, timeout=5):  # noqa: ARG001  the library's own shape
        answer = resolver.resolve(name.decode().rstrip("."), "TXT")
        return b"".join(answer[0].strings)

    [other] = network.target.mail.others
    message = letter(sender.address, other.address, f"Signé, été {time.time_ns()}")
    with submissions(network, sender, IPV4) as client:
        client.send_message(message)
    content = as_received(network, other, str(message["Message-ID"]))
    checker = dkim.DKIM(content)
    signatures = [value for name, value in checker.headers if name.lower() == b"dkim-signature"]
    kinds = sorted(re.search(rb"a=([\w-]+)", value)[1] for value in signatures)
    assert kinds == [b"ed25519-sha256", b"rsa-sha256"]
    for number in range(len(signatures)):
        assert checker.verify(idx=number, dnsfunc=texts), f"{kinds}, number {number}"
        with pytest.raises(dkim.DKIMException):
            dkim.DKIM(content.replace(b"Bonjour", b"Bonsoir")).verify(idx=number, dnsfunc=texts)


def test_the_key_of_the_other_server_is_verified(calvados, network, sender):
    """By DANE between territories, by MTA-STS to the outside."""
    [other] = network.target.mail.others
    for to in (other.address, lab_correspondent.ADDRESS):
        message = letter(sender.address, to, f"Chiffré {time.time_ns()}")
        with submissions(network, sender, IPV4) as client:
            client.send_message(message)
        domain = to.partition("@")[2]
        until(lambda: calvados.on("journalctl -u postfix --since -2min --no-pager"), rf"to=<{to}>.*status=sent")
        log = calvados.on("journalctl -u postfix --since -2min --no-pager")
        assert re.search(rf"Verified TLS connection established to \S*{re.escape(domain)}\[", log)


def test_who_forges_a_sender_is_treated_as_the_domain_asks(network, sender):
    """From an address that the domain does not send from: refused (p=reject), or put aside (p=quarantine)."""
    own, other = (account.address.partition("@")[2] for account in (sender, network.target.mail.others[0]))
    for domain, refused in ((own, True), (other, True), (lab_world.CORRESPONDENT, True), (lab_world.FALSE, False)):
        message = letter(f"quelqu-un@{domain}", sender.address, f"Faux {time.time_ns()}")
        with Smtp(network, sender.server, SMTP, IPV4, implicit=False) as client:
            if refused:
                assert re.search("DMARC|554", refusal(client, message))
            else:
                client.send_message(message)
        if not refused:
            folder, received = receive(network, sender, str(message["Message-ID"]), IPV4)
            assert folder == "Junk"
            assert "dmarc=fail" in str(received["Authentication-Results"])


def test_wrong_passwords_of_one_keep_nobody_else_out(network, sender):
    wrong = replace(sender, password=SecretStr("pas-celui-la"))
    for _ in range(5):
        with pytest.raises(CheckFailedError), imap(network, wrong, IPV4):
            pass
    with submissions(network, sender, IPV4) as client:
        client.send_message(letter(sender.address, sender.address, f"Quand même {time.time_ns()}"))


def test_who_is_suspended_sends_nothing_more_over_an_open_connection(calvados, network, sender):
    password = secrets.reveal(calvados.node, "subscribers.exemple")
    account = replace(sender, address=f"exemple@{calvados.node.territory.domain}", password=password)
    with submissions(network, account, IPV4) as client:
        client.send_message(letter(account.address, sender.address, f"Encore {time.time_ns()}"))
        calvados.run("subscriber", "suspend", calvados.name, "exemple")
        assert "suspended" in refusal(client, letter(account.address, sender.address, f"Trop tard {time.time_ns()}"))
    calvados.run("subscriber", "resume", calvados.name, "exemple")


def test_mail_to_an_address_literal_is_refused(calvados, network, sender):
    to = f"verify@[{calvados.node.territory.host.address.ipv4}]"
    with Smtp(network, sender.server, SMTP, IPV4, implicit=False) as client:
        client.ehlo()
        client.mail(f"a@{lab_world.FALSE}")
        assert client.rcpt(to)[0] == 550


def test_a_server_with_the_wrong_certificate_gets_nothing(calvados, network, sender):
    """Its domain asks that mail come encrypted to the right server alone (MTA-STS, enforce)."""
    to = f"quelqu-un@{lab_world.FALSE}"
    with submissions(network, sender, IPV4) as client:
        client.send_message(letter(sender.address, to, f"Pas en clair {time.time_ns()}"))
    log = until(lambda: calvados.on("journalctl -u postfix --since -1min --no-pager"), rf"to=<{to}>.*status=")
    waiting = re.findall(rf"(\w+): to=<{to}>.*status=(\w+) \((.*)\)", log)
    assert {status for _, status, _ in waiting} == {"deferred"}
    assert "certificate" in waiting[0][2]
    calvados.on(f"postsuper -d {waiting[0][0]}")


def test_mail_is_on_disk_before_it_is_answered_for(calvados, network, sender):
    """Seen by strace: Postfix's queue file before the sender's 250, Dovecot's file before Postfix drops its own."""
    calvados.on("apt-get install -y -qq --no-install-recommends strace >/dev/null")
    calvados.on("systemctl restart postfix dovecot")  # only what is begun from now on is followed
    follow = "-f -e trace=fsync,fdatasync,write,writev,sendto,sendmsg -yy -s 200"
    unit = f"systemd-run --quiet --unit=trace strace {follow} -o {TRACE}"
    calvados.on(f"{unit} -p $(cat /var/spool/postfix/pid/master.pid) -p $(systemctl show -P MainPID dovecot)")
    calvados.on(f"timeout 20 sh -c 'until [ -e {TRACE} ]; do sleep 0.2; done'")
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = f"a@{lab_world.FALSE}", sender.address, "Sur le disque"
    message["Message-ID"] = f"<{time.time_ns()}@{lab_world.FALSE}>"
    message.set_content("Bonjour\n")
    with Smtp(network, sender.server, SMTP, IPV4, implicit=False) as client:
        client.send_message(message)
    receive(network, sender, message["Message-ID"], IPV4)
    calvados.on("systemctl stop trace")
    lines = calvados.on(f"cat {TRACE}; rm {TRACE}").splitlines()

    def first(pattern, begin=0):
        found = next((number for number, line in enumerate(lines[begin:], begin) if re.search(pattern, line)), None)
        assert found is not None, f"no {pattern} after line {begin} of\n" + "\n".join(lines)[-6000:]
        return found

    queued = first(r'"250 2\.0\.0 Ok: queued')
    assert first(r"fsync\(\d+<[^>]*/incoming/") < queued
    saved = first(r'"250 2\.0\.0 .*Saved')
    written = first(r"write\(\d+<[^>]*/srv/maillage/mail/[^>]*/tmp/")
    file = re.search(r"<([^>]*/tmp/[^>]*)>", lines[written])[1]
    assert written < first(rf"f(data)?sync\(\d+<{re.escape(file)}>", written) < saved


def test_somebody_elses_server_takes_mail_on(territories, calvados, network, sender):
    """For a host whose port 25 is closed: over an encrypted login, and believed where it arrives."""
    user, password = "territoire", "mot de passe: d'essai"
    outside = Lab().connection("internet").run(PROVIDER.format(user=user, password=shlex.quote(password)), timeout=300)
    assert outside.returncode == 0, outside.stderr
    host = f"mail.{lab_world.CORRESPONDENT}"
    smarthost = f"  mail:\n    smarthost: {{host: {host}, user: {user}, spf: {lab_world.CORRESPONDENT}}}"
    calvados.edit("territory.yml", ("  mail: {}", smarthost))
    secrets.give(calvados.node, "mail.smarthost", password)
    calvados.deploy()
    territories[1].on("systemctl restart unbound rspamd")  # which knew who sends for the domain before
    [other] = network.target.mail.others
    message = letter(sender.address, other.address, f"Par un autre {time.time_ns()}")
    with submissions(network, sender, IPV4) as client:
        client.send_message(message)
    content = as_received(network, other, str(message["Message-ID"])).decode()
    header, *_ = content.replace("\r\n\t", " ").partition("\r\n\r\n")
    assert all(f"{kind}=pass" in header for kind in ("spf", "dkim", "dmarc")), header
    assert re.search(rf"from {host} .*by mail\.manche\.", header)
    log = calvados.on("journalctl -u postfix --since -2min --no-pager")
    assert f"Verified TLS connection established to {host}" in log


def address(territory):
    shown = territory.run("card", "show", territory.name, "--json")
    return shown["wireguard"]["address"]


def answers(territory, other):
    return territory.on(ECHO.format(address=other), python=True).strip()


def sessions(territory):
    """By the peer's key, how many bytes came from it since the interface was made."""
    lines = territory.on("wg show mesh0 transfer").splitlines()
    return {key: int(received) for key, received, _sent in (line.split() for line in lines)}


def test_everybody_reaches_everybody(territories):
    addresses = {territory.name: address(territory) for territory in territories}
    assert len(set(addresses.values())) == 3
    for territory in territories:
        for other in set(addresses) - {territory.name}:
            assert answers(territory, addresses[other]) == "answered", f"{territory.name} to {other}"


def test_nothing_else_is_reached_over_the_mesh(territories):
    one, other, _ = territories
    assert one.on(CONNECT.format(ports=[22, 25, 80, 443, 993], address=address(other)), python=True).split() == []


def test_a_lost_node_comes_back_from_its_peers(territories, calvados, network, sender):
    events = [calvados.store(f"avant-{number}") for number in range(3)]
    with submissions(network, sender, IPV4) as client:
        client.send_message(letter(sender.address, sender.address, "à garder"))
    until(lambda: str(mails(network, sender)["INBOX"]), "Subject: ")
    before = mails(network, sender)
    refused = calvados.run("subscriber", "remove", "calvados", "exemple", "--yes", code=5)
    assert "the last good restore for practice was never made" in refused
    calvados.run("backup", "run", "calvados")
    assert "good: " in calvados.run("backup", "drill", "calvados")
    listed = calvados.run("backup", "list", "calvados", "--json")
    assert {each["at"] for each in listed} == {"manche", "orne"}
    for peer in territories[1:]:
        kept = peer.on("ls /srv/maillage/backups/calvados; grep -rl avant-1 /srv/maillage/backups || true").split()
        assert len(kept) == 1, "one repository, and nothing in it can be read"

    part = calvados.run("restore", "calvados", "--subscriber", "exemple", "--json")["folder"]
    assert "avant-1.ics" in calvados.on(f"find {part} -name '*.ics'")

    assert "is in use and has its own backups" in calvados.run("restore", "calvados", code=2)
    calvados.lab.destroy(calvados.host)
    dead = "La machine ne répond plus"
    until(lambda: str(told()), dead, NOTICED)
    calvados.run("restore", "calvados", "--no-verify", "--json")
    assert calvados.lost(events) == []
    assert mails(calvados.network, target_of(calvados.node).mail.accounts[0]) == before
    assert calvados.left() == []
    calvados.run("backup", "run", "calvados")
    until(lambda: str(told()), f"Rétabli : {dead}", NOTICED)
    assert [(to.split("@")[0], sender) for to, sender, subject, _ in told() if dead in subject] == [
        ("partenaire-calvados", "manche"),  # orne has no mail
        ("partenaire-calvados", "manche"),
    ]


def test_a_peer_that_is_down_stands_in_nobodys_way(territories, calvados):
    *_, orne = territories
    orne.on("systemctl stop nginx.service")
    assert "orne does not answer" in calvados.run("backup", "run", "calvados", code=9)
    assert "good: " in calvados.run("backup", "drill", "calvados")
    orne.on("systemctl start nginx.service")
    kept = {at: [each for each in calvados.run("backup", "list", "calvados", "--json") if each["at"] == at]
            for at in ("manche", "orne")}  # fmt: skip
    assert len(kept["manche"]) == len(kept["orne"]) + 1


def test_a_peer_that_leaves_is_the_only_one_that_changes(territories):
    one, other, leaving = territories
    before = sessions(one)
    assert len(before) == 2
    leaving.edit("territory.yml", ("\nmesh: ", "\n# mesh: "), (SERVICES, "  monitoring: {}\n"))
    report = one.deploy()
    changes = [(each["kind"], each["name"], each["action"]) for each in report["changes"] if each["role"] == "mesh"]
    assert changes == [("file", "/etc/wireguard/mesh0.conf", "change"), ("service", "wg-quick@mesh0.service", "reload")]
    assert {each["role"] for each in report["changes"]} == {"mesh", "backup", "backup_server", "monitoring"}
    after = sessions(one)
    assert len(after) == 1
    [(key, received)] = after.items()
    assert received >= before[key] > 0  # the tunnel to the other one was not made anew
    assert answers(one, address(other)) == "answered"
    assert not re.search(r"# orne", one.on("cat /etc/wireguard/mesh0.conf"))


def test_the_mesh_is_there_after_the_host_was_started_again(territories):
    one, other, _ = territories
    one.lab.reboot(one.host)
    one.on("systemctl is-system-running --wait")
    assert answers(one, address(other)) == "answered"
