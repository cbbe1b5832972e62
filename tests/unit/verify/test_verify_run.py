"""Checks are bounded in time, independent of each other, and say nothing they should not."""

import ssl
import time

import httpx
import pytest

from orchestrator.verify.check import Check, CheckFailedError, CheckSkippedError, Step, cleaner, sentence, stage
from orchestrator.verify.run import Limits, attempt, run

LIMITS = Limits(operation=1, step=0.3, total=1.5)


def fail(error):
    raise error


def plain(text):
    return text


def test_one_that_fails_does_not_stop_the_others():
    steps = [
        Step("first", lambda: fail(CheckFailedError("seen to be wrong"))),
        Step("second", lambda: fail(ZeroDivisionError("division by zero"))),
        Step("third", lambda: "seen"),
    ]
    checks = list(run({"group": steps}, LIMITS, plain))
    assert [(check.name, check.ok, check.seen) for check in checks] == [
        ("first", False, "seen to be wrong"),
        ("second", False, "ZeroDivisionError: division by zero"),
        ("third", True, "seen"),
    ]


def test_one_that_hangs_is_given_up():
    steps = [Step("hangs", lambda: time.sleep(5) or ""), Step("next", lambda: "seen")]
    started = time.monotonic()
    checks = list(run({"group": steps}, LIMITS, plain))
    assert time.monotonic() - started < 1
    assert [check.seen for check in checks] == ["no end after 0.3 s", "seen"]


def test_the_total_is_bounded_and_what_was_seen_is_kept():
    endless = (Step(f"{number}", lambda: time.sleep(5) or "") for number in range(100))
    groups = {"endless": endless, "other": [Step("other", lambda: "seen")]}
    started = time.monotonic()
    checks = list(run(groups, LIMITS, plain))
    assert time.monotonic() - started < 2.5
    assert Check("endless", False, "not finished after 1.5 s", 1.5) in checks
    assert checks[-1].name == "other"
    assert checks[-1].ok


def test_groups_run_at_the_same_time():
    groups = {f"{number}": [Step(f"{number}", lambda: time.sleep(0.2) or "seen")] for number in range(5)}
    started = time.monotonic()
    assert [check.name for check in run(groups, LIMITS, plain)] == ["0", "1", "2", "3", "4"]
    assert time.monotonic() - started < 0.8


def test_a_list_of_steps_that_cannot_be_made_is_a_failed_check():
    def broken():
        yield Step("first", lambda: "seen")
        raise OSError("no such bundle")

    checks = list(run({"group": broken()}, LIMITS, plain))
    assert [(check.name, check.seen) for check in checks] == [("first", "seen"), ("group", "OSError: no such bundle")]
    assert checks[1].failed


def test_skipped_is_neither_right_nor_wrong():
    check = attempt(Step("IPv6", lambda: fail(CheckSkippedError("no route"))), 1, plain)
    assert (check.ok, check.failed, check.skipped) == (False, False, "no route")
    assert str(check) == "skip IPv6: no route"


def test_lines():
    assert str(Check("TLS", True, "TLSv1.3", 0.1)) == "ok   TLS: TLSv1.3"
    assert str(Check("TLS", False, "refused", 0.1)) == "FAIL TLS: refused"


@pytest.mark.parametrize(
    "spelling", ["s3cret/ à&", "s3cret/%20%C3%A0%26", "s3cret%2F%20%C3%A0%26", "dmVyaWZ5OnMzY3JldC8gw6Am"]
)
def test_a_password_is_taken_out_in_every_spelling(spelling):
    clean = cleaner("verify", "s3cret/ à&")
    assert clean(f"refused for https://verify:{spelling}@x/") == "refused for https://verify:********@x/"


def test_a_sentence_is_one_short_line_whatever_the_server_says():
    clean = cleaner("verify", "s3cret")
    assert clean("a\r\nb\x1b[31mc\x9b") == "a b [31mc"
    assert len(clean("x" * 10_000)) == 200


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConnectionRefusedError(111, "x"), "connection refused"),
        (ConnectionResetError(104, "x"), "connection reset"),
        (TimeoutError("x"), "no answer in time"),
        (httpx.ReadTimeout("x"), "no answer in time"),
        (ssl.SSLError(1, "x"), "TLS failed: connection closed"),
        (OSError(113, "No route to host"), "no route to host"),
        (FileNotFoundError(2, "No such file or directory", "bundle.pem"), "no such file or directory: bundle.pem"),
        (ValueError("what"), "ValueError: what"),
    ],
)
def test_errors_become_sentences(error, said):
    assert sentence(error) == said
    with pytest.raises(CheckFailedError, match=f"^reading: {said}$"), stage("reading"):
        raise error
