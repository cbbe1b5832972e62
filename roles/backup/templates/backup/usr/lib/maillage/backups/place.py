"""Which repository a backup goes to; and which are old enough to be emptied, where no peer does that."""

import os
import time
from datetime import datetime

from backups import config
from backups.config import BackupError
from backups.repository import DAY, newest

KEPT, PROOF = 100, 10  # days after the last backup of a quarter; backups of later quarters that must be there by then


def choose(repository, known, entry, life):
    """Give the repository to back up to, made if need be; the next one where one is damaged.

    Args:
        repository: after `everything`.
        known: what that gave.
        entry: what is kept of the place from run to run; `damaged` and `same_disk` are written.
        life: of this node; `serial` becomes the largest that is known.

    Raises:
        BackupError: its disk is not mounted, or what is there comes from an earlier life of the node.
    """
    last = newest(known)
    if last and last["life"] not in (life["life"], *life.get("follows", [])):
        raise BackupError(
            f"{repository.name} keeps backups of an earlier life of this node ({last['time'][:16]}): "
            "`restore` brings it back; if nobody wants it, `backup begin-anew`"
        )
    entry["same_disk"] = not repository.is_elsewhere and _disk(repository.url) == _disk(config.FOLDER.parent)
    if entry["same_disk"] and entry.get("made") and not repository.present:
        raise BackupError(f"{repository.url} has none of the backups that were made there: mount its disk")
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


def _disk(folder):
    return os.stat(folder).st_dev


def retire(repository, known):
    """Empty what is old in a place of one's own; peers do it for what they keep, by their own clocks."""
    if repository.is_peer:
        return
    for place in repository.present:
        own = [each for each in known if each["place"] == place]
        later = [each for each in known if each["place"].split(".")[0] > place.split(".")[0]]
        last = max((datetime.fromisoformat(each["time"]).timestamp() for each in own), default=time.time())
        if len(later) >= PROOF and last < time.time() - KEPT * DAY:
            repository.restic(place, "unlock", seconds=300)
            words = ["--host", repository.territory, "--unsafe-allow-remove-all", "--group-by", "host", "--prune"]
            repository.restic(place, "forget", *words)
            print(f"{repository.name}: {place} ended {time.strftime('%Y-%m-%d', time.gmtime(last))}; it is emptied")
