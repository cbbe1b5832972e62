"""Three territories watch each other: what their partners are told, by whom, and when; and what the page shows.

`make proof`. Long waits are shortened on the hosts themselves where a test says so; the first two and the last use the
delays as they are.
"""

import contextlib
import json
import os
import shlex
import shutil
import subprocess
import threading
import time

import disturbed
import httpx
import pytest
from disturbed import deployed, mails

from orchestrator import secrets
from orchestrator.commands.verify import target_of
from orchestrator.providers.lab import Lab
from orchestrator.verify.mailbox import letter, submissions
from orchestrator.verify.network import IPV4

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(os.geteuid() != 0, reason="a lab host needs root"),
    pytest.mark.skipif("MAILLAGE_NEXTCLOUD_ARCHIVE" not in os.environ, reason="takes more than an hour: `make proof`"),
]
ALERTS = """
import json, urllib.request
for alert in json.load(urllib.request.urlopen("http://127.0.0.1:9090/api/v1/alerts"))["data"]["alerts"]:
    print(alert["state"], alert["labels"]["alertname"])
"""
CUT = """nft -f - <<END
table inet cut {{
  chain i {{ type filter hook input priority -300; {0} }}
  chain o {{ type filter hook output priority -300; {1} }}
}}
END"""
MEND = "nft delete table inet cut"
# Minutes become seconds, of a host's own rules and looks.
HASTE = r"""
cd /etc/prometheus
sed -Ei 's/for: ([0-9]+)s/for: 4s/; s/\[([1-5]m|90s)\]/[20s]/g; s/\[10m\]/[2m]/; s/_seconds > 3600/_seconds > 10/' maillage-rules.yml
sed -Ei 's/(scrape_interval(__)?|evaluation_interval): [0-9]+s/\1: 4s/; s/scrape_timeout: 10s/scrape_timeout: 4s/' prometheus.yml
sed -Ei 's/group_interval: .*/group_interval: 4s/' alertmanager.yml
sed -Ei 's/OnUnitInactiveSec=.*/OnUnitInactiveSec=4s/' /etc/systemd/system/maillage-facts.timer
systemctl daemon-reload
systemctl restart maillage-facts.timer prometheus prometheus-alertmanager
"""  # noqa: E501
SHOWN = """
import urllib.request
for address in (
    "9090/federate?match[]=%7B__name__%3D~%22.%2B%22%7D",
    "9090/api/v1/rules",
    "9093/api/v2/alerts",
    "9100/metrics",
    "9115/metrics",
):
    print(urllib.request.urlopen(f"http://127.0.0.1:{address}").read().decode())
"""
STRANGERS = 40  # addresses that passwords are tried from
# What happens, how it is mended, the alert, and words of its text.
METRICS = "/var/lib/maillage/metrics/backup.prom"
CERTIFICATE = "/srv/maillage/certificates/live/calvados.maillage.test"
FAULTS = {
    "a service is stopped": (
        "systemctl stop radicale.service", "systemctl start radicale.service", "radicale.service ne fonctionne pas"),
    "the mail server's second half is stopped": (
        "systemctl stop dovecot.service", "systemctl start dovecot.service", "dovecot.service ne fonctionne pas"),
    "a unit fails": (
        "systemd-run --unit=maillage-essai --property=Type=oneshot false || true",
        "systemctl reset-failed maillage-essai.service", "maillage-essai.service a échoué"),
    "the disk is full": (
        "fallocate -l $(($(df --output=avail -B1 / | tail -1) - 330000000)) /srv/essai", "rm /srv/essai",
        "Le disque se remplit"),
    "a certificate has ended": (
        f"cd {CERTIFICATE}; cp -a fullchain.pem kept; openssl req -x509 -key key.pem -subj /CN=essai"
        " -not_before 20260101000000Z -not_after 20260201000000Z -out fullchain.pem",
        f"cd {CERTIFICATE}; mv kept fullchain.pem", "Le certificat de calvados.maillage.test se termine"),
    "mail is stuck": (
        "printf 'Subject: essai\\n\\nessai\\n' | sendmail essai@[10.99.0.99]", "postsuper -d ALL",
        "Du courrier attend de partir"),
    "an address is on a blacklist": (
        "echo 127.0.0.2 11.0.99.10.liste.essai.test >> /etc/hosts;"
        """ echo '{"addresses": ["10.99.0.11"], "lists": ["liste.essai.test"]}' > /etc/maillage/blacklists.json;"""
        " rm -f /var/lib/maillage/blacklists.prom",
        "sed -i /liste.essai/d /etc/hosts; rm /var/lib/maillage/blacklists.prom", "la liste noire liste.essai.test"),
    "an update waits for a restart": (
        "touch /run/reboot-required", "rm /run/reboot-required", "attendent un redémarrage"),
    "facts are missing": (
        "printf '#!/bin/sh\\nexit 1\\n' > /usr/lib/maillage/facts.d/essai; chmod 755 /usr/lib/maillage/facts.d/essai",
        "rm /usr/lib/maillage/facts.d/essai /var/lib/maillage/metrics/essai* || true", "ne voit plus une partie"),
    "the last backup is old": (
        f"sed -Ei 's/(backup_timestamp_seconds.* )[0-9]+/\\1'$(($(date +%s) - 200000))/ {METRICS}",
        f"sed -Ei 's/(backup_timestamp_seconds.* )[0-9]+/\\1'$(date +%s)/ {METRICS}", "a plus d'un jour et demi"),
    "the last drill is old": (
        f"sed -Ei 's/(drill_timestamp_seconds.* )[0-9]+/\\1'$(($(date +%s) - 2000000))/ {METRICS}",
        f"sed -Ei 's/(drill_timestamp_seconds.* )[0-9]+/\\1'$(date +%s)/ {METRICS}", "aucun retour de sauvegarde"),
    "a peer's backups fill their place": (
        "fallocate -l 960000000 /srv/maillage/backups/manche/essai", "rm /srv/maillage/backups/manche/essai",
        "Les sauvegardes de manche remplissent"),
}  # fmt: skip


