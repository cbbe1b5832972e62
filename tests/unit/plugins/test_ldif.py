"""LDIF and distinguished names."""

from __future__ import annotations

import base64

import pytest
from maillage import ldif


@pytest.mark.parametrize(
    ("value", "escaped"),
    [
        ("exemple", "uid=exemple"),
        ("a,b", "uid=a\\,b"),
        ('a"+\\<>;=b', 'uid=a\\"\\+\\\\\\<\\>\\;\\=b'),
        (" a ", "uid=\\ a\\ "),
        ("#a", "uid=\\#a"),
        ("a#b c", "uid=a#b c"),
        ("é", "uid=é"),
        ("a\0b", "uid=a\\00b"),
        (" ", "uid=\\ "),
    ],
)
def test_names_are_escaped(value: str, escaped: str) -> None:
    assert ldif.name_part("uid", value) == escaped


@pytest.mark.parametrize("value", ["plain", "with: colon", "a < b", "a  b"])
def test_plain_values_stay_plain(value: str) -> None:
    assert ldif.line("cn", value) == f"cn: {value}\n"


@pytest.mark.parametrize(
    "value", ["é", " leading", "trailing ", ":colon", "<file:///etc/shadow", "two\nlines", "a\rb", "a\0b"]
)
def test_values_that_could_be_read_otherwise_are_encoded(value: str) -> None:
    attribute, _, encoded = ldif.line("cn", value).partition(":: ")
    assert attribute == "cn"
    assert base64.b64decode(encoded).decode() == value


@pytest.mark.parametrize("value", ["plain", "", "é", " x ", "two\nlines", ":x", "long " * 60 + "end", "dn: no"])
def test_what_is_written_is_read_again(value: str) -> None:
    record = ldif.line("dn", "uid=é,dc=test") + ldif.line("cn", value) + ldif.line("cn", "second")
    folded = "\n".join(line if len(line) < 70 else f"{line[:70]}\n {line[70:]}" for line in record.splitlines())
    assert list(ldif.parse(folded + "\n\n")) == [("uid=é,dc=test", {"cn": [value, "second"]})]


def test_records() -> None:
    assert ldif.add("dc=test", {"objectClass": ["a", "b"], "o": ["x"]}) == (
        "dn: dc=test\nchangetype: add\nobjectClass: a\nobjectClass: b\no: x\n\n"
    )
    assert ldif.modify("dc=test", {"o": ["x"], "gone": []}) == (
        "dn: dc=test\nchangetype: modify\nreplace: o\no: x\n-\nreplace: gone\n-\n\n"
    )
    assert ldif.delete("dc=test") == "dn: dc=test\nchangetype: delete\n\n"


def test_no_entry_and_comments() -> None:
    assert list(ldif.parse("")) == []
    assert list(ldif.parse("# comment: x\ndn: dc=test\n\n# end\n")) == [("dc=test", {})]
