"""What one subscriber had, or a part of it, at a time: into a folder beside, never over what is there."""

import re
import shutil
import subprocess
import time
from pathlib import Path

from backups import choice, config
from backups.config import BackupError, local

PLACE = Path("/srv/maillage/restored")
LOGIN = re.compile(r"[a-z][a-z0-9]*([._-][a-z0-9]+)*")


def part(settings, at, subscriber, path):
    """Restore what one subscriber had, or a path of it, into a folder of its own; give the folder.

    Raises:
        BackupError: the backup has nothing of it, or it is not this subscriber's.
    """
    if not LOGIN.fullmatch(subscriber):
        raise BackupError(f"{subscriber!r} is no login name")
    path = path.strip("/")
    if path and {"", ".", ".."} & set(path.split("/")):
        raise BackupError(f"{path!r} is not a path below what {subscriber} had")
    target = PLACE / f"{subscriber}-{time.strftime('%Y-%m-%d-%H%M%S')}"
    target.mkdir(mode=0o700, parents=True)
    try:
        choice.taken(settings, at, lambda snapshot: _fetched(settings, snapshot, target, subscriber, path))
    finally:
        empty = not any(each.is_file() for each in target.rglob("*"))
        if empty:
            shutil.rmtree(target)
    if empty:
        raise BackupError(f"the backup has nothing of {subscriber}" + (f" at {path}" if path else ""))
    return target


def _fetched(settings, snapshot, target, subscriber, path):
    """Bring the files, and from databases what they know of the subscriber; with a path, only if no file is there."""
    print(f"from the backup of {local(snapshot['time'])} at {snapshot['at']}", flush=True)
    wanted = []
    for state in settings["state"]:
        if state["subscriber"] and not state["dump"]:
            base = f"{state['folder']}/{state['subscriber'].format(uid=subscriber)}"
            wanted.append(f"{base}/{path}" if path else base)
    if wanted:
        _restored(snapshot, target, wanted)
    extracts = [state for state in settings["state"] if state["extract"]]
    if extracts and not (path and any(each.is_file() for each in target.rglob("*"))):
        copies = target / "copies"  # of everybody's data: gone again whatever happens
        try:
            _restored(snapshot, copies, [str(config.NOW)])
            _out_of_copies(extracts, copies / config.NOW.relative_to("/"), target, subscriber, path)
        finally:
            shutil.rmtree(copies, ignore_errors=True)


def _out_of_copies(extracts, copies, target, subscriber, path):
    words = {"copies": copies, "uid": subscriber, "folder": target, "path": path}
    for state in extracts:
        done = subprocess.run([word.format(**words) for word in state["extract"]], stderr=subprocess.PIPE, text=True)
        if done.returncode:
            raise BackupError(f"{state['role']}: {done.stderr.strip() or done.returncode}")


def _restored(snapshot, target, paths):
    # Square brackets and the like are part of a name here, not a pattern.
    words = [f"--include={''.join(f'[{c}]' if c in '*?[' else c for c in each)}" for each in paths]
    words = ["restore", snapshot["id"], "--no-lock", "--verify", "--target", str(target), *words]
    snapshot["repository"].restic(snapshot["place"], *words)
