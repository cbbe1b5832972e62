"""The mail's figures of README, measured here: the third part of `make bench`."""

import time
from collections import Counter
from pathlib import Path

import bench
import bench_nextcloud
from borrowed import borrowed

from orchestrator import engines, secrets
from orchestrator.ssh import PYTHON

TERRITORY, HOST = bench_nextcloud.TERRITORY, bench_nextcloud.HOST
OUTSIDE = "internet"  # has an address that mail of its own domain may come from, and no other load meanwhile
MAILS, SENDER = 200, "partage@exterieur.test"
UNITS = ("postfix", "dovecot", "rspamd", "redis-server@rspamd", "postfix-mta-sts-resolver")
# Stock Debian: packages as they come, one system user.
INSTALL = "useradd -m banc && echo banc:banc | chpasswd"
EMPTY = {
    HOST: "doveadm expunge -u exemple@{domain} mailbox INBOX all",
    bench.BARE.name: "rm -f /var/mail/banc && rm -rf ~banc/mail",
}
QUEUED = """\
while [ -n "$(find /var/spool/postfix/incoming /var/spool/postfix/active /var/spool/postfix/deferred -type f)" ]; do
    sleep 0.02
done
"""
# Runs on the lab's internet host. Prints the seconds until all are accepted.
SEND = """\
import smtplib, threading, time
def some(number):
    with smtplib.SMTP({server!r}, 25, timeout=120) as connection:
        for each in range(number, {mails}, 4):
            connection.sendmail({sender!r}, [{recipient!r}], text.replace("NUMBER", str(each)))
text = "From: <{sender}>\\r\\nTo: <{recipient}>\\r\\nSubject: Essai NUMBER\\r\\n"
text += "Message-ID: <{run}.NUMBER@exterieur.test>\\r\\nDate: {date}\\r\\n\\r\\n"
text += "Un message comme un autre, de quelques lignes.\\r\\n" * 40
threads = [threading.Thread(target=some, args=(number,)) for number in range(4)]
begun = time.perf_counter()
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(time.perf_counter() - begun)
"""
# Prints how many mails there are, and the seconds that it takes to read them one by one.
FETCH = """\
import imaplib, ssl, time
open_ = ssl.create_default_context()
open_.check_hostname, open_.verify_mode = False, ssl.CERT_NONE
with imaplib.IMAP4_SSL({server!r}, 993, ssl_context=open_, timeout=120) as connection:
    connection.login({user!r}, {password!r})
    count = int(connection.select("INBOX")[1][0])
    begun = time.perf_counter()
    for number in range(1, count + 1):
        connection.fetch(str(number), "(BODY.PEEK[])")
    print(count, time.perf_counter() - begun)
"""
MEMORY = """\
for process in /proc/[0-9]*; do
    unit=$(grep -oE '[^/]+\\.service$' $process/cgroup) &&
        awk -v unit="$unit" '/^Pss:/ {print $2, unit}' $process/smaps_rollup
done 2> /dev/null
true
"""


def outside(script, **values):
    """Run a program on the lab's internet host; what it prints."""
    connection = bench.LAB.connection(OUTSIDE)
    done = connection.run(script.format(**values), interpreter=PYTHON, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def run(host, server, mailbox, domain):
    """Seconds until all mails are accepted, until all are delivered, and that reading them takes."""
    recipient, user, password = mailbox
    bench.on(host, EMPTY[host].format(domain=domain))
    text = {"date": time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime()), "run": time.time_ns()}
    begun = time.perf_counter()
    accepted = float(outside(SEND, server=server, recipient=recipient, sender=SENDER, mails=MAILS, **text))
    bench.on(host, QUEUED)
    delivered = time.perf_counter() - begun
    count, fetched = outside(FETCH, server=server, user=user, password=password).split()
    assert int(count) == MAILS, f"{host}: {count} of {MAILS} mails are there"
    return accepted, delivered, float(fetched)


def memory():
    sizes = Counter()
    for line in bench.on(HOST, MEMORY).splitlines():
        size, unit = line.split(" ", 1)
        sizes[unit.removesuffix(".service")] += int(size) / 1000
    parts = {unit: sizes[unit] for unit in UNITS}
    assert all(parts.values()), parts
    each = ", ".join(f"{unit} {size:.0f}" for unit, size in parts.items())
    print(f"idle memory of the mail part as PSS: {sum(parts.values()):.0f} MB (target 300): {each}", flush=True)


def main():
    with bench_nextcloud.mesh("radicale") as folder, borrowed(HOST, bench.BARE.name):
        node = engines.load(Path(folder)).nodes[TERRITORY]
        domain = node.territory.domain

        def deploy():
            bench.maillage("--mesh", folder, "deploy", TERRITORY, "--no-verify")

        bench.maillage("--mesh", folder, "lab", "up", TERRITORY)
        deploy()
        _, script = bench.floor(node, bench.SERVICES + bench.MAIL)
        name = "light node with mail: second deploy / one ssh script with the same checks"
        bench.compare(name, 15, lambda: bench.wall(deploy), lambda: bench.wall(lambda: bench.on(HOST, script)))
        time.sleep(30)
        memory()
        bench.bare_host()
        bench.bare_installation("postfix dovecot-imapd")
        bench.on(bench.BARE.name, INSTALL)
        address = f"exemple@{domain}"
        ours = (address, address, secrets.reveal(node, "subscribers.exemple").get_secret_value())
        sides = (
            (HOST, str(node.territory.host.address.ipv4), ours, domain),
            (bench.BARE.name, bench.BARE.ipv4[0], ("banc@localhost", "banc", "banc"), domain),
        )
        pairs = [[run(*side) for side in sides] for _ in range(bench.PAIRS)]
        for number, what in enumerate(("accepted", "delivered", "fetched by IMAP")):
            rates = [tuple(MAILS / side[number] for side in pair) for pair in pairs]
            bench.show(f"mails {what} / stock Debian Postfix and Dovecot", "none", rates, "a second")


if __name__ == "__main__":
    main()
