"""A territory's key on sheets of paper: enough of them give it back, fewer say nothing."""

from __future__ import annotations

import io
import itertools
import secrets as chance
import shlex
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from sample_territories import SAMPLE
from sheets import share_on, shown_by

from orchestrator import cli, keys, recovery, recovery_sheet, secrets
from orchestrator.errors import SecretsError, UsageError
from orchestrator.model import Node

KEY = chance.token_urlsafe(32)
SHARES = recovery.shares(KEY, 3, 5)
SHEET = recovery_sheet.Sheet(
    territory="calvados", domain="calvados.example", partner="Partenaire d’exemple",
    contact="contact@exterieur.example", holder="Mairie d'exemple", share=SHARES[0], needed=3, holders=5,
    made=date(2026, 11, 28),
    peers=[("manche", "manche@exterieur.example")],
)  # fmt: skip


@pytest.mark.parametrize("chosen", list(itertools.combinations(range(5), 3)))
def test_any_three_of_five_give_the_key(chosen: tuple[int, ...]) -> None:
    assert recovery.key_from([SHARES[number] for number in chosen]) == KEY
    assert recovery.key_from([f"  {SHARES[number].upper()}\n" for number in reversed(chosen)]) == KEY


def test_two_do_not() -> None:
    for chosen in itertools.combinations(SHARES, 2):
        with pytest.raises(SecretsError, match="do not give the key"):
            recovery.key_from(chosen)


def test_a_mistyped_word_and_a_sheet_of_another_set_are_noticed() -> None:
    words = SHARES[0].split()
    words[10] = "academic" if words[10] != "academic" else "acid"
    swapped = SHARES[0].split()
    swapped[4], swapped[5] = ("acid", "academic") if swapped[4] == swapped[5] else (swapped[5], swapped[4])
    for wrong, sentence in (
        (" ".join(words), "sheet 1: a word is not the one on the sheet"),
        (" ".join(swapped), "sheet 1: a word is not the one on the sheet, or two have changed places"),
        (" ".join(words[1:]), "sheet 1: there are 32 words, a sheet has 33"),
        ("academik", "sheet 1: 'academik' is none of the words; did you mean academic"),
        (recovery.shares(KEY, 3, 5)[0], "not all of one printing"),
        (SHARES[1], "2 of the sheets do not give the key: 3 different ones are needed"),
    ):
        with pytest.raises(SecretsError, match=sentence):
            recovery.key_from([wrong, *SHARES[1:3]])


def test_more_sheets_than_are_needed_and_words_with_their_numbers() -> None:
    assert recovery.key_from(SHARES) == KEY
    numbered = [list(enumerate(share.split(), 1)) for share in SHARES[:3]]
    by_rows = [sorted(words, key=lambda each: each[0] % 11) for words in numbered]
    assert recovery.key_from([" ".join(f"{number} {word}" for number, word in words) for words in by_rows]) == KEY


@pytest.mark.parametrize(("needed", "holders"), [(1, 1), (1, 3), (4, 3), (0, 0), (2, 17)])
def test_numbers_that_make_no_sense(needed: int, holders: int) -> None:
    with pytest.raises(UsageError):
        recovery.shares(KEY, needed, holders)


def test_a_key_of_somebody_elses_making_is_not_shared() -> None:
    with pytest.raises(SecretsError, match="`rekey` makes one that can be shared"):
        recovery.shares("hand made", 2, 3)


def test_a_sheet_has_one_share_and_says_in_french_what_it_is() -> None:
    pdf = recovery_sheet.pdf(SHEET)
    shown = " ".join(shown_by(pdf))
    assert pdf.count(b"/Type /Page\n") == 1
    assert share_on(pdf) == SHARES[0]
    assert "Une part de sa clé" in shown
    assert "manche@exterieur.example" in shown
    assert "recovery restore calvados" in shown
    assert KEY.encode() not in pdf


@pytest.fixture
def printed(lab_node: Node, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., list[bytes]]:
    """Give the sheets of some holders."""
    secrets.ensure(lab_node)
    script = f"import sys, time; open(f'{tmp_path}/{{time.time_ns()}}.pdf', 'wb').write(sys.stdin.buffer.read())"
    command = shlex.join([sys.executable, "-c", script])

    def export(*holders: str) -> list[bytes]:
        words = [word for holder in holders for word in ("--holder", holder)]
        arguments = ["recovery", "export", "calvados", "--needed", "2", *words, "--print", command]
        assert cli.main(["--mesh", str(SAMPLE), *arguments]) == 0
        assert "2 of these 3 sheets give the key of calvados back" in capfd.readouterr().out
        return [path.read_bytes() for path in sorted(tmp_path.glob("*.pdf"))]

    return export


def test_from_the_printer_back_to_the_key(
    printed: Callable[..., list[bytes]],
    lab_node: Node,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    path = keys.file(lab_node.territory)
    key = path.read_text(encoding="utf-8")
    sheets = printed("une", "deux", "trois")
    path.unlink()
    typed = [share_on(sheet) for sheet in sheets]

    monkeypatch.setattr("sys.stdin", io.StringIO(typed[0] + "\n"))
    assert cli.main(["--mesh", str(SAMPLE), "recovery", "restore", "calvados"]) == 3
    assert not path.exists()
    capfd.readouterr()

    monkeypatch.setattr("sys.stdin", io.StringIO(f"{typed[2]}\n{typed[0]}\n\n"))
    assert cli.main(["--mesh", str(SAMPLE), "recovery", "restore", "calvados"]) == 0
    assert path.read_text(encoding="utf-8") == key
    assert path.stat().st_mode & 0o777 == 0o600
    assert key.strip() not in capfd.readouterr().out


@pytest.mark.parametrize("wrong", [["", "b"], ["日本", "b"], ["a", "a"]])
def test_holders_that_a_sheet_cannot_name(lab_node: Node, wrong: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    secrets.ensure(lab_node)
    words = [word for holder in wrong for word in ("--holder", holder)]
    arguments = ["--mesh", str(SAMPLE), "recovery", "export", "calvados", "--needed", "2", *words, "--print", "cat"]
    assert cli.main(arguments) == 2
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(
    ("printer", "sentence"), [("false", "ended with 1"), ("nothing-of-that-name", "--print COMMAND")]
)
def test_a_printer_that_does_not_print(
    lab_node: Node, printer: str, sentence: str, capfd: pytest.CaptureFixture[str]
) -> None:
    secrets.ensure(lab_node)
    words = ["--needed", "2", "--holder", "Sœur d'exemple", "--holder", "b", "--print", printer]
    assert cli.main(["--mesh", str(SAMPLE), "recovery", "export", "calvados", *words]) == 2
    assert sentence in capfd.readouterr().err
