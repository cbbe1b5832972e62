"""A backup to every repository, and the checks after it."""

import json
import os
import shutil
import subprocess
import time
import uuid
from datetime import datetime

from backups import config, ownership, report, restic
from backups.config import BackupError
from backups.repository import DAY, Repository, newest

SECONDS = 20 * 3600  # for each repository


def run(settings):
    """Back up to every repository that answers; one that does not stands in no other's way.

    Raises:
        BackupError: it went to none, or not to all of them.
    """
    if config.RESTORING.exists():
        raise BackupError("a restore is not finished, so nothing is backed up; `restore` again finishes it")
    repositories = [Repository(entry, settings) for entry in settings["repositories"]]
    status = config.read(config.STATUS, {})
    life = config.read(config.LIFE, None) or {"life": str(uuid.uuid4()), "serial": 0}
    copied, failed = False, []
    for repository in repositories:
        entry = status.setdefault("repositories", {}).setdefault(repository.name, {})
        entry["tried"] = time.time()
        try:
            place = _own_place(repository, entry, life)
            if not copied:  # not before one answers
                life["serial"] += 1
                config.write(config.LIFE, life)
                _copy(settings, life)
                copied = True
            _back_up(repository, place, settings, life, entry)
            entry["error"] = ""
        except (BackupError, OSError) as error:
            entry["error"] = str(error)
            failed.append(str(error))
        report.keep(status)
    if failed:
        raise BackupError("\n".join(failed))


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
    place = next((place for place in repository.places(repository.quarter) if place not in damaged), None)
    if place is None:
        raise BackupError(f"{repository.name}: every repository of this quarter is damaged; call its partner")
    if not repository.opens(place):
        repository.restic(place, "init", seconds=300)
    entry["damaged"] = sorted(damaged)
    return place


def _copy(settings, life):
    """Write consistent copies of what cannot be copied as files, and what is needed to put all of it back."""
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


def _back_up(repository, place, settings, life, entry):
    folders = [state["folder"] for state in settings["state"] if not state["dump"]]
    left_out = [
        f"--exclude={state['folder']}/{pattern}" for state in settings["state"] for pattern in state["leave_out"]
    ]
    # What is made by this very backup, or is never part of one.
    left_out += [f"--exclude={config.FOLDER}/{name}" for name in ("drill", "restore")]
    begun = time.time()
    repository.restic(place, "unlock", seconds=300)  # what a run that was killed has left
    _, said = repository.restic(
        place, "backup", "--json", "--host", settings["territory"], "--tag", f"life={life['life']}",
        "--tag", f"serial={life['serial']}", "--group-by", "host", "--one-file-system", *left_out,
        *[folder for folder in folders if os.path.isdir(folder)], fine=(0, restic.INCOMPLETE), seconds=SECONDS,
    )  # fmt: skip
    summary = json.loads(said.strip().splitlines()[-1])
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
