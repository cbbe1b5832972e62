import subprocess
from types import SimpleNamespace

import pytest
from sample_territories import SAMPLE

from orchestrator import engines, mail_preflight
from orchestrator.mail_model import Mail

NEW, IN_SERVICE = SimpleNamespace(mailboxes=0), SimpleNamespace(mailboxes=3)


@pytest.fixture
def real(real_node):
    """A real territory with mail."""
    services = real_node.territory.services.model_copy(update={"mail": Mail()})
    return real_node.territory.model_copy(update={"services": services})


@pytest.fixture
def host():
    """A host that runs what it is given here, and keeps it."""

    def run(script, timeout):
        host.scripts.append(script)
        return subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=timeout, check=False)

    host = SimpleNamespace(scripts=[], run=run)
    return host


def exchangers(monkeypatch, *names):
    monkeypatch.setattr(mail_preflight, "exchangers", lambda _domain: list(names))


def test_a_closed_port_is_said_with_the_ways_out(real, host, monkeypatch):
    exchangers(monkeypatch, "127.0.0.1")  # nobody takes mail there
    said = mail_preflight.refusal(real, NEW, host)
    assert "cannot reach port 25 of 127.0.0.1" in said
    assert "smarthost" in said


def test_one_server_that_answers_is_enough(real, monkeypatch):
    exchangers(monkeypatch, "mx1.elsewhere.example", "mx2.elsewhere.example")
    answering = SimpleNamespace(run=lambda *_, **__: SimpleNamespace(stdout="220\n"))
    assert mail_preflight.refusal(real, NEW, answering) is None


@pytest.mark.parametrize("what", ["no mail", "a smarthost", "the lab", "unknown servers"])
def test_nobody_is_asked_where_there_is_nothing_to_ask(real, host, monkeypatch, what):
    exchangers(monkeypatch, *([] if what == "unknown servers" else ["127.0.0.1"]))
    if what == "no mail":
        real = real.model_copy(update={"services": real.services.model_copy(update={"mail": None})})
    if what == "a smarthost":
        other = Mail.model_validate({"smarthost": {"host": "a.example", "user": "b", "spf": "c.example"}})
        real = real.model_copy(update={"services": real.services.model_copy(update={"mail": other})})
    if what == "the lab":
        real = engines.load(SAMPLE).nodes["calvados"].territory
    assert mail_preflight.refusal(real, NEW, host) is None
    assert host.scripts == []


def test_a_node_in_service_is_not_asked_again(real, host, monkeypatch):
    exchangers(monkeypatch, "127.0.0.1")
    assert mail_preflight.refusal(real, IN_SERVICE, host) is None
    assert host.scripts == []


ANSWERS = {
    "good": {("11.113.0.203.in-addr.arpa.", "PTR"): ("mail.montagne.example.",)},
    "another name": {("11.113.0.203.in-addr.arpa.", "PTR"): ("static.11.example.",)},
    "no name": {},
    "listed": {
        ("11.113.0.203.in-addr.arpa.", "PTR"): ("mail.montagne.example.",),
        ("11.113.0.203.zen.spamhaus.org.", "A"): ("127.0.0.2",),
    },
    "a list that does not answer us": {
        ("11.113.0.203.in-addr.arpa.", "PTR"): ("mail.montagne.example.",),
        ("11.113.0.203.zen.spamhaus.org.", "A"): ("127.255.255.254",),
    },
}
SENTENCES = {
    "another name": "203.0.113.11 leads back to static.11.example, and must lead to mail.montagne.example",
    "no name": "203.0.113.11 leads back to no name, and must lead to mail.montagne.example",
    "listed": "203.0.113.11 is on the blacklist zen.spamhaus.org (127.0.0.2): ask there to be taken off",
}


@pytest.mark.parametrize("what", ANSWERS)
def test_what_other_servers_would_refuse_mail_for_is_said(real, what):
    said = list(
        mail_preflight.notices(real, "mail.montagne.example", lambda name, kind: ANSWERS[what].get((name, kind), ()))
    )
    assert len(said) == (what in SENTENCES)
    assert all(sentence.startswith(SENTENCES[what]) for sentence in said)


def test_what_cannot_be_told_is_not_said(real):
    assert list(mail_preflight.notices(real, "mail.montagne.example", lambda *_: None)) == []
