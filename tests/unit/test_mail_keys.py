import base64
import json
import re
from datetime import date, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_private_key

from orchestrator import mail_keys
from orchestrator.errors import UsageError

TODAY = date(2026, 3, 1)


def selectors(ring: str) -> set[str]:
    return set(mail_keys.published(ring, mail_keys.tls_ring()).dkim)


def numbers(ring: str) -> tuple[int, int, list[int]]:
    content = json.loads(ring)
    return content["current"]["number"], content["next"]["number"], [key["number"] for key in content["previous"]]


def test_the_zone_names_the_next_keys_before_they_sign() -> None:
    ring = mail_keys.dkim_ring()
    assert numbers(ring) == (1, 2, [])
    assert selectors(ring) == {"rsa1", "ed1", "rsa2", "ed2"}


def test_renewing_signs_with_what_the_zone_had_already() -> None:
    first = mail_keys.dkim_ring()
    second = mail_keys.dkim_renewed(first, TODAY)
    assert numbers(second) == (2, 3, [1])
    assert json.loads(second)["current"] == json.loads(first)["next"]
    assert selectors(second) >= selectors(first)


def test_a_key_that_nobody_can_know_yet_does_not_come_into_use() -> None:
    ring = mail_keys.dkim_renewed(mail_keys.dkim_ring(), TODAY)
    with pytest.raises(UsageError, match="renewed today already: publish what `dns` shows"):
        mail_keys.dkim_renewed(ring, TODAY)
    assert numbers(mail_keys.dkim_renewed(ring, TODAY + timedelta(days=1))) == (3, 4, [1, 2])


def test_an_old_key_stays_until_nothing_signed_with_it_is_on_its_way() -> None:
    ring = mail_keys.dkim_renewed(mail_keys.dkim_ring(), TODAY)
    soon = mail_keys.dkim_renewed(ring, TODAY + mail_keys.SAFE_AFTER - timedelta(days=1))
    later = mail_keys.dkim_renewed(ring, TODAY + mail_keys.SAFE_AFTER)
    assert numbers(soon) == (3, 4, [1, 2])
    assert numbers(later) == (3, 4, [2])


def test_a_record_is_the_public_half_of_what_signs() -> None:
    ring = mail_keys.dkim_ring()
    record = "".join(re.findall(r'"([^"]*)"', mail_keys.published(ring, mail_keys.tls_ring()).dkim["rsa1"]))
    public = load_der_public_key(base64.b64decode(record.partition("p=")[2]))
    private = load_pem_private_key(json.loads(ring)["current"]["rsa"].encode(), None)
    public.verify(private.sign(b"mail", padding.PKCS1v15(), SHA256()), b"mail", padding.PKCS1v15(), SHA256())  # type: ignore[union-attr, call-arg]
    assert private.key_size == 2048  # type: ignore[union-attr]


def test_no_string_of_a_record_is_too_long() -> None:
    for record in mail_keys.published(mail_keys.dkim_ring(), mail_keys.tls_ring()).dkim.values():
        assert all(len(part) <= 255 for part in re.findall(r'"([^"]*)"', record))


def test_the_zone_names_both_keys_of_the_certificate() -> None:
    first = mail_keys.tls_ring()
    second = mail_keys.tls_renewed(first, TODAY)
    before, after = (mail_keys.published(mail_keys.dkim_ring(), ring).tlsa for ring in (first, second))
    assert len(before) == 2
    assert set(before) < set(after)
    assert all(re.fullmatch(r"3 1 1 [0-9a-f]{64}", record) for record in after)


def test_the_record_holds_nothing_private() -> None:
    dkim, tls = mail_keys.dkim_ring(), mail_keys.tls_ring()
    said = str(mail_keys.published(dkim, tls))
    assert "PRIVATE" not in said
    assert json.loads(dkim)["current"]["ed25519"] not in said
