"""What a card says, what is refused, and that nothing in one can do harm: it comes from somebody else."""

from __future__ import annotations

import base64
import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from orchestrator import card, cards, mesh_keys
from orchestrator.card import Card
from orchestrator.errors import CardRefused

TODAY = date(2026, 11, 28)
KEYS = {name: mesh_keys.signing() for name in ("calvados", "manche", "orne", "another")}
WIREGUARD = {name: mesh_keys.public_wireguard(mesh_keys.wireguard()) for name in KEYS}


PROBE = {"kind": "https", "host": "@", "path": "/", "status": 200, "fr": "Site", "en": "Website"}


def made(name: str = "calvados", key: str = "", **changed: Any) -> Card:
    """A territory's card, with other values in places."""
    signing = KEYS[key or name]
    wireguard = {
        "key": WIREGUARD[name],
        "address": str(card.address(changed.get("mesh", "normandie"), name)),
        "ipv4": f"192.0.2.{len(name)}",
        "port": 51820,
    } | changed.pop("wireguard", {})
    content = {
        "format": 1,
        "mesh": "normandie",
        "territory": name,
        "domain": f"{name}.example",
        "partner": "Partenaire d'exemple",
        "contact": "contact@exterieur.example",
        "locale": "fr_FR",
        "serial": 3,
        "issued": "2026-11-01",
        "expires": "2027-11-01",
        "leaves": False,
        "key": mesh_keys.public_signing(signing),
        "wireguard": wireguard,
        "offers": {"backup": 10**11},
        "probes": {"page": PROBE | {"status": 401}},
    }
    return card.signed(card.Content.model_validate(content | changed), mesh_keys.opened_signing(signing))


def test_what_is_written_is_read() -> None:
    assert card.parse(card.text(made()), "a file") == made()


def test_the_signature_is_over_the_canonical_form() -> None:
    """As RFC 8785 has it: whoever writes the same with other spaces, or in another order, has signed the same."""
    content = json.loads(card.text(made()))
    backwards = dict(reversed(content.items()))
    assert card.parse(json.dumps(backwards, separators=(" , ", " :  ")), "a file") == made()
    body = {name: value for name, value in content.items() if name != "signature"}
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    public = mesh_keys.opened_signing(KEYS["calvados"]).public_key()
    public.verify(base64.b64decode(content["signature"]), b"maillage card 1\n" + canonical)


def test_a_card_from_before_a_field_was_added_is_read_and_kept_as_it_was() -> None:
    signing = KEYS["calvados"]
    body = made().model_dump(mode="json", exclude={"locale", "probes", "signature"}, exclude_none=True)
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    signature = mesh_keys.opened_signing(signing).sign(card.CONTEXT + canonical)
    older = body | {"signature": base64.b64encode(signature).decode()}
    found = card.parse(json.dumps(older), "a file")
    assert (found.locale, found.probes) == ("fr_FR", {})
    assert json.loads(card.text(found)) == older
    assert card.parse(card.text(found), "a file") == found


@pytest.mark.parametrize("name", [name for name in json.loads(card.text(made())) if name != "format"])
def test_whatever_is_changed_breaks_the_signature(name: str) -> None:
    other = json.loads(card.text(made("manche", serial=4, leaves=True, mesh="bretagne", partner="Un autre",
                                      contact="autre@exterieur.example", issued="2026-11-02", expires="2027-11-02",
                                      offers={"backup": 1}, locale="en_GB", probes={"page": PROBE})))  # fmt: skip
    content = json.loads(card.text(made()))
    assert content[name] != other[name]
    with pytest.raises(CardRefused, match="signature"):
        card.parse(json.dumps(content | {name: other[name]}), "a file")


