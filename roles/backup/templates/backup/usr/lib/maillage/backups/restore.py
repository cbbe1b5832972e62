"""A backup back in its place. Interrupted, the same once more goes on."""

import os
import shutil
import subprocess
import time
from pathlib import Path

from backups import choice, config, ownership
from backups.config import BackupError, size

PLACE = config.FOLDER / "restore"
ASIDE = Path("/srv/maillage/set-aside")  # what was there before


def whole(settings, at, replace, asked):
    """Put everything back; what is there is set aside.

    Args:
        settings: of this host.
        at: the moment, or None for the newest backup.
        replace: also on a node that has made backups of its own.
        asked: the same in words, kept until the controller has seen that it is done.

    Raises:
        BackupError: there is nothing to restore, or this node is in use.
    """
    if config.LIFE.exists() and not config.RESTORING.exists() and not replace:
        raise BackupError(
            "this node is in use and has its own backups; --replace sets what is there aside, and restores"
        )
    choice.taken(settings, at, lambda snapshot: _fetched(settings, snapshot))
    under_way = config.read(config.RESTORING, None)
    subprocess.run(["systemctl", "stop", *under_way["units"]], check=True)
    for state in settings["state"]:
        if state["role"] != "backup" and state["folder"] not in under_way["done"]:
            _put_back(state, under_way)
    subprocess.run(["systemctl", "start", *under_way["units"]], check=True)
    for state in settings["state"]:
        if state["restored"]:
            print(f"{state['role']}: after the restore", flush=True)
            _done(subprocess.run(state["restored"], stderr=subprocess.PIPE, text=True), state)
    manifest = config.read(_manifest(), None)
    config.write(config.LIFE, {"life": manifest["life"], "serial": manifest["serial"]})
    config.write(config.STATUS, {}, 0o644)  # what was said of backups before this is over
    config.write(config.RESTORED, asked)
    config.RESTORING.unlink()
    shutil.rmtree(PLACE)
    print(f"restored; what was there before is in {ASIDE / under_way['name']}", flush=True)


def _fetched(settings, snapshot):
    """Bring all of it onto this disk, beside what is there."""
    under_way = config.read(config.RESTORING, None)
    if under_way is None or (under_way["life"], under_way["serial"]) != (snapshot["life"], snapshot["serial"]):
        if under_way and under_way["done"]:
            raise BackupError(f"another restore is half done; `--at {under_way['time']}` finishes it")
        shutil.rmtree(PLACE, ignore_errors=True)
        PLACE.mkdir(mode=0o700, parents=True)
        chosen = {key: snapshot[key] for key in ("life", "serial", "time")}
        name, units = time.strftime("%Y-%m-%d-%H%M%S"), [unit for state in settings["state"] for unit in state["units"]]
        active = [unit for unit in units if subprocess.run(["systemctl", "is-active", "--quiet", unit]).returncode == 0]
        under_way = {**chosen, "name": name, "units": active, "done": [], "owned": ""}
    elif under_way["owned"] not in ("", *under_way["done"]):
        shutil.rmtree(PLACE / under_way["owned"].lstrip("/"), ignore_errors=True)  # its owners may be half changed
    config.write(config.RESTORING, under_way)
    total = snapshot["summary"]["total_bytes_processed"]
    print(f"backup of {config.local(snapshot['time'])} from {snapshot['at']}: {size(total)}", flush=True)
    words = ["--no-lock", "--verify", "--json", "--overwrite", "if-changed", "--target", str(PLACE)]
    words += [f"--exclude={folder}" for folder in under_way["done"]]
    snapshot["repository"].restic(
        snapshot["place"], "restore", snapshot["id"], *words,
        progress=lambda share: print(f"  {share:.0%}", flush=True),
    )  # fmt: skip


def _manifest():
    return PLACE / config.NOW.relative_to("/") / "manifest.json"


def _put_back(state, under_way):
    """One folder: what is there goes aside, what was backed up takes its place."""
    folder, manifest = Path(state["folder"]), config.read(_manifest(), None)
    copy, source = _manifest().parent / state["role"], PLACE / state["folder"].lstrip("/")
    if not (copy.exists() if state["dump"] else source.is_dir()):
        return  # the node had no such service then
    print(f"{state['role']}: {folder}", flush=True)
    if not state["dump"]:
        under_way["owned"] = state["folder"]
        config.write(config.RESTORING, under_way)
        ownership.give(source, manifest)
    _set_aside(folder, ASIDE / under_way["name"])
    if state["dump"]:
        with copy.open("rb") as file:
            _done(subprocess.run(state["load"], stdin=file, stderr=subprocess.PIPE, text=True), state)
    else:
        if folder.exists():
            folder.rmdir()  # the empty one, in the way
        source.rename(folder)
    under_way["done"].append(state["folder"])
    config.write(config.RESTORING, under_way)


def _set_aside(folder, place):
    """Move a folder away and leave an empty one in its place, with its owner and mode."""
    if folder.is_dir() and any(folder.iterdir()):
        found = folder.stat()
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        kept = place / folder.name
        if kept.exists():  # a restore that was killed had begun to fill it again
            kept = kept.with_name(f"{kept.name}-{time.time_ns()}")
        folder.rename(kept)
        folder.mkdir()
        os.chown(folder, found.st_uid, found.st_gid)
        folder.chmod(found.st_mode & 0o7777)


def _done(process, state):
    if process.returncode:
        raise BackupError(f"{state['role']}: {process.stderr.strip() or process.returncode}")
