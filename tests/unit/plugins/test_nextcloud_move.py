"""Radicale's folders as they are found, and what a move does with Nextcloud's answers."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest
from maillage import nextcloud_move, radicale_data  # the path is set in conftest
from maillage.command import NodeError, Outcome

EVENT = b"BEGIN:VCALENDAR\r\nSUMMARY:\xc3\xa9t\xc3\xa9\r\nEND:VCALENDAR\r\n"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Radicale's folder of people, and that of removed things."""
    folder = tmp_path / "radicale" / "collection-root"
    folder.mkdir(parents=True)
    monkeypatch.setattr(nextcloud_move, "DATA", str(folder))
    monkeypatch.setattr(nextcloud_move, "REMOVED", str(tmp_path / "removed"))
    monkeypatch.setattr(nextcloud_move, "LOCK", str(tmp_path / "lock"))
    return folder


def put(folder: Path, properties: object, *items: str) -> Path:
    """A collection with items."""
    folder.mkdir(parents=True, exist_ok=True)
    if properties is not None:
        text = properties if isinstance(properties, str) else json.dumps(properties)
        (folder / ".Radicale.props").write_text(text, encoding="utf-8")
    for item in items:
        (folder / item).write_bytes(EVENT)
    return folder


def found(root: Path, *left_out: str) -> tuple[dict[str, radicale_data.Collection], list[str]]:
    collections, left = radicale_data.collections(str(root), left_out)
    return {each.place: each for each in collections}, left


def test_collections_with_their_properties(root: Path) -> None:
    stored = {
        "tag": "VCALENDAR",
        "D:displayname": "Réunions",
        "C:calendar-description": "au bureau",
        "ICAL:calendar-color": "#ff8800ff",
        "ICAL:calendar-order": "3",
        "C:supported-calendar-component-set": "VTODO, VEVENT,VFREEBUSY",
    }
    put(root / "exemple" / "travail", stored, "b.ics", "a.ics", ".Radicale.lock")
    put(root / "exemple" / "travail" / ".Radicale.cache", None, "a.ics")
    put(root / "exemple" / "amis", {"tag": "VADDRESSBOOK", "D:displayname": "Amis", "CR:addressbook-description": "!"})
    put(root / "verify" / "calendar", {"tag": "VCALENDAR"}, "x.ics")
    collections, left = found(root, "verify")
    assert left == []
    assert set(collections) == {"exemple/travail", "exemple/amis"}
    calendar = collections["exemple/travail"]
    assert (calendar.kind, calendar.uri, calendar.items) == ("calendar", "travail", ["a.ics", "b.ics"])
    assert calendar.properties == {
        "{DAV:}displayname": "Réunions",
        "{urn:ietf:params:xml:ns:caldav}calendar-description": "au bureau",
        "{http://apple.com/ns/ical/}calendar-color": "#ff8800ff",
        "{http://apple.com/ns/ical/}calendar-order": 3,
        "components": ["VEVENT", "VTODO"],
    }
    assert collections["exemple/amis"].kind == "address book"
    assert collections["exemple/amis"].properties == {
        "{DAV:}displayname": "Amis",
        "{urn:ietf:params:xml:ns:carddav}addressbook-description": "!",
    }


@pytest.mark.parametrize(
    ("name", "uri"),
    [
        ("été 2026 🎉", "été 2026 🎉"),
        ("outbox", "moved-outbox"),
        ("contact_birthdays", "moved-contact_birthdays"),
        ("z-server-generated--system", "moved-z-server-generated--system"),
        ("outer/inner", "outer-inner"),
    ],
)
def test_strange_names_keep_a_place(root: Path, name: str, uri: str) -> None:
    put(root / "exemple" / name, {"tag": "VCALENDAR"}, "a.ics")
    collections, left = found(root)
    assert [each.uri for each in collections.values()] == [uri]
    assert left == []