@pytest.fixture(scope="module")
def territories(tmp_path_factory):
    services, more = "  monitoring: {}\n  backup: {}\n", "\nmesh: {name: normandie, keeps: 1 GB}\n"
    with deployed(
        tmp_path_factory.mktemp("mesh"), "calvados", "manche", "orne", services=services, more=more
    ) as territories:
        until(lambda: state(territories[1], "orne"), "up", 180)
        until(lambda: state(territories[0], "calvados"), "up", 180)
        yield territories


@pytest.fixture
def told(territories):  # noqa: ARG001  there must be an internet
    """The mails to partners since the test began: to whom, from whose node, the subject, the text."""
    before = len(disturbed.told())
    return lambda: disturbed.told()[before:]


def until(look, wanted, seconds):
    """Wait for it; the seconds that it took."""
    begin = time.monotonic()
    while (seen := look()) != wanted:
        assert time.monotonic() < begin + seconds, f"after {seconds} s still {seen}, not {wanted}"
        time.sleep(1)
    return time.monotonic() - begin


def page(territory, name="status.json"):
    network = territory.network
    with network.client(IPV4) as client:
        return client.get(f"https://{network.target.domain}/status/{name}").raise_for_status().text


def state(territory, of):
    """What a node's page says of a territory, in one word."""
    [found] = [each for each in json.loads(page(territory)) if each["name"] == of]
    return found["state"]


def subjects(told):
    return sorted({(to.split("@")[0].removeprefix("partenaire-"), subject) for to, _, subject, _ in told()})


