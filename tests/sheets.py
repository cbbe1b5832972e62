"""What stands on the sheets of paper that `recovery export` prints."""

import re
import zlib


def shown_by(pdf: bytes) -> list[str]:
    """The texts on a page."""
    begun = re.finditer(rb"/FlateDecode\n/Length (\d+)\n>>\nstream\n", pdf)
    shown = b" ".join(zlib.decompress(pdf[each.end() : each.end() + int(each[1])]) for each in begun)
    return [each.decode("latin-1") for each in re.findall(rb"\((.*?)\) Tj", shown)]


def share_on(pdf: bytes) -> str:
    """The words on a sheet, in the order of their numbers."""
    words = [match for text in shown_by(pdf) if (match := re.fullmatch(r" ?(\d+) ([a-z]+)", text))]
    return " ".join(word for _, word in sorted((int(match[1]), match[2]) for match in words))