def test_two_folders_never_share_a_name(root: Path) -> None:
    for name in ("a-b", "a/b"):
        put(root / "exemple" / name, {"tag": "VCALENDAR"}, "x.ics")
    assert {each.uri for each in found(root)[0].values()} == {"a-b", "a-b-2"}


def test_what_is_no_collection_is_named(root: Path) -> None:
    put(root / "exemple" / "damaged", '{"tag":', "a.ics")
    put(root / "exemple" / "plain", None, "a.txt")
    put(root / "exemple" / "web", {"tag": "VSUBSCRIBED"})
    put(root / "exemple", None, "stray.ics")
    put(root / "exemple" / "nothing", None)
    odd = put(root / "exemple" / "fine", {"tag": "VCALENDAR"}, "a.ics")
    (Path(os.fsdecode(os.fsencode(odd) + b"/\xff.ics"))).write_bytes(EVENT)
    collections, left = found(root)
    assert [each.items for each in collections.values()] == [["a.ics"]]
    assert sorted(left) == [
        "exemple/.: is neither a calendar nor an address book",
        "exemple/damaged: is neither a calendar nor an address book",
        "exemple/fine/\\xff.ics: its name is not text",
        "exemple/plain: is neither a calendar nor an address book",
        "exemple/web: is neither a calendar nor an address book",
    ]


def test_what_nextcloud_cannot_keep_as_it_is_is_said(root: Path) -> None:
    stored = {"tag": "VCALENDAR", "C:calendar-description": "d" * 300, "ICAL:calendar-color": "red"}
    put(root / "exemple" / "a", stored | {"ICAL:calendar-order": "-1"})
    [each] = found(root)[0].values()
    assert each.properties == {"{urn:ietf:params:xml:ns:caldav}calendar-description": "d" * 255}
    assert len(each.notes) == 2


def test_without_radicale_there_is_nothing(tmp_path: Path) -> None:
    assert radicale_data.collections(str(tmp_path / "none"), []) == ([], [])


class Nextcloud:
    """Answers as the program on the node does; remembers what it was given."""

    def __init__(self) -> None:
        self.given: dict[tuple[str, str, str], bytes] = {}
        self.refuses: set[str] = set()
        self.loses: set[str] = set()
        self.serves, self.dies_after = False, 10**9

    def run(self, argv: list[str], stdin: str = "", timeout: float = 0) -> Outcome:  # noqa: ARG002
        if argv[0] == "systemctl":
            return Outcome(0 if self.serves else 3, "", "")
        answers = []
        for line in stdin.splitlines()[: self.dies_after]:
            said = json.loads(line)
            if "kind" in said:
                at = (said["person"], said["uri"])
                answers.append({"refused": ""})
            elif "item" in said:
                answers.append(self.item(at, said["item"], base64.b64decode(said["data"])))
            else:
                answers.append({"items": [name for *where, name in self.given if tuple(where) == at]})
        died = len(answers) < len(stdin.splitlines())
        return Outcome(137 if died else 0, "a warning of PHP\n" + "".join(f"{json.dumps(a)}\n" for a in answers), "")

    def item(self, at: tuple[str, str], name: str, data: bytes) -> dict[str, str]:
        if name in self.refuses:
            return {"state": "refused", "reason": "no UID"}
        if name in self.loses:
            return {"state": "kept"}
        return {"state": "kept" if self.given.setdefault((*at, name), data) == data else "differs"}


@pytest.fixture
def nextcloud(monkeypatch: pytest.MonkeyPatch) -> Nextcloud:
    """In place of the node's own."""
    fake = Nextcloud()
    monkeypatch.setattr(nextcloud_move, "run", fake.run)
    return fake


def move(check: bool = False) -> list[tuple[str, str, str]]:
    answer = nextcloud_move.main({"leave_out": ["verify"]}, check=check, diff=False)
    return [(change["kind"], change["name"], change["action"]) for change in answer["changes"]]


