"""LDIF (RFC 2849) and distinguished names (RFC 4514), as far as accounts need them. Pure."""

from __future__ import annotations

import base64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    Entry = dict[str, list[str]]


def name_part(attribute: str, value: str) -> str:
    """Return `attribute=value`, escaped for a distinguished name."""
    escaped = "".join(
        f"\\{letter}" if letter in ',+"\\<>;=' else "\\00" if letter == "\0" else letter for letter in value
    )
    if escaped.endswith(" "):
        escaped = escaped[:-1] + "\\ "
    if escaped.startswith((" ", "#")):
        escaped = "\\" + escaped
    return f"{attribute}={escaped}"


def line(attribute: str, value: str) -> str:
    """Return one line; base64 where the plain form could be read otherwise."""
    plain = value.isascii() and not value.startswith((" ", ":", "<")) and not value.endswith(" ")
    if plain and not any(letter in value for letter in "\0\r\n"):
        return f"{attribute}: {value}\n" if value else f"{attribute}:\n"
    return f"{attribute}:: {base64.b64encode(value.encode()).decode()}\n"


def add(name: str, entry: Entry) -> str:
    """Return the record that adds an entry."""
    lines = [line(attribute, value) for attribute, values in entry.items() for value in values]
    return line("dn", name) + "changetype: add\n" + "".join(lines) + "\n"


def modify(name: str, changes: Entry) -> str:
    """Return the record that replaces attributes; one without values is removed."""
    parts = [
        line("replace", attribute) + "".join(line(attribute, value) for value in changes[attribute])
        for attribute in changes
    ]
    return line("dn", name) + "changetype: modify\n" + "-\n".join(parts) + "-\n\n"


def delete(name: str) -> str:
    """Return the record that removes an entry."""
    return line("dn", name) + "changetype: delete\n\n"


def parse(text: str) -> Iterable[tuple[str, Entry]]:
    """Read what ldapsearch or slapcat printed: name and attributes (in lower case) of each entry."""
    for block in text.replace("\n ", "").split("\n\n"):
        name = ""
        entry: Entry = {}
        for row in block.splitlines():
            attribute, separator, value = row.partition(":")
            if not separator or row.startswith("#"):
                continue
            decoded = (
                base64.b64decode(value[1:]).decode(errors="replace")
                if value.startswith(":")
                else value.removeprefix(" ")
            )
            if attribute == "dn":
                name = decoded
            else:
                entry.setdefault(attribute.lower(), []).append(decoded)
        if name:
            yield name, entry