def test_a_dead_node_is_told_of_once_by_a_peer(territories, told, record_property):
    calvados, manche, orne = territories
    calvados.lab.kill(calvados.host)
    record_property("seconds to the mail", until(lambda: len(told()), 1, 120))
    [(to, sender, subject, text)] = told()
    assert (to, sender) == ("partenaire-calvados@exterieur.test", "manche")  # orne has no mail
    assert subject == "[calvados] La machine ne répond plus, vue de ses pairs."
    assert "python -m orchestrator doctor calvados" in text
    assert "Plus rien ne fonctionne." in text
    for peer in (manche, orne):
        until(lambda peer=peer: state(peer, "calvados"), "down", 90)
    said = calvados.run("doctor", "calvados", code=5)
    assert "manche sees it: nothing answers" in said
    assert "restore calvados" in said
    time.sleep(60)
    assert len(told()) == 1
    calvados.lab.start(calvados.host)
    until(lambda: len(told()), 2, 180)
    assert told()[1][2] == "[calvados] Rétabli : La machine ne répond plus, vue de ses pairs."
    time.sleep(120)
    assert len(told()) == 2
    for each in territories:  # also on its own, as its peers have seen it
        until(lambda each=each: state(each, "calvados"), "up", 90)
        assert "Interruptions" in page(each, "").split("calvados.maillage.test</h2>")[1].split("</section>")[0]


def test_a_link_that_is_cut_wakes_nobody_for_services(territories, told):
    calvados = territories[0]
    way = "ip {0} 10.99.0.12 drop; ip6 {0} fd4d:6169:6c6c::12 drop;"
    calvados.on(CUT.format(way.format("saddr"), way.format("daddr")))
    try:
        wanted = [
            ("calvados", "[calvados] Le chemin chiffré vers manche est coupé."),
            ("manche", "[manche] Le chemin chiffré vers calvados est coupé."),
        ]
        until(lambda: subjects(told), wanted, 660)
        for each in territories:
            assert [state(each, of) for of in ("calvados", "manche", "orne")] == ["up", "up", "up"]
    finally:
        calvados.on(MEND)
    until(lambda: len(told()), 4, 300)
    assert all("Le chemin chiffré" in subject for _, _, subject, _ in told())


def test_normal_work_raises_nothing(territories, told):
    """Half an hour, delays as they are: 200 logins, 200 mails, a backup, a drill, a renewal, a deployment."""
    calvados, manche, _ = territories
    minutes = float(os.environ.get("QUIET_MINUTES", "30"))
    network = calvados.network
    mine = target_of(calvados.node).mail.accounts[0]
    other = target_of(manche.node).mail.accounts[0]
    work = {
        40: lambda: calvados.run("backup", "run", "calvados"),
        80: lambda: calvados.run("backup", "drill", "calvados"),
        120: lambda: calvados.on(
            f"cd {CERTIFICATE}; openssl req -x509 -key key.pem -days 20 -subj /CN=essai -addext "
            "\"subjectAltName=$(openssl x509 -in fullchain.pem -noout -ext subjectAltName | tail -1 | tr -d ' ')\""
            " -out fullchain.pem; systemctl start maillage-certificates.service"
        ),
        160: lambda: calvados.run("deploy", "calvados", "--no-verify"),
    }
    begin = time.monotonic()
    for number in range(200):
        work.get(number, lambda: None)()
        with submissions(network, mine, IPV4) as client:
            client.send_message(letter(mine.address, other.address, f"Normal {number}"))
        mails(network, mine)
        time.sleep(max(0, begin + (number + 1) * minutes * 60 / 200 - time.monotonic()))
    assert told() == []
    for each in territories:
        firing = [line for line in each.on(ALERTS, python=True).splitlines() if line.startswith("firing")]
        assert firing == []


@pytest.fixture(scope="module")
def hastened(territories):
    """Backups and a drill are there, so that nothing is told for want of them; delays are short."""
    calvados = territories[0]
    for each in territories:
        each.run("backup", "run", each.name)
    calvados.run("backup", "drill", "calvados")
    for each in territories:
        each.on(HASTE)
    time.sleep(30)
    yield calvados
    for each in territories:
        each.run("deploy", each.name, "--no-verify")
        each.on("systemctl daemon-reload; systemctl restart maillage-facts.timer prometheus prometheus-alertmanager")


