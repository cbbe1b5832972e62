import socket
import ssl
import time

import pytest
from sample_authority import Authority
from sample_node import CLOUD, DOMAIN

from orchestrator.verify import tls as group

pytestmark = pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
NAMES = [DOMAIN, CLOUD]
CHECK = f"TLS {CLOUD} (IPv4)"


def test_right(node):
    checks = node.look(group.steps)
    assert checks[CHECK].seen == "TLSv1.3, 79 days left, chain verified"
    assert checks[f"old TLS refused {CLOUD} (IPv4)"].seen == "TLS 1.0 and 1.1 refused"


def test_expired(make_node, authority):
    check = make_node(authority.server(NAMES, days=-1)).look(group.steps)[CHECK]
    assert check.failed
    assert check.seen == "certificate refused: certificate has expired"


def test_wrong_name(make_node, authority):
    checks = make_node(authority.server([DOMAIN])).look(group.steps)
    assert checks[f"TLS {DOMAIN} (IPv4)"].ok
    assert checks[CHECK].failed
    assert f"not valid for '{CLOUD}'" in checks[CHECK].seen


def test_self_signed(make_node, authority):
    check = make_node(authority.server(NAMES, self_signed=True)).look(group.steps)[CHECK]
    assert check.failed
    assert check.seen.startswith("certificate refused: ")


def test_another_authority(make_node, tmp_path):
    check = make_node(Authority(tmp_path, "another authority").server(NAMES)).look(group.steps)[CHECK]
    assert check.failed
    assert "unable to get local issuer certificate" in check.seen


def test_this_machines_authorities_do_not_know_the_samples(node):
    check = node.look(group.steps, authority=None)[CHECK]
    assert check.failed
    assert "certificate refused" in check.seen


def test_about_to_expire(make_node, authority):
    check = make_node(authority.server(NAMES, days=5.5)).look(group.steps)[CHECK]
    assert check.failed
    assert check.seen == "only 5 days left: the certificate is not being renewed"


def test_old_protocol_accepted(make_node, authority):
    context = authority.server(NAMES)
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("ALL:@SECLEVEL=0")
    check = make_node(context).look(group.steps)[f"old TLS refused {CLOUD} (IPv4)"]
    if check.skipped:
        pytest.skip(check.skipped)
    assert check.failed
    assert check.seen == "TLS 1.0 was accepted"


def test_only_tls_1_1_accepted(make_node, authority):
    context = authority.server(NAMES)
    context.minimum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    check = make_node(context).look(group.steps)[f"old TLS refused {CLOUD} (IPv4)"]
    if check.skipped:
        pytest.skip(check.skipped)
    assert check.seen == "TLS 1.1 was accepted"


def test_http2_chosen_or_not(make_node, authority):
    both, old = authority.server(NAMES), authority.server(NAMES)
    both.set_alpn_protocols(["h2", "http/1.1"])
    old.set_alpn_protocols(["http/1.1"])
    assert make_node(both).look(group.steps)[f"HTTP/2 {CLOUD} (IPv4)"].seen == "h2 chosen"
    check = make_node(old).look(group.steps)[f"HTTP/2 {CLOUD} (IPv4)"]
    assert check.failed
    assert check.seen == "the server chose http/1.1 where h2 was offered"


def test_a_handshake_that_never_ends_is_given_up(node):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        checks = node.look(group.steps, timeout=0.4, https_port=silent.getsockname()[1], names=(CLOUD,))
    assert checks[CHECK].seen == "no answer in time"
    assert all(check.failed for name, check in checks.items() if "IPv4" in name), checks


def test_a_server_that_is_silent_is_waited_for_only_once(node):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        started = time.monotonic()
        checks = node.look(group.steps, timeout=1, https_port=port, addresses=node.target.addresses[:1])
    assert time.monotonic() - started < 2
    assert len(checks) == 6
    assert {check.seen for check in checks.values()} == {"no answer in time"}


def test_a_name_that_does_not_resolve(node):
    del node.nameserver.records[CLOUD, "A"]
    checks = node.look(group.steps)
    assert checks[CHECK].seen == f"{CLOUD} has no A record" or "NXDOMAIN" in checks[CHECK].seen
    assert checks[CHECK].failed
    assert checks[f"TLS {DOMAIN} (IPv4)"].ok
