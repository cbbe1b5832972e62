"""The lab's network in a network namespace of its own, where no other lab is."""

import subprocess
import sys

import pytest

from lab.second import ELSEWHERE

pytestmark = pytest.mark.lab

CYCLE = """
import subprocess
from orchestrator.providers.lab import network as net
def show():
    links = subprocess.run(["ip", "-brief", "link"], capture_output=True, text=True, check=True).stdout
    rules = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=True).stdout
    kept = net._earlier(forwarding).exists()
    print([line.split()[0] for line in links.splitlines()], rules.split(), forwarding.read_text().strip(), kept)
forwarding = next(iter(net.SETTINGS))
forwarding.write_text(sys.argv[2])
other = Network()
show()
net.up(network, lab.place.directory); show()
net.up(other, Path("/other")); show()
net.down(network); show()
net.down(other); show()
"""
PRIVATE = (
    "unshare",
    "--net",
    "--mount",
    "sh",
    "-c",
    'mount -t sysfs none /sys; mount -t tmpfs none /run; exec "$@"',
    "sh",
)


@pytest.mark.parametrize("earlier", ["0", "1"])
def test_down_restores_what_was_before(tmp_path, earlier):
    command = [*PRIVATE, sys.executable, "-c", ELSEWHERE + CYCLE, tmp_path, earlier]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    table, kept = ["table", "ip"], earlier == "0"
    assert printed == [
        f"['lo'] [] {earlier} False",
        f"['lo', 'maillage1'] {[*table, 'maillage_lab_maillage1']} 1 {kept}",
        f"['lo', 'maillage1', 'maillage0'] {[*table, 'maillage_lab_maillage1', *table, 'maillage_lab']} 1 {kept}",
        f"['lo', 'maillage0'] {[*table, 'maillage_lab']} 1 {kept}",
        f"['lo'] [] {earlier} False",
    ]
