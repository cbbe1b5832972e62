"""What stands on the sheets of paper that `recovery export` prints."""

import re
import zlib


def shown_by(pdf: bytes) -> list[str]:
    """The texts on a page."""
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
    shown = b" ".join(zlib.decompress(each) for each in streams if each[:1] == b"x")
    return [each.decode("latin-1") for each in re.findall(rb"\((.*?)\) Tj", shown)]


def share_on(pdf: bytes) -> str:
    """The words on a sheet, in the order of their numbers."""
    words = [match for text in shown_by(pdf) if (match := re.fullmatch(r" ?(\d+) ([a-z]+)", text))]
    return " ".join(word for _, word in sorted((int(match[1]), match[2]) for match in words))
