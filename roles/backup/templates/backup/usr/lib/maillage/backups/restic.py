"""The one way to call restic: passwords through memory, one sentence when it fails, no proxy and no surroundings."""

import json
import os
import subprocess
import tempfile
from contextlib import contextmanager

from backups.config import BackupError, TookTooLong

NO_REPOSITORY, WRONG_PASSWORD, INCOMPLETE, TIMED_OUT = 10, 12, 3, 124  # exit codes, the last one of timeout(1)
CACHE = "/var/cache/maillage-backup"
SSH = "/etc/maillage/backup-ssh.conf"
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8", "RESTIC_PROGRESS_FPS": "0.2"}


@contextmanager
def in_memory(password):
    """A path from which a child process reads the password; it is on no disk."""
    descriptor = os.memfd_create("password")
    try:
        os.write(descriptor, password.encode())
        yield f"/proc/{os.getpid()}/fd/{descriptor}"
    finally:
        os.close(descriptor)


def run(repository, *words, password, fine=(0,), seconds=None, progress=None, reader=None):
    """Run restic; give its exit code and what it says.

    Args:
        repository: its address.
        words: the command and its arguments.
        password: of the repository.
        fine: exit codes that are no error.
        seconds: that it may take.
        progress: called with the share that is done, 0 to 1, now and then.
        reader: called with the bytes that it writes, as a stream; what this gives is given then.

    Raises:
        BackupError: in restic's own last words.
    """
    with in_memory(password) as path, tempfile.TemporaryFile("w+") as complaints:
        command = ["timeout", str(seconds or 0), "restic", "--repo", repository, "--password-file", path]
        command += ["--option", f"sftp.args=-F {SSH}", "--cache-dir", CACHE, "--cleanup-cache"]
        command += [*([] if progress else ["--quiet"]), *words]
        with subprocess.Popen(command, env=ENVIRONMENT, text=True, errors="replace", stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=complaints) as process:  # fmt: skip
            said = reader(process.stdout.buffer) if reader else _listen(process.stdout, progress)
        code = process.returncode
        complaints.seek(0)
        if code not in fine:
            if code == TIMED_OUT:
                raise TookTooLong(f"restic {words[0]} took more than {seconds} s")
            raise BackupError(f"restic {words[0]}: {_last_words(complaints.readlines(), code)}")
    return code, said


def _listen(lines, progress):
    said = []
    for line in lines:
        if not progress or '"message_type":"status"' not in line:
            said.append(line)
        elif line.startswith("{"):
            progress(json.loads(line).get("percent_done", 0))
    return "".join(said)


def _last_words(lines, code):
    """The last line that says what is wrong."""
    found = [_message(line).strip() for line in lines if line.strip()]
    return next(
        (line for line in reversed(found) if "atal" in line or "rror" in line), (found or [f"exit code {code}"])[-1]
    )


def _message(line):
    try:
        return json.loads(line)["message"]
    except (ValueError, KeyError, TypeError):
        return line
