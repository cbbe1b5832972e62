"""The control group of a lab host, from outside: it holds all processes of the host and those behind it."""

from __future__ import annotations

from orchestrator.errors import HostError
from orchestrator.providers.lab.machine import run

# Version 2 may be mounted nowhere on this machine: the mount is made in a namespace of its own, for these few lines.
SCRIPT = """\
[ -e /sys/fs/cgroup/cgroup.procs ] || mount -t cgroup2 none /sys/fs/cgroup || exit 1
for group in /sys/fs/cgroup/$1; do
    for attempt in $(seq 100); do
        [ -d "$group" ] || continue 2
        echo 1 > "$group/cgroup.kill"
        find "$group" -depth -type d -exec rmdir {} + 2> /dev/null
        sleep 0.1
    done
    echo "$group"
done
"""


def end(name: str) -> None:
    """Kill whatever runs in a group, at once, and remove it.

    Args:
        name: the group; it may end in `*`.

    Raises:
        HostError: a process does not end.
    """
    if remains := run(["unshare", "--mount", "sh", "-c", SCRIPT, "sh", name]):
        raise HostError(f"{remains.strip()}: processes remain 10 s after they were killed; restart this machine")
