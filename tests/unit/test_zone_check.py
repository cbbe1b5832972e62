from orchestrator.dns import Record
from orchestrator.zone_check import compare

ADDRESS = Record("mail.exemple.test", "A", "192.0.2.10", "the server")
MX = Record("exemple.test", "MX", "10 mail.exemple.test.", "mail comes here")
SPF = Record("exemple.test", "TXT", '"v=spf1 mx -all"', "who sends")
KEY = Record("rsa1._domainkey.exemple.test", "TXT", '"v=DKIM1; k=rsa; p=AAAA" "BBBB"', "signatures")


def found(wanted, live):
    asked = lambda name, kind: live.get((name, kind), ())  # noqa: E731
    return [(each.action, each.name, each.type, each.data, each.live) for each in compare(wanted, asked)]


def test_what_is_missing_is_to_be_made():
    assert found([ADDRESS, MX], {}) == [
        ("create", "mail.exemple.test", "A", "192.0.2.10", ""),
        ("create", "exemple.test", "MX", "10 mail.exemple.test.", ""),
    ]


def test_what_is_there_is_left_however_it_is_written():
    live = {
        ("exemple.test", "MX"): ("10 MAIL.exemple.test.",),
        ("rsa1._domainkey.exemple.test", "TXT"): ('"v=DKIM1; k=rsa; p=AAAABBBB"',),
    }
    assert [action for action, *_ in found([MX, KEY], live)] == ["leave", "leave"]


def test_another_address_is_to_change():
    live = {("mail.exemple.test", "A"): ("198.51.100.1",)}
    assert found([ADDRESS], live) == [("change", "mail.exemple.test", "A", "192.0.2.10", "198.51.100.1")]


def test_one_too_many_is_to_go():
    live = {("exemple.test", "MX"): ("10 mail.exemple.test.", "20 old.elsewhere.test.")}
    assert found([MX], live)[1] == ("change", "exemple.test", "MX", "10 mail.exemple.test.", "20 old.elsewhere.test.")


def test_another_policy_of_the_same_kind_is_to_change_and_other_texts_are_not_ours():
    live = {("exemple.test", "TXT"): ('"v=spf1 include:elsewhere.test ~all"', '"site-verification=1"')}
    assert found([SPF], live) == [
        ("change", "exemple.test", "TXT", '"v=spf1 mx -all"', '"v=spf1 include:elsewhere.test ~all"'),
        ("foreign", "exemple.test", "TXT", '"site-verification=1"', ""),
    ]


def test_two_policies_of_one_kind_are_one_too_many():
    live = {("exemple.test", "TXT"): ('"v=spf1 mx -all"', '"v=spf1 include:elsewhere.test ~all"')}
    assert [each[0] for each in found([SPF], live)] == ["leave", "change"]


def test_what_somebody_else_put_at_our_names_is_named_and_never_ours():
    live = {("mail.exemple.test", "CAA"): ('0 issue "elsewhere.test"',)}
    assert ("foreign", "mail.exemple.test", "CAA", '0 issue "elsewhere.test"', "") in found([ADDRESS], live)