@contextlib.contextmanager
def raised(told, words, record_property, mend, besides=()):
    """That the fault that was made is told of with these words, and that it is over once it is mended.

    Nothing else is told, but for what follows from it: subjects with the words of `besides`; and, delays being short,
    that a mail has not left for a moment.
    """
    besides = ["une alerte qu'elle ne peut pas envoyer", *besides]
    try:
        record_property("seconds", until(lambda: any(words in subject for _, _, subject, _ in told()), True, 200))
        text = next(text for _, _, subject, text in told() if words in subject)
        assert "Première commande" in text
        record_property("text", text.split("\n")[0])
        yield text
    finally:
        mend()
    # Of a rule that was changed Prometheus does not say that it is over: Alertmanager then takes five minutes.
    until(lambda: any("Rétabli" in subject and words in subject for _, _, subject, _ in told()), True, 400)
    assert [subject for _, _, subject, _ in told() if not any(each in subject for each in (words, *besides))] == []


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_told_and_so_is_its_end(hastened, told, record_property, fault):
    make, mend, words = FAULTS[fault]
    hastened.on(make)
    with raised(told, words, record_property, lambda: hastened.on(mend)):
        pass


def test_a_place_that_refuses_backups(hastened, territories, told, record_property):
    territories[2].on(CUT.format("tcp dport 8000 drop;", ""))
    hastened.run("backup", "run", "calvados", code=9)

    def mend():
        territories[2].on(MEND)
        hastened.run("backup", "run", "calvados")

    besides = ["maillage-backup.service a échoué"]
    with raised(told, "la sauvegarde chez orne échoue", record_property, mend, besides):
        pass


@pytest.mark.usefixtures("hastened")
def test_many_passwords_are_tried(told, record_property):
    way = ["ip", "-json", "route", "get", "10.99.0.11"]
    [route] = json.loads(subprocess.run(way, capture_output=True, text=True, check=True).stdout)
    device = route["dev"]
    strangers = [f"192.0.2.{number}" for number in range(1, STRANGERS + 1)]
    for each in strangers:
        subprocess.run(["ip", "address", "add", f"{each}/32", "dev", device], check=True)
    try:
        threads = [threading.Thread(target=guess, args=(each, "10.99.0.11")) for each in strangers]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        with raised(told, "Beaucoup de mots de passe sont essayés", record_property, lambda: None):
            pass
    finally:
        for each in strangers:
            subprocess.run(["ip", "address", "del", f"{each}/32", "dev", device], check=True)


def guess(source, address):
    """Ten wrong passwords from one address."""
    transport = httpx.HTTPTransport(local_address=source, verify=False)
    with httpx.Client(transport=transport, timeout=10) as client:
        for number in range(10):
            with contextlib.suppress(httpx.HTTPError):  # it was shut out
                client.get(
                    f"https://{address}/exemple/",
                    headers={"Host": "cloud.calvados.maillage.test"},
                    extensions={"sni_hostname": "cloud.calvados.maillage.test"},
                    auth=("exemple", f"essai{number}"),
                )


def test_a_service_that_runs_and_does_not_answer(hastened, told, record_property):
    hastened.on(CUT.format("tcp dport 993 iif != lo drop;", ""))
    with raised(told, "un service ne répond pas (mail-reading)", record_property, lambda: hastened.on(MEND)):
        pass


def test_a_certificate_that_ends_as_seen_from_outside(hastened, territories, told, record_property):
    """The lab's authority gives certificates for years: what is changed is how much must be left, to manche's eyes."""
    rules = "/etc/prometheus/maillage-rules.yml"
    change = "sed -i 's/time() < {0} [*] 86400/time() < {1} * 86400/' {2} && systemctl reload prometheus"
    territories[1].on(change.format("7", "10000", rules))
    words = "Un certificat se termine dans moins d'une semaine"

    def mine():
        return [each for each in told() if each[0].startswith(f"partenaire-{hastened.name}@")]

    with raised(mine, words, record_property, lambda: territories[1].on(change.format("10000", "7", rules))):
        assert {sender for _, sender, subject, _ in mine() if words in subject} == {"manche"}


def test_a_node_whose_monitoring_has_died(hastened, told, record_property):
    hastened.on("systemctl stop prometheus")
    words = "La supervision de la machine ne répond plus à ses pairs"
    besides = ["maillage-status.service a échoué"]  # it asks Prometheus
    with raised(told, words, record_property, lambda: hastened.on("systemctl start prometheus"), besides):
        assert {sender for _, sender, _, _ in told()} == {"manche"}


