"""A restore for practice: the newest backup, into a scratch place, its databases loaded, all of it compared."""

import shutil
import stat
import subprocess
import tarfile
import time
from datetime import datetime
from pathlib import Path

from backups import choice, config, report
from backups.config import BackupError, size
from backups.repository import DAY

PLACE = config.FOLDER / "drill"
MARGIN = 10**9  # bytes that stay free
LOADED = 4  # times the size of a database's copy: the copy and what it is loaded into


def run(settings):
    """Practise, say what was found, and keep the result.

    Raises:
        BackupError: the backup is not what it should be.
    """
    status = config.read(config.STATUS, {})
    begun = time.time()
    # Each day from another repository first.
    settings["repositories"] = _rotated(settings["repositories"], int(begun // DAY))
    try:
        result = choice.taken(settings, None, lambda snapshot: _practised(settings, snapshot, begun))
        status["drill"] = result | {"error": ""}
    except BackupError as error:
        status["drill"] = {**status.get("drill", {}), "error": str(error)}
        raise
    finally:
        shutil.rmtree(PLACE, ignore_errors=True)
        report.keep(status)
    for line in result["found"]:
        print(line)
    print(f"good: {size(result['bytes'])} from {result['from']} in {result['took']:.0f} s; "
          f"a loss now would cost {result['lost'] / 3600:.1f} h of changes")  # fmt: skip


def _rotated(entries, days):
    turn = days % max(1, len(entries))
    return entries[turn:] + entries[:turn]


def _practised(settings, snapshot, begun):
    """Restore one backup, judge it, and give what is kept of the drill."""
    recorded = snapshot["summary"]
    files, total = recorded["total_files_processed"], recorded["total_bytes_processed"]
    shutil.rmtree(PLACE, ignore_errors=True)
    PLACE.mkdir(mode=0o700)
    if _fits(total):
        words = ["restore", snapshot["id"], "--no-lock", "--verify", "--target", str(PLACE)]  # hashes of every file
        snapshot["repository"].restic(snapshot["place"], *words)
        came, how = _counted(PLACE), ""
    else:
        words, how = ["dump", snapshot["id"], "/", "--no-lock", "--archive", "tar"], "; read through, for want of disk"
        _, came = snapshot["repository"].restic(snapshot["place"], *words, reader=_read_through)
    if came != (files, total):
        raise BackupError(f"{came[0]} files, {came[1]} bytes came back; the backup recorded {files} and {total}")
    found = [f"{files} files, {size(total)}: as the backup recorded them{how}", *_judged(settings["state"])]
    made = datetime.fromisoformat(snapshot["time"]).timestamp()
    return {"made": time.time(), "from": snapshot["at"], "snapshot": snapshot["id"], "serial": snapshot["serial"],
            "took": time.time() - begun, "lost": begun - made, "files": files, "bytes": total,
            "found": found}  # fmt: skip


def _fits(number):
    return number + MARGIN <= shutil.disk_usage(config.FOLDER).free


def _read_through(stream):
    """Count what comes, which restic has compared with its hashes, and keep the copies of databases only."""
    files = total = 0
    try:
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in archive:
                if member.isreg():
                    files, total = files + 1, total + member.size
                    if Path("/", member.name).is_relative_to(config.NOW):
                        if not _fits(LOADED * member.size):
                            raise BackupError(f"a drill needs {size(LOADED * member.size + MARGIN)} of free disk")
                        archive.extract(member, PLACE, filter="data")
    except tarfile.TarError:
        pass  # cut short: restic says why
    return files, total


def _judged(states):
    """What the services' own programs say of what came back."""
    copies = PLACE / config.NOW.relative_to("/")
    for role, dump in config.read(copies / "manifest.json", None)["dumps"].items():
        if config.digest(copies / role) != dump["sha256"]:
            raise BackupError(f"the copy of {role} is not the one that was backed up")
    for state in states:
        place = copies / state["role"] if state["dump"] else PLACE / state["folder"].lstrip("/")
        if state["drill"] and place.exists():
            done = subprocess.run([*state["drill"], str(place)], capture_output=True, text=True)
            if done.returncode:
                raise BackupError(f"{state['role']}: {done.stderr.strip() or done.stdout.strip() or done.returncode}")
            yield f"{state['role']}: {done.stdout.strip()}"


def _counted(folder):
    """Regular files and their bytes, as restic counts them."""
    found = [(path / name).lstat() for path, _, names in Path(folder).walk() for name in names]
    regular = [each.st_size for each in found if stat.S_ISREG(each.st_mode)]
    return len(regular), sum(regular)
