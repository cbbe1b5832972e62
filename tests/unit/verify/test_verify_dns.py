import time

import dns.rcode
from sample_node import CLOUD, DOMAIN

from orchestrator.verify import dns as group


def test_every_expected_record_is_asked(node):
    checks = node.look(group.steps)
    assert all(check.ok for check in checks.values()), checks
    assert checks[f"DNS _caldavs._tcp.{DOMAIN} SRV"].seen == f"0 1 443 {CLOUD}., validated"
    assert checks[f"DNS {DOMAIN} CAA"].seen == '0 issue "autorite.test", validated'
    assert checks[f"DNSSEC {DOMAIN}"].seen == "signed, and validated by the resolver"


def test_wrong_address(node):
    node.nameserver.records[CLOUD, "A"] = ["192.0.2.1"]
    check = node.look(group.steps)[f"DNS {CLOUD} A"]
    assert check.failed
    assert check.seen == "192.0.2.1 instead of 127.0.0.1"


def test_an_address_too_many_leads_some_subscribers_astray(node):
    node.nameserver.records[CLOUD, "A"] = ["127.0.0.1", "192.0.2.1"]
    check = node.look(group.steps)[f"DNS {CLOUD} A"]
    assert check.failed
    assert check.seen == "127.0.0.1, 192.0.2.1 instead of 127.0.0.1"


def test_a_text_record_beside_ours_is_the_partners_own(node):
    records = ((DOMAIN, "TXT", '"v=spf1 -all"'),)
    node.nameserver.records[DOMAIN, "TXT"] = ['"autre=1"', '"v=spf1 -all"']
    assert node.look(group.steps, records=records)[f"DNS {DOMAIN} TXT"].ok
    node.nameserver.records[DOMAIN, "TXT"] = ['"autre=1"']
    assert node.look(group.steps, records=records)[f"DNS {DOMAIN} TXT"].failed


def test_names_in_data_are_compared_as_dns_does(node):
    node.nameserver.records[f"_caldavs._tcp.{DOMAIN}", "SRV"] = [f"0 1 443 {CLOUD.upper()}."]
    assert node.look(group.steps)[f"DNS _caldavs._tcp.{DOMAIN} SRV"].ok


def test_missing_record_and_missing_name(node):
    del node.nameserver.records[DOMAIN, "CAA"]
    del node.nameserver.records[f"_caldavs._tcp.{DOMAIN}", "SRV"]
    checks = node.look(group.steps)
    assert checks[f"DNS {DOMAIN} CAA"].seen == f"{DOMAIN} has no CAA record"
    assert checks[f"DNS _caldavs._tcp.{DOMAIN} SRV"].seen.endswith("does not exist (NXDOMAIN)")
    assert checks[f"DNS {DOMAIN} CAA"].failed
    assert checks[f"DNS {DOMAIN} A"].ok


def test_not_validated_fails_where_the_zone_must_be_signed(node):
    node.nameserver.validated = False
    checks = node.look(group.steps)
    assert checks[f"DNS {DOMAIN} A"].seen == "127.0.0.1, but not validated (no AD flag)"
    assert all(check.failed for check in checks.values())


def test_an_unsigned_zone_fails_where_it_must_be_signed(node):
    del node.nameserver.records[DOMAIN, "DS"]
    check = node.look(group.steps)[f"DNSSEC {DOMAIN}"]
    assert check.failed
    assert check.seen == f"{DOMAIN} has no DS record"


def test_an_unsigned_zone_is_said_elsewhere(node):
    del node.nameserver.records[DOMAIN, "DS"]
    node.nameserver.validated = False
    checks = node.look(group.steps, signed=False)
    assert checks[f"DNSSEC {DOMAIN}"].skipped == f"the zone is not signed ({DOMAIN} has no DS record)"
    assert checks[f"DNS {DOMAIN} A"].seen == "127.0.0.1"
    assert checks[f"DNS {DOMAIN} A"].ok


def test_a_resolver_that_does_not_validate_proves_nothing(node):
    node.nameserver.validated = False
    check = node.look(group.steps, signed=False)[f"DNSSEC {DOMAIN}"]
    assert not check.ok
    assert "does not say whether it validates" in str(check.skipped)


def test_a_resolver_that_finds_the_signature_wrong_answers_servfail(node):
    node.nameserver.rcode = dns.rcode.SERVFAIL
    for signed in (True, False):
        checks = node.look(group.steps, signed=signed)
        assert all(check.failed for check in checks.values())
        assert checks[f"DNSSEC {DOMAIN}"].seen == f"{node.nameserver.address} answered SERVFAIL"


def test_a_silent_nameserver_is_given_up(node):
    node.nameserver.silent = True
    started = time.monotonic()
    checks = node.look(group.steps, timeout=0.5, records=node.target.records[:2])
    assert time.monotonic() - started < 4
    assert {check.seen for check in checks.values()} == {f"no answer from {node.nameserver.address} in 0.5 s"}
