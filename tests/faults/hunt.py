"""Looks for known secrets where none may be: in the arguments and environment of every process, on disks, in logs."""

from __future__ import annotations

import base64
import json
import shlex
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE
from urllib.parse import quote

from orchestrator import secrets
from orchestrator.locations import state_folder
from orchestrator.model import Node
from orchestrator.ssh import Connection

# Looks until it is given the secrets on standard input, so that it knows those that were made meanwhile, and shows none
# itself; prints where it saw one.
PROCESSES = """
import json, os, select, sys, time
texts, looks, end = {}, 0, time.monotonic() + 900
while time.monotonic() < end and not select.select([sys.stdin], [], [], 0)[0]:
    looks += 1
    for number in os.listdir("/proc"):
        if number.isdigit():
            for kind in ("cmdline", "environ"):
                try:
                    texts.setdefault(open(f"/proc/{number}/{kind}", "rb").read(), f"{kind} of {number}")
                except OSError:
                    continue
    time.sleep(0.01)
words, seen = [word.encode() for word in json.loads(sys.stdin.readline())], []
for text, place in texts.items():
    if any(word in text for word in words):
        for word in words:
            text = text.replace(word, b"***")
        seen.append(f"{place}: {text[:200]}")
print(json.dumps({"seen": seen, "looks": looks, "texts": len(texts)}))
"""
# Reads the secrets from standard input, one a line; prints the files that hold one.
GREP = ["grep", "--recursive", "--files-with-matches", "--text", "--fixed-strings", "--devices=skip", "--no-messages",
        "--file=-", "--exclude-dir=proc", "--exclude-dir=sys", "--exclude-dir=archives"]  # fmt: skip

# On the controller: where a run could leave something. The keys of lab territories are in a folder of their own.
HERE = ["/tmp", "/dev/shm", str(state_folder() / "secrets"), str(Path.home() / ".ansible")]
# By the territory's name: where its services keep passwords; Nextcloud has its own for the directory in its database.
KEPT = {
    "orne": ["/etc/radicale/directory-password"],
    "manche": [
        "/etc/dovecot/dovecot.conf",
        "/etc/maillage/certificates-key.pem",
        "/etc/postfix/mailboxes.cf",
        "/etc/postfix/owners.cf",
        "/etc/postfix/suspended.cf",
        "/etc/roundcube/config.inc.php",
        "/etc/rspamd/dkim/",
        "/run/dovecot/dovecot.conf.binary",
        "/srv/maillage/certificates/",
        "/srv/maillage/database/",
    ],
}


def known(node: Node) -> list[str]:
    """Every secret of a territory, and its key, each as it is and as it may be encoded."""
    plain = [secrets.reveal(node, name).get_secret_value() for name in secrets.names(node)]
    plain = [part for value in plain for part in _parts(value)] + [secrets.load_key(node).get_secret_value()]
    encoded = [base64.b64encode(word.encode()).decode().rstrip("=") for word in plain]
    return sorted({*plain, *encoded, *(quote(word, safe="") for word in plain)})


def _parts(value: str) -> list[str]:
    """A secret as it may be seen: of a ring of keys, a line from the middle of each."""
    if not value.startswith("{"):
        return [value]
    ring = json.loads(value)
    texts = [text for key in [ring["current"], ring["next"], *ring["previous"]] for text in key.values()]
    lines = [text.strip().splitlines() for text in texts if isinstance(text, str)]
    return [found[len(found) // 2] if len(found) > 1 else found[0] for found in lines]


@contextmanager
def watching(words: Callable[[], list[str]], seen: list[str], host: Connection | None = None) -> Iterator[None]:
    """Look into all processes of this machine, or of a host, all the time; put what shows a secret into `seen`.

    Args:
        words: gives the secrets, asked at the end.
        seen: where the processes go, secrets masked.
        host: None for this machine.
    """
    with subprocess.Popen(_on(host, ["python3", "-c", PROCESSES]), stdin=PIPE, stdout=PIPE, text=True) as process:
        try:
            yield
        finally:
            output, _ = process.communicate(json.dumps(words()) + "\n")
    answer = json.loads(output)
    assert min(answer["looks"], answer["texts"]) > 10
    seen += answer["seen"]


def holding(words: list[str], places: list[str], host: Connection | None = None) -> list[str]:
    """The files below places of this machine, or of a host, that hold a secret."""
    return _asked(words, [*GREP, *places], host)


def left(words: list[str], host: Connection, since: float, kept: list[str]) -> list[str]:
    """Every place that holds a secret and should not.

    Args:
        words: the secrets.
        host: where all files and the journal are searched.
        since: when what left something began, in seconds since the epoch; older files of this machine are not its.
        kept: files of the host that may hold one, and folders, which end in `/`.
    """
    here = [path for path in holding(words, HERE) if Path(path).stat().st_mtime > since]
    there = [path for path in holding(words, ["/"], host) if not path.startswith(tuple(kept))]
    return [*here, *there, *(f"{count} lines of the journal" for count in journal(words, host))]


def journal(words: list[str], host: Connection) -> list[str]:
    """How many lines of a host's journal hold a secret; nothing when there is none."""
    command = "exec 3<&0; journalctl --all --no-pager --output=export < /dev/null | "
    command += "grep --text --fixed-strings --count --file=/dev/fd/3 | grep -v '^0$'"
    return _asked(words, ["sh", "-c", command], host)


def _asked(words: list[str], command: list[str], host: Connection | None) -> list[str]:
    done = subprocess.run(_on(host, command), input="\n".join(words), capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1, 2), done.stderr  # grep's 2: a file that went away
    return sorted(done.stdout.splitlines())


def _on(host: Connection | None, command: list[str]) -> list[str]:
    return command if host is None else [*host.arguments(), shlex.join(command)]
