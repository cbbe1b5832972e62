"""A node with the real Nextcloud is lost, with its key: everything comes back, from peers and from sheets of paper.

`make proof`, with the archive in MAILLAGE_NEXTCLOUD_ARCHIVE; the light engine's is tests/integration/
test_between_territories.py.
"""

import os
import re
import shlex
import subprocess
import sys
import time

import pytest
import vobject
from disturbed import CALENDAR, deployed, mails
from sheets import share_on

from orchestrator import keys
from orchestrator.commands.verify import target_of
from orchestrator.verify.mailbox import letter, submissions
from orchestrator.verify.network import IPV4

ARCHIVE = os.environ.get("MAILLAGE_NEXTCLOUD_ARCHIVE")
CARD = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{0}\r\nFN:{0}\r\nEND:VCARD\r\n"
FILES = 20

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(os.geteuid() != 0, reason="a lab host needs root"),
    pytest.mark.skipif(not ARCHIVE, reason="needs Nextcloud's own archive in MAILLAGE_NEXTCLOUD_ARCHIVE"),
]


@pytest.fixture(scope="module")
def territories(tmp_path_factory):
    folder, more = tmp_path_factory.mktemp("mesh"), "\nmesh: {name: normandie, keeps: 100 GB}\n"
    names = ("calvados", "manche", "orne")
    with deployed(folder, *names, services="  backup: {}\n", more=more, archive=ARCHIVE) as found:
        yield found


@pytest.fixture(scope="module")
def stored(territories):
    """What a subscriber has at the time of the backup, by address."""
    node = territories[0]
    dav = f"https://{node.network.target.cloud}/remote.php/dav"
    folder, calendar, book = (
        f"{dav}/files/exemple/Été",
        f"{dav}/calendars/exemple/essai",
        f"{dav}/addressbooks/users/exemple",
    )
    with node.client() as client:
        client.request("MKCOL", folder).raise_for_status()
        client.request("MKCALENDAR", calendar).raise_for_status()
        for number in range(FILES):
            client.put(f"{folder}/photo {number}.jpg", content=os.urandom(300_000)).raise_for_status()
            client.put(f"{calendar}/{number}.ics", content=CALENDAR.format(number)).raise_for_status()
            client.put(f"{book}/contacts/{number}.vcf", content=CARD.format(number)).raise_for_status()
        addresses = [f"{folder}/photo {number}.jpg" for number in range(FILES)]
        addresses += [f"{calendar}/{number}.ics" for number in range(FILES)]
        addresses += [f"{book}/contacts/{number}.vcf" for number in range(FILES)]
        return {address: client.get(address).raise_for_status().content for address in addresses}


def lose_a_calendar(node):
    """What is deleted by mistake comes back as files, as it was when it was saved."""
    calendar = f"https://{node.network.target.cloud}/remote.php/dav/calendars/exemple/essai"
    with node.client() as client:
        for number in range(5):
            client.delete(f"{calendar}/{number}.ics").raise_for_status()
        part = node.run("restore", "calvados", "--subscriber", "exemple", "--path", "calendars/essai", "--json")[
            "folder"
        ]
        assert node.on(f"cd {part} && find . -type f").split() == ["./calendars/essai.ics"]
        found = vobject.readOne(node.on(f"cat {part}/calendars/essai.ics"))
        uids = {component.uid.value for component in found.components() if component.name == "VEVENT"}
        assert uids == {str(number) for number in range(FILES)}
        whole = node.run("restore", "calvados", "--subscriber", "exemple", "--json")["folder"]
        assert node.on(f"grep -cE '^FN:[0-9]+' {whole}/contacts/contacts.vcf").strip() == str(FILES)
        assert len(node.on(f"find {whole} -name 'photo *.jpg'").splitlines()) == FILES
        assert node.on("ls -A /srv/maillage/database").split() == ["17"]  # nothing of the copy is left


def test_everything_comes_back(territories, stored, tmp_path):
    node = territories[0]
    account = target_of(node.node).mail.accounts[0]
    with submissions(node.network, account, IPV4) as client:
        client.send_message(letter(account.address, account.address, "à garder"))
    deadline = time.monotonic() + 30
    while not (kept := mails(node.network, account))["INBOX"]:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    node.run("backup", "run", "calvados")
    part = node.run("restore", "calvados", "--subscriber", "exemple", "--path", "Été", "--json")["folder"]
    assert len(node.on(f"find {part} -name 'photo *.jpg'").splitlines()) == FILES
    lose_a_calendar(node)
    said = node.run("backup", "drill", "calvados")
    assert re.search(r"database: nextcloud: \d{2,} tables, \d{3,} rows", said)

    script = f"import sys, time; open(f'{tmp_path}/{{time.time_ns()}}.pdf', 'wb').write(sys.stdin.buffer.read())"
    holders = [word for name in ("une", "deux", "trois") for word in ("--holder", name)]
    printer = shlex.join([sys.executable, "-c", script])
    node.run("recovery", "export", "calvados", "--needed", "2", *holders, "--print", printer)
    keys.file(node.node.territory).unlink()
    node.lab.destroy(node.host)

    sheets = [share_on(path.read_bytes()) for path in sorted(tmp_path.glob("*.pdf"))]
    command = [sys.executable, "-m", "orchestrator", "--mesh", str(node.mesh), "recovery", "restore", "calvados"]
    alone = subprocess.run(command, input=f"{sheets[0]}\n", text=True, capture_output=True, check=False)
    assert (alone.returncode, "Traceback" in alone.stderr) == (3, False)
    subprocess.run(command, input=f"{sheets[2]}\n{sheets[0]}\n", text=True, check=True)

    begun = time.monotonic()
    node.run("restore", "calvados", *node.given)  # the passwords are the same: `client` logs in with them
    print(f"RTO, verification included: {time.monotonic() - begun:.0f} s")
    with node.client() as client:
        assert [address for address, content in stored.items() if client.get(address).content != content] == []
    assert mails(node.network, target_of(node.node).mail.accounts[0]) == kept


def test_one_of_the_two_peers_is_damaged_and_the_other_gone(territories, stored):
    node, manche, orne = territories
    node.run("backup", "run", "calvados")
    packs = manche.on("find /srv/maillage/backups/calvados/g*/data -type f").split()
    manche.on("".join(f"printf xx | dd of={pack} bs=1 seek=99 conv=notrunc status=none\n" for pack in packs))
    node.lab.destroy(node.host)
    node.run("restore", "calvados", "--no-verify", *node.given)
    with node.client() as client:
        assert [address for address, content in stored.items() if client.get(address).content != content] == []

    orne.on("systemctl stop nginx.service")
    said = node.run("backup", "run", "calvados", code=9)
    assert "orne does not answer" in said
    assert "damaged" in said + node.run("status", "calvados")
