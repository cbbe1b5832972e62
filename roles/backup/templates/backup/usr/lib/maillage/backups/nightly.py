"""A backup to every repository, and the checks after it."""

import json
import os
import time
import uuid
from contextlib import contextmanager
from datetime import datetime

from backups import config, copies, report, restic
from backups.config import BackupError
from backups.repository import DAY, Repository, newest

SECONDS = 20 * 3600  # for each repository


def run(settings):
    """Back up to every repository that answers; one that does not stands in no other's way.

    Raises:
        BackupError: it did not go to all of them.
    """
    if config.RESTORING.exists():
        raise BackupError("a restore is not finished, so nothing is backed up; `restore` again finishes it")
    status, life = config.read(config.STATUS, {}), config.read(config.LIFE, None)
    life = life or {"life": str(uuid.uuid4()), "serial": 0}
    earlier, ready, failed = status.get("repositories", {}), [], []
    repositories = [Repository(entry, settings) for entry in settings["repositories"]]
    status["repositories"] = {each.name: earlier.get(each.name, {}) for each in repositories}
    for repository in repositories:
        with _noted(status, repository, failed) as entry:
            ready.append((repository, _own_place(repository, entry, life)))
    life["serial"], copied = life["serial"] + 1, False
    for repository, place in ready:
        with _noted(status, repository, failed) as entry:
            if not copied:  # nothing is copied before one answers
                config.write(config.LIFE, life)
                copies.make(settings, life)
                copied = True
            _back_up(repository, place, settings, life, entry)
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


def _own_place(repository, entry, life):
    """The repository to back up to, made if need be; the next one where one is damaged.

    Raises:
        BackupError: the peer does not answer, or what is there comes from an earlier life of the node.
    """
    known = repository.everything()
    last = newest(known)
    if last and last["life"] not in (life["life"], *life.get("follows", [])):
        raise BackupError(
            f"{repository.name} keeps backups of an earlier life of this node ({last['time'][:16]}): "
            "`restore` brings it back; if nobody wants it, `backup begin-anew`"
        )
    life["serial"] = max([life["serial"], *(each["serial"] for each in known)])
    damaged = {*entry.get("damaged", []), *repository.broken}
    places = repository.places(repository.quarter)
    sound = [place for place in places if place in repository.present and place not in damaged]
    new = [place for place in places if place not in damaged]
    if not new:
        raise BackupError(f"{repository.name}: every repository of this quarter is damaged; call its partner")
    place = (sound or new[:1])[-1]  # the last one: damage to those before it was found once, perhaps by another host
    if place not in repository.present:
        repository.restic(place, "init", seconds=300)
    entry["damaged"] = sorted(damaged)
    return place


def _back_up(repository, place, settings, life, entry):
    folders = [state["folder"] for state in settings["state"] if not state["dump"]]
    left_out = [f"{config.FOLDER}/{name}" for name in ("drill", "restore")]  # what others do there
    left_out += [f"{state['folder']}/{pattern}" for state in settings["state"] for pattern in state["leave_out"]]
    begun = time.time()
    repository.restic(place, "unlock", seconds=300)  # what a run that was killed has left
    _, said = repository.restic(
        place, "backup", "--json", "--host", settings["territory"], "--tag", f"life={life['life']}",
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
