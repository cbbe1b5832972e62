"""The repositories of this node at one peer, or in a place of its own.

A new one is begun each quarter (a generation), and when one is found to be damaged: what is in a repository is never
changed or removed from here. Its name is gNNNN, the number of the quarter, and .N for a further one of that quarter.
As nothing is removed, locks protect nothing: only `backup` takes one, because restic insists.
"""

import json
import time

from backups import reach, restic
from backups.config import BackupError, TookTooLong

DAY, QUARTER = 86400, 91
LOOK_BACK, ATTEMPTS = 4, 3  # generations; repositories in each


class Repository:
    """Where backups go: `name` is the peer's, or `own`; `offset` spreads the starts of the quarters, in days."""

    def __init__(self, entry, config):
        self.name, self.url, self.offset = entry["name"], entry["url"], entry["offset"]
        self.territory, self.passwords = config["territory"], config["passwords"]
        self.limits = ["--limit-upload", str(config["upload"])] if config["upload"] else []
        self.present = []  # places that were read, and
        self.broken = {}  # those that could not be, with the reason: as far as was seen

    @property
    def quarter(self):
        """The number of this quarter."""
        return int((time.time() / DAY + self.offset) // QUARTER)

    def places(self, quarter):
        """The names of the repositories of a quarter, in the order in which they are made."""
        return [f"g{quarter:04}" + (f".{number}" if number else "") for number in range(ATTEMPTS)]

    @property
    def is_peer(self):
        """Whether it is kept by a peer, who lets nothing be removed."""
        return self.url.startswith("rest:")

    @property
    def is_elsewhere(self):
        """Whether it is on another host."""
        return self.is_peer or self.url.startswith("sftp:")

    def reach(self):
        """See that it answers; see `reach.check`."""
        reach.check(self.name, self.url, f"{self.places(self.quarter)[0]}/config")

    def restic(self, place, *words, password=None, **how):
        """Run restic on one repository; see `restic.run`."""
        try:
            return restic.run(
                f"{self.url}{place}/", *self.limits, *words, password=password or self.passwords[0], **how
            )
        except BackupError as error:
            raise type(error)(f"{self.name}: {error}") from None

    def snapshots(self, place):
        """Those of one repository, as restic's JSON has them, with `at`, `place`, and our tags `life` and `serial`.

        None where there is no repository. A password that was changed since is added to it.

        Raises:
            BackupError: no password opens it, or it cannot be read.
        """
        words = ["snapshots", "--json", "--no-lock", "--host", self.territory]
        fine = (0, restic.NO_REPOSITORY, restic.WRONG_PASSWORD)
        for password in self.passwords:
            code, said = self.restic(place, *words, password=password, fine=fine, seconds=600)
            if code == restic.NO_REPOSITORY:
                return None
            if code == 0:
                if password != self.passwords[0]:
                    with restic.in_memory(self.passwords[0]) as path:
                        self.restic(place, "key", "add", "--new-password-file", path, password=password, seconds=120)
                return [self._tagged(place, each) for each in json.loads(said) or []]
        raise BackupError(f"{self.name}: none of the territory's passwords opens {place}")

    def _tagged(self, place, snapshot):
        tags = dict(tag.split("=", 1) for tag in snapshot.get("tags") or [] if "=" in tag)
        serial = int(tags["serial"]) if tags.get("serial", "").isdigit() else 0
        return snapshot | {"at": self.name, "place": place, "life": tags.get("life", ""), "serial": serial}

    def everything(self):
        """All snapshots, of all generations; repositories that cannot be read are noted in `broken`.

        Raises:
            BackupError: the peer does not answer.
        """
        self.reach()
        found = []
        # One quarter ahead too, for a clock that was wrong.
        for quarter in range(self.quarter + 1, self.quarter - LOOK_BACK, -1):
            for place in self.places(quarter):
                try:
                    if (kept := self.snapshots(place)) is not None:
                        found += kept
                        self.present.append(place)
                except TookTooLong:
                    raise
                except BackupError as error:
                    self.reach()
                    self.broken[place] = str(error)
        return found


def newest(snapshots):
    """The one that was made last. Not by its date: a clock that was wrong may have dated one far ahead.

    A serial is one more than the largest that was there before, also after a restore.
    """
    return max(snapshots, key=lambda each: (each["serial"], each["time"]), default=None)
