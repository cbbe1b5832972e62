"""Text files on the controller: read with suspicion, written whole or not at all."""

from __future__ import annotations

import errno
import os
import re
import stat
import tempfile
from pathlib import Path

from orchestrator.errors import InvalidInventory, Problem

# Control characters, the marks that change the order of text on the screen, invisible ones, and halves of characters.
UNWANTED = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufeff\ufff9-\ufffb]"
)


def read_text(path: Path, largest: int) -> str:
    """Read a UTF-8 text file that somebody else wrote; links are not followed.

    Args:
        path: an ordinary file.
        largest: bytes.

    Raises:
        InvalidInventory: it is anything else; with the line and column of the first wrong byte.
        FileNotFoundError: there is no such file.
    """

    def refused(message: str, before: str | None = None) -> InvalidInventory:
        if before is None:
            return InvalidInventory([Problem(path, None, None, "", message)])
        lines = before.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        return InvalidInventory([Problem(path, len(lines), len(lines[-1]) + 1, "", message)])

    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise refused("is a link; put the file itself in the territory's folder") from None
        raise refused(f"cannot be read ({error.strerror}); check its owner and mode") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise refused("is not an ordinary file; put a YAML text file in its place")
    with os.fdopen(descriptor, "rb") as stream:
        content = stream.read(largest + 1)
    if len(content) > largest:
        raise refused(f"is larger than {largest // 1024} KiB; a file of this kind is a few lines per entry")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise refused("is written in UTF-16; save it as UTF-8")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8")
        raise refused("is not UTF-8 from here on; save it as UTF-8", before) from None
    if text.startswith("\ufeff"):
        raise refused("begins with a byte order mark; save it as UTF-8 without BOM", "")
    if unwanted := UNWANTED.search(text):
        code = f"U+{ord(unwanted[0]):04X}"
        raise refused(f"a control or invisible character ({code}) stands here; remove it", text[: unwanted.start()])
    return text


def write_text(path: Path, text: str, mode: int) -> None:
    """Replace a file in one step, so that whoever reads it, or a power cut, finds the old or the new one whole."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600 from the start
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