@pytest.mark.parametrize(
    "changed",
    [
        {"kind": "http"},
        {"host": "mail.example"},
        {"host": ""},
        {"host": "-"},
        {"path": "status"},
        {"path": "/?a=b"},
        {"path": "/" + 100 * "a"},
        {"status": 99},
        {"status": "200"},
        {"port": 8080},
        {"fr": "a{b}"},
        {"fr": ""},
    ],
    ids=str,
)
def test_what_a_card_asks_its_peers_to_look_at_is_bounded(changed: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        made(probes={"page": PROBE | changed})


@pytest.mark.parametrize("names", [["Page"], ["a b"], [str(number) for number in range(13)]], ids=str)
def test_so_are_their_names_and_how_many_they_are(names: list[str]) -> None:
    with pytest.raises(ValidationError):
        made(probes=dict.fromkeys(names, PROBE))


MALFORMED = {
    "nothing": ("", "is not a card (line 1)"),
    "a list": ("[]", "must be a mapping"),
    "a number": ("1", "must be a mapping"),
    "a name twice": ('{"mesh": "a", "mesh": "b"}', "a name stands in it twice"),
    "a fraction": ('{"serial": 1.0}', "a number in it is not whole"),
    "no number": ('{"serial": NaN}', "a number in it is not whole"),
    "deep": ("[" * 100_000, "is not a card"),
    "an escape": ('{"partner": "\\u001b[31m"}', "a control or invisible character"),
    "a reversed text": ('{"partner": "\\u202e"}', "a control or invisible character"),
    "half a character": ('{"partner": "\\ud800"}', "a control or invisible character"),
    "a huge number": ('{"serial": ' + "9" * 5000 + "}", "is not a card"),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_what_is_no_card_is_refused_in_a_sentence(what: str) -> None:
    text, sentence = MALFORMED[what]
    with pytest.raises(CardRefused) as refused:
        card.parse(text, "a file")
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


FIELDS = {
    "format": (2, "must be 1"),
    "territory": ("../calvados", "must be lowercase letters"),
    "domain": ("calvados", "must be a domain name"),
    "partner": ("{{ lookup('pipe', 'id') }}", "without braces"),
    "contact": ("a b@example", "must be a mail address"),
    "serial": (-1, "must be a whole number"),
    "expires": ("2027-02-30", "must be a day"),
    "leaves": ("yes", "must be true or false"),
    "key": ("AAAA", "must be a key"),
    "wireguard": ({}, "is missing"),
    "more": (1, "is not known here"),
}


@pytest.mark.parametrize("name", FIELDS)
def test_a_field_that_is_not_as_it_should_be_is_named(name: str) -> None:
    value, sentence = FIELDS[name]
    with pytest.raises(CardRefused, match=rf"a file: {name}.*{sentence}"):
        card.parse(json.dumps(json.loads(card.text(made())) | {name: value}), "a file")


@given(st.integers(0, len(card.text(made())) - 1), st.characters(exclude_categories=["Cs"]))
def test_no_other_character_makes_another_card(place: int, character: str) -> None:
    text = card.text(made())
    changed = text[:place] + character + text[place + 1 :]
    try:
        found = card.parse(changed, "a file")
    except CardRefused:
        return
    assert found == made()  # a space elsewhere


LEAVES = st.none() | st.booleans() | st.integers() | st.text()
NAMES = st.sampled_from([*Card.model_fields, "x"])


@given(st.recursive(LEAVES, lambda each: st.lists(each) | st.dictionaries(NAMES, each), max_leaves=20))
def test_any_json_is_refused_or_read(value: Any) -> None:
    with pytest.raises(CardRefused):
        card.parse(json.dumps(value), "a file")


def test_an_address_of_another_is_refused_though_signed() -> None:
    taken = made(wireguard={"address": str(card.address("normandie", "manche"))})
    with pytest.raises(CardRefused, match=r"wireguard\.address is not the one that calvados's name leads to"):
        card.parse(card.text(taken), "a file")


KNOWN = [made(), made("orne")]
REFUSED = {
    "another mesh": (made("manche", mesh="bretagne"), "is for the mesh bretagne; yours is normandie"),
    "expired": (made("manche", expires="2026-11-27"), "has expired on 2026-11-27"),
    "from the future": (made("manche", issued="2026-12-01"), "is from the future"),
    "another key": (made(key="another", serial=9), "is signed with another key than the one you hold"),
    "older": (made(serial=2), "is older (2) than the one you hold (3)"),
    "two of one serial": (made(offers={"backup": 1}), "two different cards 3 of calvados"),
    "domain": (made("manche", domain="orne.example"), "claims the domain of orne"),
    "signing key": (made("manche", key="orne"), "claims the signing key of orne"),
    "WireGuard key": (made("manche", wireguard={"key": WIREGUARD["orne"]}), "claims the WireGuard key of orne"),
    "endpoint": (made("manche", wireguard={"ipv4": "192.0.2.4"}), "claims the endpoint of orne"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_card_that_must_not_be_taken_in(what: str) -> None:
    found, sentence = REFUSED[what]
    assert sentence in str(cards.refusal(found, KNOWN, {"normandie"}, TODAY))


@pytest.mark.parametrize(
    "found",
    [made("manche"), made(), made(serial=4, offers={"backup": 1}), made(serial=5, leaves=True),
     made(serial=4, wireguard={"key": WIREGUARD["another"]})],
    ids=["new", "the same", "newer", "leaving", "another WireGuard key"],
)  # fmt: skip
def test_a_card_that_may(found: Card) -> None:
    assert cards.refusal(found, KNOWN, {"normandie"}, TODAY) is None


def test_a_fingerprint_is_thirty_digits_of_the_key() -> None:
    assert made(serial=9).fingerprint == made().fingerprint != made("orne").fingerprint
    assert [len(part) for part in made().fingerprint.split()] == [5] * 6


def test_addresses_are_of_the_mesh_and_of_the_territory() -> None:
    addresses = {card.address(mesh, name) for mesh in ("normandie", "bretagne") for name in KEYS}
    assert len(addresses) == 2 * len(KEYS)
    assert all(address.is_private and address.packed[0] == 0xFD for address in addresses)
    assert len({address.packed[:8] for address in addresses}) == 2
