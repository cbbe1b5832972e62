import os
from pathlib import Path

import pytest

from orchestrator.errors import InvalidInventory
from orchestrator.files import read_text, write_text


def test_write_replaces_whole_and_sets_the_mode(tmp_path: Path) -> None:
    path = tmp_path / "new" / "secret"
    write_text(path, "first\n", 0o600)
    write_text(path, "second é\n", 0o600)
    assert path.read_text(encoding="utf-8") == "second é\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [child.name for child in path.parent.iterdir()] == ["secret"]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_text(path, "old", 0o600)
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "\udcff", 0o600)
    assert path.read_text() == "old"
    assert [child.name for child in tmp_path.iterdir()] == ["file"]


def test_read_takes_exactly_the_largest_size(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 1024)
    assert read_text(path, 1024) == "x" * 1024
    with pytest.raises(InvalidInventory, match="is larger than"):
        read_text(path, 1023)


def test_a_pipe_is_refused_without_waiting_for_its_writer(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(InvalidInventory, match="not an ordinary file"):
        read_text(path, 1024)


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
def test_the_place_of_a_wrong_byte(tmp_path: Path, line_break: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(f"é: 1{line_break}b: ".encode() + b"\xe9\n")
    with pytest.raises(InvalidInventory) as raised:
        read_text(path, 1024)
    assert (raised.value.problems[0].line, raised.value.problems[0].column) == (2, 4)
