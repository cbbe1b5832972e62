"""Apps from archives that the partner gives: unpacked beside their place, looked into, moved there and switched on."""

from __future__ import annotations

import os
import re
import shutil
import tarfile

from maillage.command import NodeError, run
from maillage.nextcloud_occ import attempt, complaint, reload_php
from maillage.nextcloud_release import READ_AT_ONCE, check_sum, write_members
from maillage.nextcloud_state import numbers, text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

APPS = "/srv/maillage/nextcloud/apps"
ASIDE = f"{APPS}.unfinished"


def install(app: str, known: str, archive: str, given: dict[str, Any]) -> None:
    """Install an app; killed anywhere, it is not switched on yet, and the next run does it all anew.

    Args:
        app: its own name.
        known: the version that this host had of it, or "".
        archive: on this host.
        given: its `sha256`, and `unsigned` to accept it without Nextcloud's signature.

    Raises:
        NodeError: the archive is not what it should be, or Nextcloud does not take the app; nothing is left of it.
    """
    place, aside = f"{APPS}/{app}", f"{ASIDE}/{app}"
    check_sum(archive, given["sha256"])
    shutil.rmtree(ASIDE, ignore_errors=True)
    os.makedirs(aside, mode=0o755)
    try:
        with tarfile.open(archive, mode="r|gz", bufsize=READ_AT_ONCE) as members:
            write_members(members, aside, f"{app}/")
        examine(app, known, aside)
        if not given["unsigned"]:
            see_signature(app, aside)
        owned = run(["chown", "-R", "nextcloud:nextcloud", aside])
        if owned.code:
            raise NodeError(f"{aside}: cannot be given to Nextcloud:\n{owned.text}")
        os.sync()
        if os.path.lexists(place):
            os.rename(place, f"{ASIDE}/before")
        os.rename(aside, place)
        shutil.rmtree(ASIDE)  # before the app is on: the next run does not come here again
        reload_php()
        outcome = attempt("app:enable", app)
        if outcome.code:
            os.rename(place, ASIDE)
            raise NodeError(f"Nextcloud does not take the app {app} of the given archive: {complaint(outcome)}")
    except (tarfile.TarError, EOFError) as error:
        raise NodeError(f"the archive of the app {app} is damaged or not whole ({error}): get it again") from None
    except OSError as error:
        raise NodeError(f"the archive of the app {app} cannot be unpacked: {error}") from None
    finally:
        shutil.rmtree(ASIDE, ignore_errors=True)


def examine(app: str, known: str, folder: str) -> None:
    """Refuse another app, and one that is older than the data that this host has of it."""
    text = text_of(f"{folder}/appinfo/info.xml")
    found, version = (re.search(rf"<{name}>\s*([\w.+-]+)\s*</{name}>", text) for name in ("id", "version"))
    if not found or not version or found[1] != app:
        raise NodeError(f"the archive of the app {app} holds {f'the app {found[1]}' if found else 'no app'}")
    if numbers(re.findall(r"\d+", version[1])) < numbers(re.findall(r"\d+", known)):
        raise NodeError(f"the archive has {app} {version[1]}, but this host had {known}: give that or a later one")


def see_signature(app: str, folder: str) -> None:
    """Have Nextcloud compare every file with the app's signature, which its own authority vouches for."""
    if os.path.isfile(f"{folder}/appinfo/signature.json"):
        outcome = attempt("integrity:check-app", app, f"--path={folder}")
        if not outcome.code:
            return
        # Nextcloud keeps what it found, and would report it as long as it lives: here it is gone with the app.
        attempt("config:app:delete", "core", "oc.integritycheck.checker")
        attempt("memcache:distributed:clear")
        reason = complaint(outcome).rstrip(":")
    else:
        reason = "it has no signature"  # which that command would pass over
    raise NodeError(
        f"nothing shows that the archive of the app {app} is the official one ({reason}): take it from "
        "apps.nextcloud.com, or accept it as it is with --allow-unsigned-archive"
    )