def test_everything_moves_and_only_then_the_folder(root: Path, nextcloud: Nextcloud, tmp_path: Path) -> None:
    put(root / "exemple" / "travail", {"tag": "VCALENDAR"}, "a.ics", "b.ics")
    put(root / "voisin" / "travail", {"tag": "VCALENDAR"}, "a.ics")
    assert move(check=True) == [
        ("calendar", "exemple/travail (2 items)", "move"),
        ("calendar", "voisin/travail (1 item)", "move"),
    ]
    assert not nextcloud.given
    *moved, (kind, folder, action) = move()
    assert moved == [
        ("calendar", "exemple/travail (2 items)", "move"),
        ("calendar", "voisin/travail (1 item)", "move"),
    ]
    assert (kind, action) == ("folder", "set aside")
    assert nextcloud.given == {
        ("exemple", "travail", "a.ics"): EVENT,
        ("exemple", "travail", "b.ics"): EVENT,
        ("voisin", "travail", "a.ics"): EVENT,
    }
    assert not root.exists()
    assert (Path(folder) / "collection-root" / "exemple" / "travail" / "a.ics").read_bytes() == EVENT
    assert (tmp_path / "removed").stat().st_mode & 0o777 == 0o700
    assert move() == []


def test_what_is_refused_or_changed_since_is_named_and_kept(root: Path, nextcloud: Nextcloud) -> None:
    put(root / "exemple" / "travail", {"tag": "VCALENDAR"}, "a.ics", "b.ics", "c.ics")
    nextcloud.refuses = {"a.ics"}
    nextcloud.given["exemple", "travail", "b.ics"] = b"changed by its owner"
    left = [name for _, name, action in move() if action == "keep aside"]
    assert left == [
        "exemple/travail/b.ics: Nextcloud has another version of it, which stays",
        "exemple/travail/a.ics: Nextcloud refuses it: no UID",
    ]
    [kept] = (root.parents[1] / "removed").iterdir()
    assert (kept / "not-in-nextcloud.txt").read_text(encoding="utf-8").splitlines() == left
    assert nextcloud.given["exemple", "travail", "b.ics"] == b"changed by its owner"


@pytest.mark.parametrize("lines", range(5))  # 4 are the first person's
def test_killed_anywhere_it_goes_on(root: Path, nextcloud: Nextcloud, lines: int) -> None:
    put(root / "exemple" / "travail", {"tag": "VCALENDAR"}, "a.ics", "b.ics")
    put(root / "voisin" / "travail", {"tag": "VCALENDAR"}, "a.ics", "b.ics", "c.ics")
    nextcloud.dies_after = lines
    with pytest.raises(NodeError, match="nothing is set aside"):
        move()
    assert root.exists()
    nextcloud.dies_after = 10**9
    assert [action for *_, action in move()] == ["move", "move", "set aside"]
    assert len(nextcloud.given) == 5


def test_a_nextcloud_that_takes_nothing_is_ill(root: Path, nextcloud: Nextcloud) -> None:
    put(root / "exemple" / "travail", {"tag": "VCALENDAR"}, "a.ics", "b.ics")
    nextcloud.refuses = {"a.ics", "b.ics"}
    with pytest.raises(NodeError, match=r"not a single item.*a\.ics: Nextcloud refuses it: no UID"):
        move()
    assert root.exists()


def test_what_does_not_arrive_leaves_everything_where_it_was(root: Path, nextcloud: Nextcloud) -> None:
    put(root / "exemple" / "travail", {"tag": "VCALENDAR"}, "a.ics")
    nextcloud.loses = {"a.ics"}
    with pytest.raises(NodeError, match=r"exemple/travail/a\.ics: did not arrive"):
        move()
    assert root.exists()


def test_a_radicale_that_serves_is_left_alone(root: Path, nextcloud: Nextcloud) -> None:
    put(root / "exemple" / "travail", {"tag": "VCALENDAR"}, "a.ics")
    nextcloud.serves = True
    with pytest.raises(NodeError, match="still serves"):
        move()
    assert not nextcloud.given
