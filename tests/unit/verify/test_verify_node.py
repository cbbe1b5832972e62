"""The whole verification of a sample node that is right, and of one that is not there."""

import socket
import time
from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from loopback import free_port, has_ipv6
from sample_node import CLOUD, DOMAIN, USERS

from orchestrator.verify import Limits, verify

pytestmark = pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
FAMILIES = ["IPv4", *(["IPv6"] if has_ipv6() else [])]


def test_a_right_node_passes_everything_it_can(node):
    checks = node.checks()
    # The sample's own web server does not speak HTTP/2, and that is said; nothing else is wrong.
    failed = {name for name, check in checks.items() if check.failed}
    assert failed == {f"HTTP/2 {name} ({family})" for name in (DOMAIN, CLOUD) for family in FAMILIES}
    assert not [check for check in checks.values() if check.skipped]
    for family in FAMILIES:
        assert checks[f"TLS {CLOUD} ({family})"].seen.startswith("TLSv1.3, 79 days left, chain verified")
        assert "event written, read, changed, listed, deleted" in checks[f"CalDAV round trip ({family})"].seen
        assert "contact written, read, changed, listed, deleted" in checks[f"CardDAV round trip ({family})"].seen
    assert checks["wrong password refused"].seen == "401"
    assert checks["another account closed"].seen == "403 for /exemple/"
    assert node.collections() == set()


def test_checks_come_in_the_same_order_each_time(node):
    assert list(node.checks()) == list(node.checks())


def test_no_password_in_anything_that_is_said(node):
    said = "".join(map(str, node.checks().values())) + repr(node.target)
    assert USERS["verify"] not in said
    assert "mot de passe" not in said


def test_names_are_resolved_by_the_targets_nameservers_only(node):
    """The sample's names exist nowhere else: this machine's resolver cannot have helped."""
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo(CLOUD, 443)
    assert node.checks()["CalDAV round trip (IPv4)"].ok


def test_a_node_that_is_down_fails_every_check_quickly(node):
    port = free_port()
    started = time.monotonic()
    checks = node.checks(https_port=port, http_port=port, open_ports=(port,))
    assert time.monotonic() - started < 10
    wrong = [name for name, check in checks.items() if check.ok]
    assert all(name.startswith(("DNS", "IPv", "closed ports")) for name in wrong), wrong
    assert checks[f"TLS {CLOUD} (IPv4)"].seen == "connection refused"
    assert checks["CalDAV discovery and login (IPv4)"].seen == "connection refused"
    assert checks["CalDAV round trip (IPv4)"].seen == "not tried: CalDAV was not discovered over IPv4"


def test_a_node_without_contacts_and_calendars_is_not_asked_for_them(node):
    checks = node.checks(cloud=None)
    assert not [name for name in checks if "DAV" in name or "password" in name]
    assert checks[f"page {DOMAIN} (IPv4)"].ok


def test_a_family_that_the_node_does_not_have_is_not_looked_at(node):
    checks = node.checks(addresses=(IPv4Address("127.0.0.1"),))
    assert not [name for name in checks if "IPv6" in name]


def test_the_whole_is_bounded_when_the_node_accepts_and_says_nothing(node):
    with socket.create_server(("127.0.0.1", 0)) as secured, socket.create_server(("127.0.0.1", 0)) as plain:
        target = replace(node.target, https_port=secured.getsockname()[1], http_port=plain.getsockname()[1])
        started = time.monotonic()
        checks = list(verify(target, Limits(operation=1, step=3, total=2)))
        assert time.monotonic() - started < 4
    assert any(check.seen == "not finished after 2 s" for check in checks)
    assert any(check.seen == "no answer in time" for check in checks)
    assert any(check.ok and check.name.startswith("DNS") for check in checks)
