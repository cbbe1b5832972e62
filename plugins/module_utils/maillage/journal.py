"""What `tree` keeps on the node, a folder per component: what it wrote, and what was there while it changes that.

    state.json     the paths that this component wrote, and a hash of each file
    journal.json   there only while a change is under way: how every path and unit was before
    previous/      the contents that journal.json speaks of

journal.json is on disk before the first path changes, and goes when all is done, services included. Whoever finds it
later (the next run, or the guard's timer) knows that work was left, and how things were.
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
        entries: path to how it was before the change under way, in the order of the changes; empty when there is none.
        units: unit name to how it was before.
        guard: the name of the armed timer that puts the previous set back, or None.
        promised: what the component will have written when the change is done.
    """

    def __init__(self, component: str, folder: str = FOLDER) -> None:
        self.folder = f"{folder}/{component}"
        self.read()

    def read(self) -> None:
        """Read what is under way."""
        record = self.load("journal.json")
        self.pending = bool(record)
        self.entries: dict[str, Any] = record.get("entries", {})
        self.units: dict[str, Any] = record.get("units", {})
        self.guard: str | None = record.get("guard")
        self.promised: dict[str, str] = record.get("promised", {})

    def load(self, name: str) -> dict[str, Any]:
        """Read one of the two files; nothing when it is not there."""
        try:
            with open(f"{self.folder}/{name}", encoding="utf-8") as file:
                return dict(json.load(file))
        except FileNotFoundError:
            return {}

    def save(self, name: str, value: dict[str, Any]) -> None:
        """Write one of the two files, whole or not at all."""
        files.write(f"{self.folder}/{name}", json.dumps(value).encode(), os.geteuid(), os.getegid(), 0o600)

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

    def begin(self, changes: list[Change], units: dict[str, Any], promised: dict[str, str], guard: str | None) -> None:
        """Save what is about to change; what an earlier, killed run saved is older and stays.

        Args:
            changes: the paths that will change.
            units: how the units that will be touched are, from services.before.
            promised: what the component will have written (path to hash).
            guard: the timer that will put all back, or None.
        """
        for change in changes:
            if change.path not in self.entries:
                self.entries[change.path] = self.saved(change.path, str(len(self.entries)))
        self.units = {**units, **self.units}
        self.guard, self.promised, self.pending = guard, promised, True
        self.save("journal.json", {"entries": self.entries, "units": self.units, "promised": promised, "guard": guard})

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
        self.close()

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

    def finish(self, written: dict[str, str]) -> None:
        """Note what this component wrote (path to hash), and close the journal.

        In this order: a run killed in between does its restarts twice, which harms nobody.
        """
        if written != self.written():
            self.save("state.json", {"written": written})
        self.close()

    def close(self) -> None:
        """Close the journal: nothing is under way any more."""
        with files.opened(self.folder) as directory:
            if self.pending:
                os.unlink("journal.json", dir_fd=directory)
                os.fsync(directory)
        with files.opened(f"{self.folder}/previous") as directory:
            for name in os.listdir(directory):
                os.unlink(name, dir_fd=directory)
        self.pending, self.entries, self.units, self.guard = False, {}, {}, None

    def forget(self) -> None:
        """Remove the folder: the component is gone."""
        import shutil  # 3 ms, for the rarest case

        shutil.rmtree(self.folder)

    def written(self) -> dict[str, str]:
        """Return the paths that this component wrote, with the hash of each file ("" for a link)."""
        return dict(self.load("state.json").get("written", {}))

    def claimed_by_others(self) -> set[str]:
        """Return the paths that other components of this host wrote."""
        parent, own = os.path.split(self.folder)
        claimed: set[str] = set()
        for name in os.listdir(parent):
            if name != own:
                claimed.update(Journal(name, parent).written())
        return claimed


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
