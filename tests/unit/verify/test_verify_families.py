"""An address family that this machine lacks is said, never passed over."""

import json
import subprocess
import sys
from ipaddress import IPv4Address, IPv6Address

import pytest
from sample_node import DOMAIN

pytestmark = pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")

# Run where there is no network but a loopback that is down: every address is really out of reach.
ALONE = """
import json
from orchestrator.verify.network import IPV4, IPV6, no_route
print(json.dumps([no_route(IPV4, "192.0.2.1"), no_route(IPV6, "2001:db8::1"), no_route(IPV4, "127.0.0.1")]))
"""


def test_no_route_is_known_without_sending_anything():
    alone = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--net", sys.executable, "-c", ALONE], capture_output=True, text=True
    )
    if alone.returncode != 0:
        pytest.skip(f"no network namespace can be made here: {alone.stderr.strip()}")
    reasons = json.loads(alone.stdout)
    assert len(reasons) == 3
    assert all(reasons), "the kernel words it in more than one way"


@pytest.fixture
def without_ipv6(monkeypatch):
    """A machine like most behind a French box at work: IPv4 only."""
    from orchestrator.verify import network

    real = network.no_route
    monkeypatch.setattr(
        network,
        "no_route",
        lambda family, address: "Network is unreachable" if family is network.IPV6 else real(family, address),
    )


@pytest.mark.usefixtures("without_ipv6")
def test_a_missing_family_is_said_once_and_is_no_failure(node):
    checks = node.checks(addresses=(IPv4Address("127.0.0.1"), IPv6Address("::1")))
    check = checks.pop("IPv6 from here")
    assert check.skipped == "no route from this machine (Network is unreachable): nothing was verified over it"
    assert not check.ok
    assert not check.failed
    assert not [name for name in checks if "IPv6" in name]
    assert checks[f"page {DOMAIN} (IPv4)"].ok


@pytest.mark.usefixtures("without_ipv6")
def test_nothing_in_reach_is_a_failure(node):
    checks = node.checks(addresses=(IPv6Address("::1"),))
    assert checks["IPv6 from here"].failed
    assert "nothing could be verified" in checks["IPv6 from here"].seen
