"""The lab's network, as text: nothing of this machine is touched."""

import json
import shutil
import subprocess
from ipaddress import IPv4Interface, IPv6Interface

import pytest

from orchestrator import lab_world
from orchestrator.providers.lab import Network, network
from orchestrator.providers.lab_provider import INTERNET

OTHER = Network("maillage1", IPv4Interface("10.98.0.1/24"), IPv6Interface("fd4d:6169:6c6d::1/64"))


def interfaces(name: str, *addresses: str) -> str:
    entries = [{"local": address.split("/")[0], "prefixlen": int(address.split("/")[1])} for address in addresses]
    return json.dumps([{"ifname": "lo", "addr_info": []}, {"ifname": name, "addr_info": entries}])


def test_two_labs_share_no_name():
    assert Network().table != OTHER.table
    assert Network().table not in network.ruleset(OTHER).split()


@pytest.mark.skipif(shutil.which("nft") is None, reason="nftables is not installed")
def test_nft_accepts_the_rules():
    command = ["unshare", "--user", "--map-root-user", "--net", "nft", "--check", "--file", "-"]
    checked = subprocess.run(command, input=network.ruleset(OTHER), capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("address", ["10.99.0.77/32", "10.99.0.1/16", "10.0.0.1/8", "fd4d:6169:6c6c::9/64"])
def test_a_clash_of_addresses_is_named(address):
    assert network.clashes(Network(), interfaces("vpn7", address))[0].startswith("vpn7 (")


@pytest.mark.parametrize("address", ["10.98.0.1/24", "192.168.1.2/24", "fd00::2/64", "fe80::1/64"])
def test_other_addresses_do_not_clash(address):
    assert network.clashes(Network(), interfaces("eth0", address)) == []


def test_the_labs_own_bridge_does_not_clash():
    assert network.clashes(Network(), interfaces("maillage0", "10.99.0.1/24", "fd4d:6169:6c6c::1/64")) == []


def test_resolvers_on_the_loopback_are_of_no_use_to_a_host():
    text = (
        "# comment\nnameserver 127.0.0.53\nnameserver 192.0.2.53\nnameserver ::1\nnameserver fe80::1%eth0\nsearch x\n"
    )
    assert network.reachable_resolvers(text) == ["192.0.2.53"]


def test_names_of_this_machine_itself_are_left_out(tmp_path):
    hosts = tmp_path / "hosts"
    hosts.write_text(
        "127.0.0.1 localhost\n::1 ip6-localhost\nff02::1 all\n# 192.0.2.1 old\n192.0.2.9 mirror.test a # b\nbad x\n"
    )
    assert network.machine_names(hosts) == ["192.0.2.9 mirror.test a"]


def test_the_model_and_the_lab_speak_of_one_network():
    assert (Network().ipv4.network, Network().ipv6.network) == (lab_world.IPV4, lab_world.IPV6)
    assert INTERNET.name == Network().resolver_host
