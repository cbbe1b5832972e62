"""Consistent copies of what cannot be copied as files while it is in use."""

import shutil
import subprocess

from backups import config, ownership
from backups.config import BackupError


def make(settings, life):
    """Write the copies, and beside them what is needed to put all of it back.

    Raises:
        BackupError: one could not be made.
    """
    shutil.rmtree(config.NOW, ignore_errors=True)
    config.NOW.mkdir(mode=0o700, parents=True)
    dumps = {}
    for state in settings["state"]:
        if state["dump"]:
            path = config.NOW / state["role"]
            with path.open("wb") as file:
                done = subprocess.run(state["dump"], stdout=file, stderr=subprocess.PIPE, text=True)
            if done.returncode:
                raise BackupError(f"{state['role']}: no copy could be made: {done.stderr.strip() or done.returncode}")
            dumps[state["role"]] = {"bytes": path.stat().st_size, "sha256": config.digest(path)}
    names = {"users": ownership.numbers("/etc/passwd"), "groups": ownership.numbers("/etc/group")}
    config.write(config.NOW / "manifest.json", {**life, "dumps": dumps, **names})
