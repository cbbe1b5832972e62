"""Three territories reach each other over the mesh, nobody else does, and a card changes one peer alone."""

import os
import re

import pytest
from disturbed import deployed

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(os.geteuid() != 0, reason="a lab host needs root"),
]
MEMBERS = "\nmesh: {name: normandie, keeps: 100 GB}\n"
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


@pytest.fixture(scope="module")
def territories(tmp_path_factory):
    with deployed(tmp_path_factory.mktemp("mesh"), "calvados", "manche", "orne", more=MEMBERS) as each:
        yield each


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


def test_a_second_deployment_changes_nothing(territories):
    one, *_ = territories
    assert "nothing to change" in one.run("deploy", *(each.name for each in territories), "--no-verify")


def test_a_peer_that_leaves_is_the_only_one_that_changes(territories):
    one, other, leaving = territories
    before = sessions(one)
    assert len(before) == 2
    leaving.edit("territory.yml", ("\nmesh: ", "\n# mesh: "))
    report = one.deploy()
    changes = [(change["kind"], change["name"], change["action"]) for change in report["changes"]]
    assert changes == [("file", "/etc/wireguard/mesh0.conf", "change"), ("service", "wg-quick@mesh0.service", "reload")]
    after = sessions(one)
    assert len(after) == 1
    [(key, received)] = after.items()
    assert received >= before[key] > 0  # the tunnel to the other one was not made anew
    assert answers(one, address(other)) == "answered"
    assert not re.search(r"# orne", one.on("cat /etc/wireguard/mesh0.conf"))


def test_it_is_there_after_the_host_was_started_again(territories):
    one, other, _ = territories
    one.lab.reboot(one.host)
    one.on("systemctl is-system-running --wait")
    assert answers(one, address(other)) == "answered"
