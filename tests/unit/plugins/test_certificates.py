"""The module `certificates`: what it makes of the words of the node's program."""

from __future__ import annotations

from pathlib import Path

import pytest

WANTED = [{"name": "exemple.test", "names": ["exemple.test", "cloud.exemple.test"]}]
ARGUMENTS = {"wanted": WANTED, "key": ""}


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the program would be; not there yet."""
    from maillage import certificates

    monkeypatch.setattr(certificates, "PROGRAM", str(tmp_path / "program"))
    return tmp_path / "program"


def install(program: Path, text: str) -> None:
    program.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    program.chmod(0o755)


def test_on_a_bare_node_everything_would_be_issued(program: Path) -> None:  # noqa: ARG001
    from maillage import certificates

    result = certificates.main(ARGUMENTS, check=True, diff=False)
    expected = [{"kind": "certificate", "name": "exemple.test", "action": "issue"}]
    assert result == {"changed": True, "changes": expected}


@pytest.mark.parametrize(("check", "action"), [(True, "due"), (False, "issue")])
def test_the_program_is_asked_and_told_what_is_wanted(program: Path, check: bool, action: str) -> None:
    from maillage import certificates

    install(program, f'test "$1" = {action} && grep -q cloud.exemple.test && echo "renew exemple.test"')
    result = certificates.main(ARGUMENTS, check=check, diff=False)
    expected = [{"kind": "certificate", "name": "exemple.test", "action": "renew"}]
    assert result == {"changed": True, "changes": expected}


def test_nothing_due_is_no_change(program: Path) -> None:
    from maillage import certificates

    install(program, "true")
    assert certificates.main(ARGUMENTS, check=False, diff=False) == {"changed": False, "changes": []}


def test_a_refusal_is_told_with_its_reason(program: Path) -> None:
    from maillage import certificates
    from maillage.command import NodeError

    install(program, "echo 'exemple.test: uacme: no such name' >&2; exit 1")
    with pytest.raises(NodeError, match=r"exemple\.test: uacme: no such name"):
        certificates.main(ARGUMENTS, check=False, diff=False)
