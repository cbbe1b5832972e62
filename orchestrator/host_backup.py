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
NOUNS = {"run": "backup", "drill": "drill", "restore": "restore"}
UNITS = {"run": "maillage-backup", "drill": "maillage-drill", "restore": "maillage-restore"}
# A unit of one command is "activating" as long as it runs.
RUNS = "systemctl is-active maillage-restore.service | grep -q '^activating'"
STATE = f"""
cd /srv/maillage/backup 2> /dev/null || exit 0
if {RUNS} || [ -e restoring.json ]; then echo restoring
elif [ -e restored ]; then echo "restored $(cat restored)"
elif [ -e life.json ]; then echo in use
fi
"""
# One that runs already, since whoever has begun it was interrupted, is waited for.
RESTORE = f"""(
if {RUNS}; then
    while {RUNS}; do sleep 1; done
    test ! -e /srv/maillage/backup/restoring.json
else
    systemd-run --unit=maillage-restore --collect --property=Type=oneshot {PROGRAM} {{words}}
fi)"""
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
    _followed(node, action, f"systemctl start {UNITS[action]}.service", say)


def restore(node: Node, words: Sequence[str], say: Callable[[str], None]) -> None:
    """Put everything back on the host; `words` are further arguments of its program.

    Raises:
        BackupFailed: in the host's own words; the same once more goes on.
    """
    _followed(node, "restore", RESTORE.format(words=shlex.join(["restore", *words])), say)


def concluded(node: Node) -> None:
    """Note that what was restored was deployed, too."""
    hosts.connection(node).run("rm -f /srv/maillage/backup/restored")


def extract(node: Node, words: Sequence[str], say: Callable[[str], None]) -> str:
    """Restore a part into a folder of the host, and give the folder; `say` is called with what the host says.

    Raises:
        BackupFailed: in the host's own words.
    """
    *said, folder = _asked(node, ["extract", *words], say).splitlines()
    for line in said:
        say(line)
    return folder


def backups(node: Node, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """The backups that can be restored, oldest first: `id`, `time`, `at`, `place`, `serial`, `files`, `bytes`.

    Places that do not answer are told to `say`.

    Raises:
        BackupFailed: in the host's own words.
    """
    return [json.loads(line) for line in _asked(node, ["list"], say).splitlines()]


def begin_anew(node: Node) -> None:
    """Let the host's backups follow those of an earlier one.

    Raises:
        BackupFailed: in the host's own words.
    """
    _asked(node, ["begin-anew"], lambda _: None)


def state(node: Node) -> str:
    """What the host is to a restore: "" (new, or not there), "restoring", "restored WORDS", or "in use" (has backups).

    "restored" is one whose restore, asked with these words, has ended, while whoever asked was gone.
    """
    if not hosts.exists(node):
        return ""
    return hosts.connection(node).run(STATE).stdout.strip()


def _asked(node: Node, words: Sequence[str], say: Callable[[str], None]) -> str:
    _require(node)
    process = hosts.connection(node).run(shlex.join([PROGRAM, *words]), timeout=None)
    if process.returncode:
        raise BackupFailed(f"{node.name}: {(process.stderr or process.stdout).strip()}")
    for line in process.stderr.splitlines():
        say(line)
    return process.stdout


def _followed(node: Node, action: str, start: str, say: Callable[[str], None]) -> None:
    """Start a unit, and hand on what it says, line by line, until it ends."""
    _require(node)
    unit = UNITS[action]
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
        reason = "for what is said above" if last else f"`journalctl -u {unit}` on its host may know why"
        raise BackupFailed(f"{node.name}: the {NOUNS[action]} did not end well, {reason}")


def require_declared(node: Node) -> None:
    """See that a territory makes backups.

    Raises:
        UsageError: it does not.
    """
    if not node.territory.services.backup:
        raise UsageError(f"{node.name} makes no backups: write `backup: {{}}` under services in its territory.yml")


def _require(node: Node) -> None:
    require_declared(node)
    if hosts.made(node).run(f"test -x {PROGRAM}").returncode:
        raise UsageError(f"{node.name} is deployed without backups: `deploy {node.name}`")
