"""What may be told on the status page; that it gets there is seen in tests/proof."""

from __future__ import annotations

import pytest

from orchestrator.cli import main


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["calvados", "a" * 501], "one line of at most 500 characters"),
        (["calvados", ""], "one line of at most 500 characters"),
        (["calvados", "a\nb"], "one line of at most 500 characters"),
        (["calvados", "a\x1b[31m"], "one line of at most 500 characters"),
        (["calvados", "Panne", "--over"], "say what is new, or --over"),
        (["calvados", "--en", "Outage"], "--en translates a text"),
        (["calvado", "Panne"], "did you mean calvados"),
    ],
    ids=str,
)
def test_what_is_not_told(arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = main(["incident", *arguments])
    except SystemExit as end:  # argparse's own
        code = int(end.code or 0)
    assert code == 2
    assert sentence in capsys.readouterr().err
