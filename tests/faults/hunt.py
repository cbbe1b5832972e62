"""Looks for known secrets where none may be: in the arguments and environment of every process, and on disks."""

from __future__ import annotations

import base64
import json
import os
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from subprocess import PIPE
from urllib.parse import quote

from orchestrator import secrets
from orchestrator.model import Node
from orchestrator.ssh import Connection

# Reads {"secrets": [...], "skip": pid, "seconds": n} from standard input, so that it shows no secret itself; ends when
# the seconds are over or its input is closed, and prints where it saw one.
PROCESSES = """
import json, os, select, sys, time
asked = json.loads(sys.stdin.readline())
words, seen, looks = [word.encode() for word in asked["secrets"]], set(), 0
end = time.monotonic() + asked["seconds"]
while time.monotonic() < end and not select.select([sys.stdin], [], [], 0)[0]:
    looks += 1
    for number in os.listdir("/proc"):
        if number.isdigit() and int(number) not in asked["skip"]:
            for kind in ("cmdline", "environ"):
                try:
                    text = open(f"/proc/{number}/{kind}", "rb").read()
                except OSError:
                    continue
                if any(word in text for word in words):
                    for word in words:
                        text = text.replace(word, b"***")
                    seen.add(f"{kind} of {number}: {text[:200]}")
print(json.dumps({"seen": sorted(seen), "looks": looks}))
"""
# Reads the secrets from standard input, one a line; prints the files that hold one.
GREP = ["grep", "--recursive", "--files-with-matches", "--text", "--fixed-strings", "--devices=skip", "--no-messages",
        "--file=-", "--exclude-dir=proc", "--exclude-dir=sys", "--exclude-dir=archives"]  # fmt: skip


def known(node: Node) -> list[str]:
    """Every secret of a territory, and its key, each as it is and as it may be encoded."""
    plain = [secrets.reveal(node, name).get_secret_value() for name in secrets.names(node)]
    plain.append(secrets.load_key(node).get_secret_value())
    encoded = [base64.b64encode(word.encode()).decode().rstrip("=") for word in plain]
    return sorted({*plain, *encoded, *(quote(word, safe="") for word in plain)})


@contextmanager
def watching(words: list[str], seen: list[str], host: Connection | None = None) -> Iterator[None]:
    """Look into all processes of this machine, or of a host, all the time; put what is found into `seen`."""
    with subprocess.Popen(_on(host, ["python3", "-c", PROCESSES]), stdin=PIPE, stdout=PIPE, text=True) as process:
        process.stdin.write(json.dumps({"secrets": words, "skip": [os.getpid()], "seconds": 900}) + "\n")
        process.stdin.flush()
        try:
            yield
        finally:
            output, _ = process.communicate()
    answer = json.loads(output)
    assert answer["looks"] > 10
    seen += answer["seen"]


def holding(words: list[str], places: list[str], host: Connection | None = None) -> list[str]:
    """The files below places of this machine, or of a host, that hold a secret."""
    return _asked(words, [*GREP, *places], host)


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
