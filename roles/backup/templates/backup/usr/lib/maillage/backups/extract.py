"""What one subscriber had, or a part of it, at a time: into a folder beside, never over what is there."""

import shutil
import time
from pathlib import Path

from backups import choice
from backups.config import BackupError

PLACE = Path("/srv/maillage/restored")


def part(settings, at, subscriber, path):
    """Restore what one subscriber had, or a path of it, into a folder of its own; give the folder.

    Raises:
        BackupError: the backup has nothing of it.
    """
    wanted = []
    for state in settings["state"]:
        if state["subscriber"] and not state["dump"]:
            base = f"{state['folder']}/{state['subscriber'].format(uid=subscriber)}"
            wanted.append(f"{base}/{path.strip('/')}" if path else base)
    target = PLACE / f"{subscriber}-{time.strftime('%Y-%m-%d-%H%M%S')}"
    target.mkdir(mode=0o700, parents=True)
    # Square brackets and the like are part of a name here, not a pattern.
    words = [f"--include={''.join(f'[{c}]' if c in '*?[' else c for c in each)}" for each in wanted]
    words = ["--no-lock", "--verify", "--target", str(target), *words]
    try:
        choice.taken(settings, at, lambda one: one["repository"].restic(one["place"], "restore", one["id"], *words))
    finally:
        empty = not any(each.is_file() for each in target.rglob("*"))
        if empty:
            shutil.rmtree(target)
    if empty:
        raise BackupError(f"the backup has nothing of {subscriber}" + (f" at {path}" if path else ""))
    return target
