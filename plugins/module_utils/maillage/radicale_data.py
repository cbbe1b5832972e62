"""What radicale has stored: folders of items, each with a file of properties. Reads, and writes nothing."""

from __future__ import annotations

import json
import os
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection as Names
    from typing import Any

PROPERTIES = ".Radicale.props"
KINDS = {"VCALENDAR": "calendar", "VADDRESSBOOK": "address book"}
COMPONENTS = ("VEVENT", "VTODO", "VJOURNAL")
# Names of collections that Nextcloud keeps for itself.
RESERVED = re.compile(r"(inbox|outbox|notifications|trashbin|contact_birthdays|(z-)?(app|server)-generated--.*)")
COLOUR = re.compile(r"#[0-9A-Fa-f]{6}([0-9A-Fa-f]{2})?")
LONGEST = 255  # characters of a name or description in Nextcloud


class Collection:
    """A calendar or an address book.

    Attributes:
        kind: `calendar` or `address book`.
        person: whose it is.
        folder: where its items are.
        place: person and name, for people.
        uri: its name in Nextcloud.
        properties: those that Nextcloud knows, by the names of DAV.
        items: names of its items, sorted.
        notes: what will not be as it was.
    """

    def __init__(self, kind: str, person: str, folder: str, name: str) -> None:
        self.kind, self.person, self.folder, self.place = kind, person, folder, f"{person}/{name}"
        self.uri = name.replace("/", "-")
        if RESERVED.fullmatch(self.uri):
            self.uri = f"moved-{self.uri}"
        self.properties: dict[str, Any] = {}
        self.items: list[str] = []
        self.notes: list[str] = []


def collections(root: str, leave_out: Names[str]) -> tuple[list[Collection], list[str]]:
    """Find everything below radicale's folder.

    Args:
        root: the folder with one folder for each person.
        leave_out: people whose collections do not matter.

    Returns:
        The collections, and a line for each thing that is none, with the reason.
    """
    found: list[Collection] = []
    left: list[str] = []
    for person in visible(root):
        if person in leave_out:
            continue
        home = f"{root}/{person}"
        for folder, folders, files in os.walk(home):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            name = os.path.relpath(folder, home)
            items = sorted(each for each in files if not each.startswith("."))
            stored = None if name == "." else properties(f"{folder}/{PROPERTIES}")
            kind = KINDS.get((stored or {}).get("tag", ""))
            if stored and kind and printable(name):
                each = Collection(kind, person, folder, name)
                each.properties, each.notes = translated(kind, stored)
                each.items = [item for item in items if printable(item)]
                left += [f"{each.place}/{shown(item)}: its name is not text" for item in items if not printable(item)]
                make_unique(each, found)
                found.append(each)
            elif items or (stored or {}).get("tag"):
                left.append(f"{person}/{shown(name)}: is neither a calendar nor an address book")
    return found, left


def visible(folder: str) -> list[str]:
    """Folders in a folder, without those that programs keep for themselves."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))
    except FileNotFoundError:
        return []


def properties(path: str) -> dict[str, Any] | None:
    """Radicale's file of properties; None where there is none that can be read."""
    try:
        with open(path, encoding="utf-8") as file:
            stored = json.load(file)
    except (FileNotFoundError, ValueError):
        return None
    return stored if isinstance(stored, dict) else None


def translated(kind: str, stored: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Give radicale's properties the names that Nextcloud's backends know, and say which of them change."""
    notes = []

    def text(name: str) -> str:
        value = str(stored.get(name) or "")
        if len(value) > LONGEST:
            notes.append(f"its {name.partition(':')[2]} is longer than Nextcloud keeps, and shortened")
        return value[:LONGEST]

    if kind == "address book":
        found = {
            "{DAV:}displayname": text("D:displayname"),
            "{urn:ietf:params:xml:ns:carddav}addressbook-description": text("CR:addressbook-description"),
        }
        return {name: value for name, value in found.items() if value}, notes
    known = [each.strip().upper() for each in str(stored.get("C:supported-calendar-component-set") or "").split(",")]
    colour, order = str(stored.get("ICAL:calendar-color") or ""), str(stored.get("ICAL:calendar-order") or "")
    wanted = {
        "{DAV:}displayname": text("D:displayname"),
        "{urn:ietf:params:xml:ns:caldav}calendar-description": text("C:calendar-description"),
        "{urn:ietf:params:xml:ns:caldav}calendar-timezone": str(stored.get("C:calendar-timezone") or ""),
        "{http://apple.com/ns/ical/}calendar-color": colour if COLOUR.fullmatch(colour) else "",
        "{http://apple.com/ns/ical/}calendar-order": int(order) if re.fullmatch(r"\d{1,9}", order) else 0,
        "components": [each for each in COMPONENTS if each in known],
    }
    if colour and not COLOUR.fullmatch(colour):
        notes.append("its colour is none that Nextcloud knows, and left out")
    return {name: value for name, value in wanted.items() if value}, notes


def make_unique(collection: Collection, others: list[Collection]) -> None:
    """Two folders inside each other may come to one name in Nextcloud, which knows no such folders."""
    taken = {each.uri for each in others if (each.person, each.kind) == (collection.person, collection.kind)}
    while collection.uri in taken:
        collection.uri += "-2"


def printable(name: str) -> bool:
    """Whether a file's name is text."""
    return name == shown(name)


def shown(name: str) -> str:
    """A file's name for people, whatever bytes it has."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
