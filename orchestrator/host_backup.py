"""The backup program of a node's host, asked from here. Long work is a unit of the host: it outlives the connection."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Sequence
from subprocess import PIPE, STDOUT, Popen
from typing import Any

from orchestrator import hosts, ssh
from orchestrator.errors import BackupFailed, UsageError
from orchestrator.model import Node

UNREACHABLE = 255  # ssh's own exit code
PROGRAM = "/usr/lib/maillage/backup"
STATE = """
if [ -e /srv/maillage/backup/restoring.json ]; then echo restoring
elif [ -e /srv/maillage/backup/life.json ]; then echo in use
fi
"""
# Starts a unit, waits for its end, and prints all that it says, from where the journal is now.
FOLLOWED = """
cursor=$(mktemp)
trap 'rm -f "$cursor"' EXIT
journalctl --quiet --lines=1 --cursor-file="$cursor" > /dev/null
said() {{ journalctl --quiet --cursor-file="$cursor" --output=cat --unit={unit} _TRANSPORT=stdout; }}
{start} > /dev/null 2>&1 &
while kill -0 $! 2> /dev/null; do sleep 1; said; done
wait $! && code=0 || code=$?
journalctl --sync
said
exit $code
"""


def run(node: Node, action: str, say: Callable[[str], None]) -> None:
    """Make a backup, or practise a restore; both are units that a timer starts too.

    Args:
        node: whose host.
        action: `run` or `drill`.
        say: called with each line that the host says.

    Raises:
        BackupFailed: in the host's own words.
    """
    unit = {"run": "maillage-backup", "drill": "maillage-drill"}[action]
    _followed(node, unit, f"systemctl start {unit}.service", say)


def restore(node: Node, words: Sequence[str], say: Callable[[str], None]) -> None:
    """Put everything back on the host; `words` are further arguments of its program.

    Raises:
        BackupFailed: in the host's own words; the same once more goes on.
    """
    unit = "maillage-restore"
    command = f"systemd-run --unit={unit} --collect --property=Type=oneshot {PROGRAM} {shlex.join(['restore', *words])}"
    _followed(node, unit, command, say)


def extract(node: Node, words: Sequence[str]) -> str:
    """Restore a part into a folder of the host, and give the folder.

    Raises:
        BackupFailed: in the host's own words.
    """
    return _asked(node, ["extract", *words]).splitlines()[-1]


def backups(node: Node) -> list[dict[str, Any]]:
    """The backups that can be restored, oldest first: `id`, `time`, `at`, `place`, `serial`, `files`, `bytes`.

    Raises:
        BackupFailed: in the host's own words.
    """
    return [json.loads(line) for line in _asked(node, ["list"]).splitlines()]


def begin_anew(node: Node) -> None:
    """Let the host's backups follow those of an earlier one.

    Raises:
        BackupFailed: in the host's own words.
    """
    _asked(node, ["begin-anew"])


def state(node: Node) -> str:
    """What the host is to a restore: "" (new, or not there), "restoring" (one was begun), "in use" (has backups)."""
    if not hosts.exists(node):
        return ""
    return hosts.connection(node).run(STATE).stdout.strip()


def _asked(node: Node, words: Sequence[str]) -> str:
    _require(node)
    process = hosts.connection(node).run(shlex.join([PROGRAM, *words]), timeout=None)
    if process.returncode:
        raise BackupFailed(f"{node.name}: {(process.stderr or process.stdout).strip()}")
    return process.stdout


def _followed(node: Node, unit: str, start: str, say: Callable[[str], None]) -> None:
    """Start a unit, and hand on what it says, line by line, until it ends."""
    _require(node)
    connection = hosts.connection(node)
    command = [*connection.arguments(), shlex.join([*(["sudo", "-n"] if connection.become else []), *ssh.SHELL])]
    last = ""
    with Popen(command, stdin=PIPE, stdout=PIPE, stderr=STDOUT, text=True, errors="replace") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(FOLLOWED.format(unit=unit, start=start))
        process.stdin.close()
        for line in process.stdout:
            last = line.rstrip("\n")
            say(last)
    if process.returncode == UNREACHABLE:
        raise ssh.failure(connection, last)
    if process.returncode:
        raise BackupFailed(f"{node.name}: {last or f'see `journalctl -u {unit}` on the host'}")


def _require(node: Node) -> None:
    if not node.territory.services.backup:
        raise UsageError(f"{node.name} makes no backups: write `backup: {{}}` under services in its territory.yml")
    if not hosts.exists(node):
        raise UsageError(f"{node.name} has no host yet: `deploy {node.name}` makes it")
    if hosts.connection(node).run(f"test -x {PROGRAM}").returncode:
        raise UsageError(f"{node.name} is deployed without backups: `deploy {node.name}`")
