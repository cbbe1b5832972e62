"""The network between here and a host is cut at a random moment: the run ends within bounds and names the host, the
other territory of the same run is finished, and when the network is back the next run converges."""

import random
import subprocess
import time
from contextlib import contextmanager

import pytest
from disturbed import Territory, wait_out

SECONDS = 200  # until a run gives a silent host up; the longest is a guarded change that waits to be confirmed
LOCKED, VANISHED = 8, 90  # exit code; seconds until a host believes that whoever held its lock has vanished
RULES = """
table bridge maillage_test {{
    chain forward {{ type filter hook forward priority 0; {rules} }}
    chain input {{ type filter hook input priority 0; {rules} }}
    chain output {{ type filter hook output priority 0; {rules} }}
}}
"""


def nft(text):
    subprocess.run(["nft", "-f", "-"], input=text, text=True, check=True)


@contextmanager
def cut(territory):
    """No packet to or from the territory's host, as when a cable is pulled: nothing is refused, all is silent."""
    address = territory.node.territory.host.address
    both = [f"ip {way} {address.ipv4} drop; ip6 {way} {address.ipv6} drop;" for way in ("saddr", "daddr")]
    nft(RULES.format(rules=" ".join(both)))
    try:
        yield
    finally:
        nft("delete table bridge maillage_test")


@pytest.fixture(scope="module")
def manche(mesh, orne):
    """A second territory, which nothing happens to."""
    territory = Territory(mesh, "manche")
    territory.edit("territory.yml", ("engine: nextcloud ", "engine: radicale "))
    territory.lab.destroy(territory.host)
    begun = time.monotonic()
    orne.run("deploy", orne.name, territory.name, "--no-verify")
    territory.seconds = time.monotonic() - begun
    yield territory
    territory.lab.destroy(territory.host)


def test_a_cut(orne, manche, note, seed, moment):
    at = random.Random(f"cut {seed} {moment}").uniform(0.3, 5)
    for territory in (orne, manche):
        territory.on("echo '# drift' | tee -a /etc/nginx/nginx.conf /etc/unbound/unbound.conf.d/*.conf > /dev/null")
    begun = time.monotonic()
    with orne.start("deploy", orne.name, manche.name, "--no-verify", "--json") as process:
        time.sleep(at)
        with cut(orne):
            output, words = process.communicate(timeout=SECONDS + manche.seconds)
    seconds = time.monotonic() - begun
    assert process.returncode == 6, output + words
    assert "Traceback" not in words
    assert orne.host in output + words or orne.node.territory.domain in output + words
    assert seconds < SECONDS
    assert manche.run("plan", manche.name, "--json")["changes"] == []
    again = time.monotonic()
    while (code := wait_out(orne.start("deploy", orne.name, manche.name, "--no-verify"))) == LOCKED:
        assert time.monotonic() - again < VANISHED, "the lock of a run that has long ended is still held"
        time.sleep(2)
    assert code == 0
    note("network cut", seed=seed, seconds=time.monotonic() - again)
    assert orne.run("plan", orne.name, manche.name, "--json")["changes"] == []
    assert orne.left() == manche.left() == []
    print(f"at {at:.1f} s: {seconds:.0f} s, exit {process.returncode}")
