"""What `tree` keeps on the node, a folder per component: what it wrote, and what was there while it changes that.

    journal.json   `written`: the paths that this component wrote;
                   `change`, only while one is under way: how every path and unit was before
    previous/      the contents that `change` speaks of

`change` is on disk before the first path changes, and goes when all is done, services included. Whoever finds it later
(the next run, or the guard's timer) knows that work was left, and how things were. One file, so that a kill never finds
the one half without the other.
"""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager

from maillage import files, services
from maillage.command import NodeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from maillage.differences import Change

FOLDER = "/var/lib/maillage/tree"


class Journal:
    """The folder of one component.

    Attributes:
        written: the paths of files and links that this component wrote.
        pending: whether a change is under way.
        entries: path to how it was before the change under way, in the order of the changes; empty when there is none.
        units: unit name to how it was before.
        guard: the name of the armed timer that puts the previous set back, or None.
        promised: what the component will have written when the change is done.
    """

    def __init__(self, component: str, folder: str = FOLDER) -> None:
        self.folder = f"{folder}/{component}"
        self.read()

    def read(self) -> None:
        """Read journal.json."""
        try:
            with open(f"{self.folder}/journal.json", encoding="utf-8") as file:
                record = json.load(file)
        except FileNotFoundError:
            record = {"written": [], "change": {}}
        change = record["change"]
        self.written: list[str] = record["written"]
        self.pending = bool(change)
        self.entries: dict[str, Any] = change.get("entries", {})
        self.units: dict[str, Any] = change.get("units", {})
        self.guard: str | None = change.get("guard")
        self.promised: list[str] = change.get("promised", [])

    def save(self) -> None:
        """Write journal.json, whole or not at all."""
        change = {"entries": self.entries, "units": self.units, "promised": self.promised, "guard": self.guard}
        text = json.dumps({"written": self.written, "change": change if self.pending else {}})
        files.write(f"{self.folder}/journal.json", text.encode(), os.geteuid(), os.getegid(), 0o600)

    def prepare(self) -> None:
        """Make the folder, closed to everybody but root."""
        os.makedirs(os.path.dirname(self.folder), mode=0o755, exist_ok=True)
        for folder in (self.folder, f"{self.folder}/previous"):
            if not os.path.isdir(folder):
                os.mkdir(folder, 0o700)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep another run, or the guard's timer, out; wait for it first."""
        self.prepare()
        with open(f"{self.folder}/lock", "w", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self.read()
            yield

    def begin(self, changes: list[Change], promised: list[str], guard: str | None) -> None:
        """Save what is about to change; what an earlier, killed run saved is older and stays.

        Args:
            changes: the paths that will change.
            promised: the paths that the component will have written.
            guard: the timer that will put all back, or None.
        """
        for change in changes:
            if change.path not in self.entries:
                self.entries[change.path] = self.saved(change.path, str(len(self.entries)))
        self.guard, self.promised, self.pending = guard, promised, True
        self.save()

    def note(self, units: dict[str, Any]) -> None:
        """Save how units are (from services.before) that are about to be touched."""
        if self.pending and units:
            self.units = {**units, **self.units}
            self.save()

    def saved(self, path: str, copy: str) -> dict[str, Any]:
        """Describe what is at a path; of a file, keep a copy under the name `copy`."""
        there = files.standing(path)
        entry = {"kind": there.kind, "uid": there.uid, "gid": there.gid, "mode": there.mode, "target": there.target}
        if there.kind == "file":
            entry["copy"] = copy
            files.write(f"{self.folder}/previous/{copy}", files.content(path), os.geteuid(), os.getegid(), 0o600)
        return entry

    def put_back(self) -> None:
        """Make every path and unit as it was before; can be killed and done again."""
        services.put_back_stop(self.units)
        for path, entry in reversed(self.entries.items()):
            self.put_back_path(path, entry)
        if services.needs_daemon_reload(list(self.entries)):
            services.daemon_reload()
        services.put_back_start(self.units)
        self.finish(self.written)

    def put_back_path(self, path: str, entry: dict[str, Any]) -> None:
        """Make one path as it was before."""
        if entry["kind"] == "file":
            data = files.content(f"{self.folder}/previous/{entry['copy']}")
            files.write(path, data, entry["uid"], entry["gid"], entry["mode"])
        elif entry["kind"] == "link":
            files.link(path, entry["target"], entry["uid"], entry["gid"])
        elif entry["kind"] == "directory":
            if files.standing(path).kind not in ("directory", "absent"):
                files.remove(path)
            files.make_directory(path, entry["uid"], entry["gid"], entry["mode"])
        elif entry["kind"] == "absent":
            files.remove(path)

    def finish(self, written: list[str]) -> None:
        """Note which paths this component wrote, and that nothing is under way any more."""
        if self.pending or written != self.written:
            self.written, self.pending, self.entries, self.units, self.guard = written, False, {}, {}, None
            self.save()
        with files.opened(f"{self.folder}/previous") as directory:
            for name in os.listdir(directory):
                os.unlink(name, dir_fd=directory)

    def forget(self) -> None:
        """Remove the folder: the component is gone."""
        import shutil  # 3 ms, for the rarest case

        shutil.rmtree(self.folder)

    def claimed_by_others(self) -> set[str]:
        """Return the paths that other components of this host wrote."""
        parent, own = os.path.split(self.folder)
        claimed: set[str] = set()
        for name in os.listdir(parent):
            if name != own:
                claimed.update(Journal(name, parent).written)
        return claimed


def components(folder: str) -> list[str]:
    """Return the names of those that have a folder here: all that are on the node, whole or not."""
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


def put_back(folder: str) -> str:
    """What the guard's timer does: put the previous set back, unless it was confirmed.

    Args:
        folder: the component's folder.

    Returns:
        What was done, for the log.
    """
    parent, component = os.path.split(folder)
    journal = Journal(component, parent)
    with journal.locked():
        if journal.guard is None:
            return f"{component}: confirmed, nothing to put back"
        journal.put_back()
    return f"{component}: no new connection came through, the previous files are back"


def check_component(name: str) -> str:
    """Refuse a name that is not one plain word: it becomes a folder."""
    if not name or not all(character.isalnum() or character in "-_" for character in name):
        raise NodeError(f"«{name}» is not the name of a component: letters, digits, - and _ only")
    return name
