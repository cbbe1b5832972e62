"""What would be done in a live zone: whose records are created, deleted, left, and never touched."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from orchestrator import dns_publish
from orchestrator.dns import Record
from orchestrator.dns_publish import Owned

NAME = "cloud.montagne.example"
Live = Mapping[tuple[str, str], tuple[str, ...]]


def wanted(kind: str = "A", data: str = "192.0.2.7", name: str = NAME) -> Record:
    return Record(name, kind, data, "why")


def done(
    records: list[Record], live: Live | None = None, owned: set[Owned] | None = None
) -> list[tuple[str, str, str]]:
    there = live or {}
    steps = dns_publish.steps(records, owned or set(), lambda name, kind: there.get((name, kind), ()))
    return [(step.action, step.record.data, step.live) for step in steps]


def test_what_is_missing_is_created_and_what_is_there_is_left() -> None:
    records = [wanted(), wanted("AAAA", "2001:db8::7")]
    assert done(records, {(NAME, "A"): ("192.0.2.7",)}) == [("leave", "192.0.2.7", ""), ("create", "2001:db8::7", "")]


def test_what_was_published_from_here_is_changed() -> None:
    live, owned = {(NAME, "A"): ("192.0.2.1",)}, {(NAME, "A", "192.0.2.1")}
    assert done([wanted()], live, owned) == [("create", "192.0.2.7", ""), ("delete", "192.0.2.1", "")]


def test_what_is_not_wanted_any_more_goes_if_it_is_ours() -> None:
    live = {(NAME, "A"): ("192.0.2.1",), ("old.montagne.example", "A"): ("192.0.2.1",)}
    assert done([], live, {(NAME, "A", "192.0.2.1")}) == [("delete", "192.0.2.1", "")]


def test_what_was_ours_and_is_gone_is_nothing_to_do() -> None:
    assert done([], {}, {(NAME, "A", "192.0.2.1")}) == []


@pytest.mark.parametrize(
    ("record", "live", "against"),
    [
        (wanted(), {(NAME, "A"): ("192.0.2.1",)}, "A 192.0.2.1"),
        (wanted("MX", "10 mail.montagne.example."), {(NAME, "MX"): ("5 other.example.",)}, "MX 5 other.example."),
        (wanted("TXT", '"v=spf1 mx -all"'), {(NAME, "TXT"): ('"v=spf1 a ~all"',)}, 'TXT "v=spf1 a ~all"'),
        (wanted("AAAA", "2001:db8::7"), {(NAME, "A"): ("192.0.2.1",)}, "A 192.0.2.1"),
        (wanted(), {(NAME, "CNAME"): ("other.example.",)}, "CNAME other.example."),
        (wanted("CNAME", "a.example."), {(NAME, "CNAME"): ("other.example.",)}, "CNAME other.example."),
        (wanted("CNAME", "a.example."), {(NAME, "TXT"): ('"hello"',)}, 'TXT "hello"'),
    ],
)
def test_what_somebody_else_has_put_is_never_touched(record: Record, live: Live, against: str) -> None:
    assert done([record], live) == [("conflict", record.data, against)]


def test_texts_about_other_things_stand_beside_ours() -> None:
    live = {(NAME, "TXT"): ('"google-site-verification=abc"',)}
    assert done([wanted("TXT", '"v=spf1 mx -all"')], live) == [("create", '"v=spf1 mx -all"', "")]


def test_the_same_in_other_letters_and_pieces_is_the_same() -> None:
    live = {(NAME, "TXT"): ('"v=DKIM1; k=rsa; " "p=abc"',), (NAME, "MX"): ("10 MAIL.montagne.example.",)}
    records = [wanted("TXT", '"v=DKIM1; k=rsa; p=abc"'), wanted("MX", "10 mail.montagne.example.")]
    assert {action for action, *_ in done(records, live)} == {"leave"}


def test_what_is_ours_afterwards() -> None:
    live = {(NAME, "A"): ("192.0.2.1",), (NAME, "AAAA"): ("2001:db8::7",)}
    owned = {(NAME, "A", "192.0.2.1")}
    steps = dns_publish.steps(
        [wanted(), wanted("AAAA", "2001:db8::7")], owned, lambda name, kind: live.get((name, kind), ())
    )
    # What was there by somebody else's hand stays theirs.
    assert dns_publish.owned_after(owned, steps) == {(NAME, "A", "192.0.2.7")}
