"""What the backups of this host are made of and where they go: /etc/maillage/backup.json, and the node's own files."""

import fcntl
import hashlib
import json
import os
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

CONFIG = Path("/etc/maillage/backup.json")
PASSWORDS = Path("/etc/maillage/backup-passwords.json")
FOLDER = Path("/srv/maillage/backup")
NOW = FOLDER / "now"  # what a backup takes besides the services' folders
LIFE = FOLDER / "life.json"
RESTORING = FOLDER / "restoring.json"
RESTORED = FOLDER / "restored"  # what was asked of a restore that is done here, until the controller has done its part
STATUS = Path("/var/lib/maillage/backup/status.json")
METRICS = Path("/var/lib/maillage/metrics/backup.prom")
LOCK = Path("/run/maillage-backup.lock")


class BackupError(Exception):
    """Says in one sentence what went wrong and what to do."""


class TookTooLong(BackupError):
    """Something was ended because it took too long: that says nothing about what it worked on."""


def load():
    """The configuration, with the passwords: the one in use first."""
    found = json.loads(CONFIG.read_text())
    ring = json.loads(PASSWORDS.read_text())
    return found | {"passwords": [ring["current"], *ring["previous"]]}


def read(path, default):
    """A JSON file of ours, or the default where there is none."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return default


def write(path, content, mode=0o600):
    """Write a file whole or not at all; what is no text becomes JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.new")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
        file.write(content if isinstance(content, str) else json.dumps(content, indent=1, ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


@contextmanager
def alone():
    """Hold what backup, drill and restore of a host share; whoever comes second waits."""
    with LOCK.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("waiting: a backup, drill or restore is under way on this host", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def digest(path):
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def local(time):
    """A moment as restic writes it, in this host's own time zone, to the second."""
    return datetime.fromisoformat(time).astimezone().isoformat(timespec="seconds")


def size(number):
    """Bytes for people."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"
