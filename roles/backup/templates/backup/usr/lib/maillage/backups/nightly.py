"""A backup to every repository, and the checks after it."""

import json
import os
import time
import uuid
from contextlib import contextmanager
from datetime import datetime

from backups import config, copies, report, restic
from backups.config import BackupError
from backups.place import choose, retire
from backups.repository import DAY, Repository

SECONDS = 20 * 3600  # for each repository


def run(settings):
    """Back up to every repository that answers; one that does not stands in no other's way.

    Raises:
        BackupError: it did not go to all of them.
    """
    if config.RESTORING.exists():
        raise BackupError("a restore is not finished, so nothing is backed up; `restore` again finishes it")
    config.RESTORED.unlink(missing_ok=True)  # a restore before this is history
    status, life = config.read(config.STATUS, {}), config.read(config.LIFE, None)
    life = life or {"life": str(uuid.uuid4()), "serial": 0}
    earlier, ready, failed = status.get("repositories", {}), [], []
    repositories = [Repository(entry, settings) for entry in settings["repositories"]]
    status["repositories"] = {each.name: earlier.get(each.name, {}) for each in repositories}
    for repository in repositories:
        with _noted(status, repository, failed) as entry:
            known = repository.everything()
            ready.append((repository, choose(repository, known, entry, life), known))
    life["serial"], copied = life["serial"] + 1, False
    for repository, chosen, known in ready:
        with _noted(status, repository, failed) as entry:
            if not copied:  # nothing is copied before one answers
                config.write(config.LIFE, life)
                copies.make(settings, life)
                copied = True
            _back_up(repository, chosen, settings, life, status)
            retire(repository, known)
    if failed:
        raise BackupError("\n".join(failed))


@contextmanager
def _noted(status, repository, failed):
    """Keep what comes of one repository; an error of one is no end of the others."""
    entry = status["repositories"][repository.name]
    try:
        yield entry
        entry["error"] = ""
    except (BackupError, OSError) as error:
        entry["error"] = str(error)
        failed.append(str(error))
    entry["tried"] = time.time()
    report.keep(status)


def _back_up(repository, place, settings, life, status):
    entry = status["repositories"][repository.name]
    folders = [state["folder"] for state in settings["state"] if not state["dump"]]
    left_out = [f"{config.FOLDER}/{name}" for name in ("drill", "restore")]  # what others do there
    left_out += [f"{state['folder']}/{pattern}" for state in settings["state"] for pattern in state["leave_out"]]
    begun = time.time()
    if entry.get("under_way"):
        repository.restic(place, "unlock", seconds=300)  # what a run that was killed has left
    entry["under_way"] = True
    report.keep(status)
    _, said = repository.restic(
        place, "backup", "--json", "--no-scan", "--host", settings["territory"], "--tag", f"life={life['life']}",
        "--tag", f"serial={life['serial']}", "--group-by", "host", *[f"--exclude={each}" for each in left_out],
        *[folder for folder in folders if os.path.isdir(folder)], fine=(0, restic.INCOMPLETE), seconds=SECONDS,
    )  # fmt: skip
    summary = json.loads(said.strip().splitlines()[-1])
    if summary["total_files_processed"] <= len([state for state in settings["state"] if state["dump"]]):
        raise BackupError(f"{repository.name}: the backup is empty: {summary['total_files_processed']} files")
    entry |= {
        "place": place,
        "snapshot": summary["snapshot_id"],
        "made": datetime.fromisoformat(summary["backup_start"]).timestamp(),
        "took": time.time() - begun,
        "files": summary["total_files_processed"],
        "bytes": summary["total_bytes_processed"],
        "sent": summary["data_added_packed"],
        "serial": life["serial"],
        "under_way": False,
    }
    _check(repository, place, settings["read_back_days"], entry)
    print(
        f"{repository.name}: {entry['files']} files, {config.size(entry['bytes'])}; {config.size(entry['sent'])} sent"
    )


def _check(repository, place, days, entry):
    """See that the repository's structure is whole, and read this day's part of the data back.

    Raises:
        BackupError: it is damaged; the next backup begins another one.
    """
    part = int(time.time() // DAY) % days + 1
    try:
        repository.restic(place, "check", "--no-lock", f"--read-data-subset={part}/{days}", seconds=SECONDS)
    except BackupError as error:
        if "contains errors" not in str(error):
            raise
        entry["damaged"].append(place)
        raise BackupError(f"{repository.name}: {place} is damaged; the next backup begins another repository") from None
    entry |= {"checked": time.time(), "part": f"{part}/{days}"}
