"""What a component wants on disk, compared with what is there. Nothing here writes."""

from __future__ import annotations

import grp
import pwd
from collections import namedtuple

from maillage import files
from maillage.command import NodeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DIFF_LIMIT = 100_000

Wanted = namedtuple("Wanted", "kind path data target owner group mode implied")
Wanted.__doc__ = """One path as it should be.

kind is directory, file, link or absent; data the bytes of a file; target where a link leads; implied marks a directory
that is only made when it is not there, because a file of ours goes into it.
"""
Change = namedtuple("Change", "kind path action wanted before uid gid")
Change.__doc__ = (
    "One path to change: what it will be (or was, when removed), from what Standing, owned by whom (-1: unknown)."
)


def wanted_paths(manifest: dict[str, Any]) -> list[Wanted]:
    """List what the manifest asks for, in the order in which it can be made: directories before what they hold."""
    wanted = [
        Wanted("directory", path, b"", "", entry["owner"], entry["group"], int(entry["mode"], 8), False)
        for path, entry in sorted(manifest["directories"].items())
    ]
    for path, entry in sorted(manifest["files"].items()):
        data = entry["content"].encode("utf-8", "surrogateescape")
        wanted.append(Wanted("file", path, data, "", entry["owner"], entry["group"], int(entry["mode"], 8), False))
    wanted += [
        Wanted("link", path, b"", target, "root", "root", 0o777, False)
        for path, target in sorted(manifest["links"].items())
    ]
    implied = implied_directories([item.path for item in wanted], manifest["directories"])
    directories = sorted([*implied, *(item for item in wanted if item.kind == "directory")], key=lambda item: item.path)
    return directories + [item for item in wanted if item.kind != "directory"] + gone(sorted(manifest["absent"]))


def gone(paths: list[str]) -> list[Wanted]:
    """Want paths not to be there."""
    return [Wanted("absent", path, b"", "", "root", "root", 0, False) for path in paths]


def implied_directories(paths: list[str], declared: dict[str, Any]) -> list[Wanted]:
    """Every directory above a path that the manifest does not speak of: root's, and open to read."""
    above = set()
    for path in paths:
        while (path := path.rpartition("/")[0]) and path not in above and path not in declared:
            above.add(path)
    return [Wanted("directory", path, b"", "", "root", "root", 0o755, True) for path in above]


def differences(wanted: list[Wanted]) -> list[Change]:
    """Compare, and keep what must change.

    Raises:
        NodeError: something stands where it cannot be replaced without losing what somebody else put there.
    """
    owners: dict[tuple[str, str], int] = {}
    found = (difference(item, owners) for item in wanted)
    return [change for change in found if change]


def difference(item: Wanted, owners: dict[tuple[str, str], int]) -> Change | None:
    """Compare one path with what is there."""
    before = files.standing_directory(item.path) if item.kind == "directory" else files.standing(item.path)
    if item.kind == "absent":
        if before.kind in ("absent", "other") or (before.kind == "directory" and not files.is_empty(item.path)):
            return None
        return Change(before.kind, item.path, "remove", item, before, -1, -1)
    if item.implied and before.kind == "directory":
        return None
    uid, gid = identifier(owners, "user", item.owner), identifier(owners, "group", item.group)
    if before.kind == "absent":
        return Change(item.kind, item.path, "create", item, before, uid, gid)
    refuse_misplaced(item, before)
    if same(item, before, uid, gid):
        return None
    return Change(item.kind, item.path, "change", item, before, uid, gid)


def same(item: Wanted, before: files.Standing, uid: int, gid: int) -> bool:
    """Say whether a path is already as it should be."""
    if before.kind != item.kind:
        return False
    if item.kind == "link":
        return bool(before.target == item.target)
    if (before.uid, before.gid, before.mode) != (uid, gid, item.mode):
        return False
    if item.kind == "directory":
        return True
    if before.size != len(item.data):
        return False
    data: bytes = item.data
    return files.content(item.path) == data


def refuse_misplaced(item: Wanted, before: files.Standing) -> None:
    """Refuse to replace what may be somebody's work: a full directory, a device, a socket."""
    if before.kind == "other":
        raise NodeError(f"{item.path} is neither a file nor a directory nor a link: remove it, then deploy again")
    if before.kind == "directory" and item.kind != "directory" and not files.is_empty(item.path):
        raise NodeError(
            f"{item.path} is a directory that is not empty, not a {item.kind}: move it away, then deploy again"
        )


def identifier(known: dict[tuple[str, str], int], kind: str, name: str) -> int:
    """Return the number of a user or group, or -1 when the host does not know it (yet)."""
    if (kind, name) not in known:
        try:
            known[kind, name] = pwd.getpwnam(name).pw_uid if kind == "user" else grp.getgrnam(name).gr_gid
        except KeyError:
            known[kind, name] = -1
    return known[kind, name]


def require_owners(changes: list[Change]) -> None:
    """Refuse to write for users or groups that are not there."""
    for change in changes:
        if change.action != "remove" and -1 in (change.uid, change.gid):
            kind, name = ("user", change.wanted.owner) if change.uid == -1 else ("group", change.wanted.group)
            raise NodeError(
                f"there is no {kind} {name} on this host, to whom {change.path} should belong: is its package missing?"
            )


def shown(change: Change) -> list[dict[str, str]]:
    """Describe a change for `--diff`. A file that other users may not read is not shown, nor is what it becomes."""
    before, after = attributes(change.before), {}
    if change.action != "remove":
        after = {"owner": change.wanted.owner, "group": change.wanted.group, "mode": f"{change.wanted.mode:04o}"}
    if change.kind == "link" or change.before.kind == "link":
        before["target"], after["target"] = change.before.target, change.wanted.target
    parts = []
    if before != after:
        parts.append(part(f"{change.path} ({change.kind})", listing(before), listing(after)))
    if change.kind == "file":
        parts += shown_content(change)
    return parts


def shown_content(change: Change) -> list[dict[str, str]]:
    """Describe how a file's content changes."""
    old = files.content(change.path) if change.before.kind == "file" else b""
    new = change.wanted.data
    if old == new:
        return []
    modes = [change.before.mode] if change.before.kind == "file" else []
    if change.action != "remove":
        modes.append(change.wanted.mode)
    if any(mode & 0o007 == 0 for mode in modes):
        return [{"prepared": f"{change.path}: secret content differs\n"}]
    if len(old) + len(new) > DIFF_LIMIT or b"\0" in old + new:
        return [{"prepared": f"{change.path}: content differs ({len(old)} bytes before, {len(new)} after)\n"}]
    return [part(change.path, old.decode(errors="replace"), new.decode(errors="replace"))]


def attributes(before: files.Standing) -> dict[str, str]:
    """Name the owner, group and mode of what is there."""
    if before.kind == "absent":
        return {}
    try:
        owner = pwd.getpwuid(before.uid).pw_name
    except KeyError:
        owner = str(before.uid)
    try:
        group = grp.getgrgid(before.gid).gr_name
    except KeyError:
        group = str(before.gid)
    return {"owner": owner, "group": group, "mode": f"{before.mode:04o}"}


def listing(values: dict[str, str]) -> str:
    """One `name: value` a line."""
    return "".join(f"{name}: {value}\n" for name, value in values.items())


def part(title: str, before: str, after: str) -> dict[str, str]:
    """One entry of Ansible's diff."""
    return {"before_header": title, "after_header": title, "before": before, "after": after}