def test_an_alert_that_cannot_be_sent(hastened, told, record_property):
    """Postfix itself does not run: a peer tells."""
    hastened.on("systemctl stop postfix")
    words = "une alerte qu'elle ne peut pas envoyer"
    try:
        record_property("seconds", until(lambda: any(words in subject for _, _, subject, _ in told()), True, 200))
        assert {sender for _, sender, subject, _ in told() if words in subject} == {"manche"}
    finally:
        hastened.on("systemctl start postfix")
    until(lambda: any("Rétabli" in each[2] and "postfix" in each[2] for each in told()), True, 200)


def test_a_browser_shows_the_page(territories, tmp_path):
    """Which has no scripts, and would not be let run any."""
    browser = shutil.which("chromium")
    assert browser, "install chromium, as `make proof` does"
    for name in ("calvados", "manche", "orne"):  # what was broken before has been looked at again
        until(lambda name=name: state(territories[2], name), "up", 120)
    shot = tmp_path / "status.png"
    names = "MAP *.maillage.test 10.99.0.13, MAP orne.maillage.test 10.99.0.13"
    command = [browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--ignore-certificate-errors"]
    command.append(f"--host-resolver-rules={names}")
    address = "https://orne.maillage.test/status/"
    done = subprocess.run([*command, "--dump-dom", address], capture_output=True, text=True, timeout=90, check=True)
    assert done.stdout.count("Tout fonctionne.") == len(territories)
    assert "<script" not in done.stdout
    subprocess.run([*command, "--window-size=500,1400", f"--screenshot={shot}", address], timeout=90, check=True)
    assert shot.stat().st_size > 20_000


def test_no_secret_and_nobody_s_name_is_in_what_is_shown(territories):
    """In metrics, rules, pages and mails: no secret of the territory, no login name or address of a subscriber."""
    calvados = territories[0]
    known = [secrets.reveal(calvados.node, name).get_secret_value() for name in secrets.names(calvados.node)]
    words = [each for each in known if len(each) < 200] + ["exemple@", "uid=exemple"]
    shown = calvados.on(SHOWN, python=True)
    shown += calvados.on("cat /var/lib/maillage/status/* /srv/maillage/status/*.json")
    shown += json.dumps(disturbed.told())
    assert len(shown) > 50_000
    assert [word for word in words if word in shown] == []


@pytest.mark.usefixtures("territories")
def test_nothing_of_it_answers_the_outside():
    """From another host: none of its ports, over IPv4, IPv6 and the public side of the mesh."""
    ports = "9090 9093 9094 9100 9115 9080"
    script = f"""
import socket
for address in ("10.99.0.11", "fd4d:6169:6c6c::11"):
    for port in ({", ".join(ports.split())}):
        try:
            socket.create_connection((address, port), 2).close()
            print(address, port)
        except OSError:
            pass
"""
    done = Lab().connection("internet").run(f"python3 -c {shlex.quote(script)}")
    assert done.stdout == ""


def test_a_peer_hears_what_is_meant_for_it_and_no_more(territories):
    """Over the mesh, whatever it asks for."""
    calvados, manche, _ = territories
    address = calvados.on("ip -6 -o address show dev mesh0 scope global").split()[3].partition("/")[0]
    script = f"""
import http.client
more = "/views?match[]=%7B__name__%3D~%22.%2B%22%7D"
for path in ("/views", more, "/told.json", "/history.json", "/", "/heard/orne.json"):
    connection = http.client.HTTPConnection({address!r}, 9080, timeout=10)
    connection.request("GET", path)
    answer = connection.getresponse()
    text = answer.read().decode()
    names = {{line.split("{{")[0].split(" ")[0] for line in text.splitlines() if line and line[0] not in "#<{{"}}
    print(answer.status, *sorted(names))
"""
    seen = "200 maillage_services_down maillage_untold probe_success"
    assert manche.on(script, python=True).splitlines() == [seen, seen, "200", "404", "404", "404"]
