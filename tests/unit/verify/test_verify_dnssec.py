"""Signatures are checked here where the lab's trust anchor is given: the resolver does not validate for us."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from sample_node import CLOUD, DOMAIN

from orchestrator.verify import dns as group

CHECK = f"DNS {CLOUD} A"


def new_key():
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def signed(node):
    """The sample's zone signed below `test`, whose DS record is the trust anchor; the resolver validates nothing."""
    server = node.nameserver
    server.validated = False
    node.anchor = "test. IN DS " + server.add_signed_zone("test", new_key())
    server.add_signed_zone(DOMAIN, new_key())

    def look():
        return node.look(group.steps, trust_anchors=(node.anchor,))

    node.look_signed = look
    return node


def test_a_whole_chain_is_followed(signed):
    checks = signed.look_signed()
    assert all(check.ok for check in checks.values()), checks
    assert checks[CHECK].seen == "127.0.0.1, validated"
    assert checks[f"DNSSEC {DOMAIN}"].seen == "signed, and validated from the trust anchor"


def test_a_resolver_that_says_it_validated_is_not_believed(signed):
    signed.nameserver.validated = True
    del signed.nameserver.keys[DOMAIN], signed.nameserver.keys["test"]
    check = signed.look_signed()[CHECK]
    assert check.failed
    assert check.seen == f"{CLOUD}. A is not signed"


def test_a_signature_that_has_expired(signed):
    signed.nameserver.signed_for = -60
    check = signed.look_signed()[CHECK]
    assert check.failed
    assert check.seen.startswith("the signature of ")
    assert "expired" in check.seen


def test_an_answer_signed_with_another_key(signed):
    signed.nameserver.keys[DOMAIN] = new_key()
    check = signed.look_signed()[CHECK]
    assert check.failed
    assert check.seen.startswith(f"the signature of {DOMAIN}. DNSKEY is wrong")


def test_a_key_that_the_zone_above_does_not_vouch_for(signed):
    above = signed.nameserver.records[DOMAIN, "DS"]
    signed.nameserver.add_signed_zone(DOMAIN, new_key())
    signed.nameserver.records[DOMAIN, "DS"] = above
    check = signed.look_signed()[CHECK]
    assert check.failed
    assert check.seen == f"no key of {DOMAIN}. is one that the zone above vouches for"


def test_another_trust_anchor(signed):
    genuine = signed.anchor
    signed.anchor = "test. IN DS " + signed.nameserver.add_signed_zone("autre", new_key())
    assert signed.anchor != genuine
    assert signed.look_signed()[CHECK].seen == "no key of test. is one that the zone above vouches for"


def test_no_anchor_above(signed):
    signed.anchor = signed.anchor.replace("test.", "ailleurs.")
    assert signed.look_signed()[CHECK].seen == f"no trust anchor covers {DOMAIN}."


def test_a_zone_has_no_say_in_another(signed):
    """A neighbour's zone, as well vouched for as ours, signs an address for our name."""
    server = signed.nameserver
    server.add_signed_zone("voisin.test", new_key())
    own = server.zone_of
    server.zone_of = lambda records: "voisin.test" if records.name.to_text() == f"{CLOUD}." else own(records)
    check = signed.look_signed()[CHECK]
    assert check.failed
    assert check.seen == f"{CLOUD}. A is signed by voisin.test., which has no say in it"


def test_a_zone_does_not_vouch_for_itself(signed):
    server = signed.nameserver
    own = server.zone_of
    server.zone_of = lambda records: DOMAIN if records.name.to_text() == f"{DOMAIN}." else own(records)
    check = signed.look_signed()[CHECK]
    assert check.failed
    assert check.seen == f"{DOMAIN}. DS is signed by {DOMAIN}., which has no say in it"


def test_a_zone_without_delegation(signed):
    del signed.nameserver.records[DOMAIN, "DS"]
    checks = signed.look_signed()
    assert all(check.failed for check in checks.values())
    assert checks[CHECK].seen == f"{DOMAIN} has no DS record"
