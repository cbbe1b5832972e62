"""From one release to the next, and back again when that fails: code, configuration and database together."""

from __future__ import annotations

import os
import subprocess

from maillage import files
from maillage.command import NodeError, run
from maillage.nextcloud_occ import HOURS, attempt, complaint, occ, recreate_database, reload_php
from maillage.nextcloud_release import remove_others, switch
from maillage.nextcloud_state import CODE, CONFIG, DATABASE, State, note_under_way, nothing_under_way, upgradable_from

DUMP = f"{CODE}/before.dump"
BEFORE = f"{CODE}/before.config.php"


def upgrade(state: State, new: str) -> None:
    """Bring the data to a release that is unpacked.

    Raises:
        NodeError: it cannot be; all is as it was before.
    """
    if not state.current and not state.under_way:
        take_over(state, new)
        return
    old = state.under_way.get("old") or state.current
    if state.current != new:
        line = ".".join(str(part) for part in state.installed[:2])
        known = upgradable_from(f"{CODE}/{new}")
        if line not in known:
            raise NodeError(f"Nextcloud {new} takes over from {' and '.join(sorted(known))}, not from {line}")
        note_under_way("upgrade", old, new)
        save()
        switch(new)
    reload_php()
    outcome = attempt("upgrade", seconds=HOURS)
    # Maintenance stays on where it was on before.
    attempt("maintenance:mode", "--off")
    if outcome.code or attempt("status", "--exit-code").code:
        note_under_way("roll back", old, new)
        roll_back(old)
        raise NodeError(f"the upgrade to Nextcloud {new} failed, {old} is back as it was: {complaint(outcome)}")


def take_over(state: State, new: str) -> None:
    """Bring the code to data that has come without it, such as on the volume of a server that was lost.

    Raises:
        NodeError: the data is of another release, which alone can bring it to this one.
    """
    has = ".".join(str(part) for part in state.installed[:3])
    if has != new:
        raise NodeError(
            f"the data here is of Nextcloud {has}, whose code is not here any more: deploy with the archive of {has} "
            f"first, then with that of {new}"
        )
    switch(new)
    reload_php()


def save() -> None:
    """Keep the database and config.php as they are, with nobody at work on them."""
    occ("maintenance:mode", "--on")
    with open(os.open(f"{DUMP}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        command = ["runuser", "-u", "nextcloud", "--", "pg_dump", "--format=custom", "--compress=zstd", DATABASE]
        done = subprocess.run(command, stdout=file, stderr=subprocess.PIPE, check=False, cwd="/")
        os.fsync(file.fileno())
    if done.returncode:
        occ("maintenance:mode", "--off")
        raise NodeError(f"the database could not be saved before the upgrade:\n{done.stderr.decode(errors='replace')}")
    os.replace(f"{DUMP}.new", DUMP)
    files.write(BEFORE, files.content(f"{CONFIG}/config.php"), os.geteuid(), os.getegid(), 0o600)


def roll_back(old: str) -> None:
    """Put the release, config.php and database back that `save` has kept; can be killed and done again.

    Raises:
        NodeError: the database could not be put back.
    """
    import pwd

    owner = pwd.getpwnam("nextcloud")
    switch(old)
    files.write(f"{CONFIG}/config.php", files.content(BEFORE), owner.pw_uid, owner.pw_gid, 0o640)
    recreate_database()
    with open(DUMP, "rb") as file:
        command = ["runuser", "-u", "nextcloud", "--", "pg_restore", "--exit-on-error", "--no-owner", "-d", DATABASE]
        done = subprocess.run(command, stdin=file, capture_output=True, check=False, cwd="/")
    if done.returncode:
        raise NodeError(f"the database could not be put back from {DUMP}:\n{done.stderr.decode(errors='replace')}")
    run(["systemctl", "restart", "php8.4-fpm.service"])
    occ("maintenance:mode", "--off")
    # What failed is read anew when it comes again: it may be another archive of the same name.
    remove_others({old}, State().releases)
    nothing_under_way()
