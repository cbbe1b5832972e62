"""Which backup is taken back, and from where."""

from datetime import datetime

from backups.config import BackupError
from backups.repository import Repository, newest


def snapshots(settings, say=print):
    """All snapshots of all repositories that answer; says which do not, or are damaged.

    Raises:
        BackupError: none answers.
    """
    found, silent = [], []
    for entry in settings["repositories"]:
        repository = Repository(entry, settings)
        try:
            found += [each | {"repository": repository} for each in repository.everything()]
        except BackupError as error:
            silent.append(str(error))
            say(str(error))
        for place, error in repository.broken.items():
            say(f"{error} ({place})")
    if silent and len(silent) == len(settings["repositories"]):
        raise BackupError("no repository answers:\n" + "\n".join(silent))
    return found


def candidates(found, at=None):
    """The same backup wherever it is, best first: the one that was made last, or the last one before a moment.

    Args:
        found: snapshots, of all repositories.
        at: a moment, as a datetime with its time zone.

    Raises:
        BackupError: there is none.
    """
    if at is not None:
        found = [each for each in found if datetime.fromisoformat(each["time"]) <= at]
    chosen = max(found, key=lambda each: each["time"], default=None) if at else newest(found)
    if chosen is None:
        raise BackupError("there is no backup" + (f" from before {at.isoformat(timespec='seconds')}" if at else ""))
    of_it = (chosen["life"], chosen["serial"])
    same = [each for each in found if (each["life"], each["serial"]) == of_it and each is not chosen]
    return [chosen, *same]


def taken(settings, at, take):
    """Give what `take` makes of the chosen backup, from the first repository where it can be read whole.

    Raises:
        BackupError: it can be read from none.
    """
    errors = []
    for each in candidates(snapshots(settings), at):
        try:
            return take(each)
        except BackupError as error:
            errors.append(str(error))
            print(error, flush=True)
    raise BackupError("the backup could be read from no repository:\n" + "\n".join(errors))
