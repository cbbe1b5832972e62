"""Before anything is changed on a host: is it fit to become, or to stay, a node? One script, one pure judgement."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from orchestrator.errors import PreflightRefused
from orchestrator.ssh import Connection

MEGABYTE = 10**6
BARE_DISK = 2000 * MEGABYTE  # the packages of a node, their downloads, and room to start
NODE_DISK = 300 * MEGABYTE  # a node that is there already: enough to run apt
BARE_FILES, NODE_FILES = 100_000, 5_000  # inodes; Nextcloud's release alone has 30,000 files
MEMORY = 450 * MEGABYTE
NEXTCLOUD_MEMORY = 1800 * MEGABYTE  # what machines of 2 GB have
CLOCK_SECONDS = 60.0  # DNSSEC and TLS stand more, one-time codes and logs do not
OUR_SERVERS = ("nginx",)

# Runs as the login user, needs no Python. `ss -p` names a process only to root.
SCRIPT = r"""
. /etc/os-release 2>/dev/null
echo "system=$ID $VERSION_ID"
root=no; sudo=
if [ "$(id -u)" = 0 ]; then root=yes; elif sudo -n true 2>/dev/null; then root=yes; sudo="sudo -n"; fi
echo "root=$root"
[ -d /run/systemd/system ] && echo "systemd=yes" || echo "systemd=no"
command -v python3 > /dev/null && echo "python=yes" || echo "python=no"
# The latter alone when the first deployment lost its power: what its packages have enabled runs since the next start.
if [ -d /etc/maillage ] || [ -d /var/lib/maillage ]; then echo "node=yes"; else echo "node=no"; fi
# Whose collections radicale keeps (but those of the accounts that verify), and whether Nextcloud was ever installed.
echo "people=$($sudo find /srv/maillage/radicale/collection-root -mindepth 2 -maxdepth 2 -type d ! -name '.*' \
    ! -path '*-root/verify/*' ! -path '*-root/verify2/*' -printf '%h\n' 2>/dev/null | sort -u | wc -l)"
echo "mailboxes=$($sudo find /srv/maillage/mail -mindepth 1 -maxdepth 1 -type d ! -name verify ! -name verify2 \
    ! -name postmaster -printf x 2>/dev/null | wc -c)"
files=/srv/maillage/nextcloud/config/config.php
$sudo grep -qs "'installed' => true" "$files" && echo "files=yes" || echo "files=no"
# Its release, unless a run that was killed has left something of it to be done.
[ -e /var/lib/maillage/nextcloud/under-way.json ] || release=$(readlink /usr/share/maillage/nextcloud 2>/dev/null)
echo "nextcloud=${release##*/}"
# When a drill was good last; empty where there was none, "none" where no backups are made.
drill=none
[ -e /etc/maillage/backup.json ] && drill=$($sudo awk '$1 == "maillage_drill_timestamp_seconds" {print $2}' \
    /var/lib/maillage/metrics/backup.prom 2>/dev/null)
echo "drill=$drill"
echo "disk=$(df -kP / | awk 'NR == 2 {print $4}')"
echo "inodes=$(df -iP / | awk 'NR == 2 {print $2 ? $4 : 10 ^ 9}')"  # some file systems have no fixed number
echo "memory=$(awk '/^MemTotal:/ {print $2}' /proc/meminfo)"
echo "clock=$(date +%s)"
for port in 80 443; do
    ss_line=$($sudo ss -Hltnp "sport = :$port" 2>/dev/null | head -n 1)
    [ -z "$ss_line" ] && continue
    server=$(printf '%s' "$ss_line" | sed -n 's/.*users:(("\([^"]*\)".*/\1/p')
    echo "port=$port ${server:-unknown}"
done
"""


@dataclass(frozen=True)
class Facts:
    """What a host says of itself.

    Attributes:
        system: ID and VERSION_ID of os-release.
        root: the login user is root, or becomes it without a password.
        systemd: systemd is the init.
        python: python3 is installed.
        node: this project has configured the host before, or begun to.
        nextcloud: the release that the host runs, or "", also while it is not whole.
        people: how many have contacts or calendars in radicale.
        mailboxes: how many subscribers have mail here.
        files: Nextcloud has been installed here, and its data is there.
        drill: seconds since a restore of its backups was practised with success; None where it makes none.
        disk: free bytes of the root file system.
        inodes: how many more files the root file system can hold.
        memory: bytes in all.
        clock: seconds that the host's clock is ahead of this machine's.
        ports: the program that listens on each of the node's ports.
    """

    system: str
    root: bool
    systemd: bool
    python: bool
    node: bool
    nextcloud: str
    people: int
    mailboxes: int
    files: bool
    drill: float | None
    disk: int
    inodes: int
    memory: int
    clock: float
    ports: dict[int, str]


def parse(output: str, now: float) -> Facts:
    """Read the script's output; `now` is this machine's clock at that moment.

    Raises:
        ValueError: the host answered something else.
    """
    pairs = [line.split("=", 1) for line in output.splitlines() if "=" in line]
    values = {key: value for key, value in pairs if key != "port"}
    ports = dict(value.split(" ", 1) for key, value in pairs if key == "port")
    try:
        return Facts(
            system=values["system"].strip(),
            root=values["root"] == "yes",
            systemd=values["systemd"] == "yes",
            python=values["python"] == "yes",
            node=values["node"] == "yes",
            nextcloud=values["nextcloud"].strip(),
            people=int(values["people"]),
            mailboxes=int(values["mailboxes"]),
            files=values["files"] == "yes",
            drill=None if values["drill"] == "none" else now - float(values["drill"] or "-inf"),
            disk=int(values["disk"]) * 1024,
            inodes=int(values["inodes"]),
            memory=int(values["memory"]) * 1024,
            clock=float(values["clock"]) - now,
            ports={int(port): server for port, server in ports.items()},
        )
    except KeyError as error:
        raise ValueError(f"no {error.args[0]} in the answer") from None


def judge(facts: Facts) -> list[str]:
    """Everything that stands in the way, one sentence each; nothing when the host is fit."""
    problems = []
    if facts.system != "debian 13":
        problems.append(f"runs {facts.system or 'an unknown system'}, not Debian 13: install Debian 13 (trixie)")
    if not facts.root:
        problems.append("the login user is not root and has no sudo without a password: give it one, or log in as root")
    if not facts.systemd:
        problems.append("does not run systemd: a node needs a whole Debian machine, not an application container")
    if not facts.python:
        problems.append("has no python3: apt-get install python3")
    needed = NODE_DISK if facts.node else BARE_DISK
    if facts.disk < needed:
        free, least = facts.disk / 10**9, needed / 10**9
        problems.append(
            f"has {free:.1f} GB of free disk, {least:.1f} GB are needed: free some space, or give it a larger disk"
        )
    if facts.inodes < (least_files := NODE_FILES if facts.node else BARE_FILES):
        problems.append(
            f"has room for {facts.inodes} more files (inodes), {least_files} are needed: remove some, or give it a "
            "larger disk"
        )
    if facts.memory < MEMORY:
        problems.append(
            f"has {facts.memory // MEGABYTE} MB of memory, {MEMORY // MEGABYTE} MB are needed: give it more"
        )
    if abs(facts.clock) > CLOCK_SECONDS:
        side = "ahead of" if facts.clock > 0 else "behind"
        problems.append(f"its clock is {abs(facts.clock):.0f} s {side} this machine's: set the one that is wrong")
    for port, server in sorted(facts.ports.items()):
        if not (facts.node and server in OUR_SERVERS):
            problems.append(
                f"port {port} is taken by {server}: stop and remove it, the node's web server needs the port"
            )
    return problems


def too_small(facts: Facts, engine: str | None) -> str | None:
    """Why a host cannot begin to run an engine, and the ways out; None when it can, or runs it already."""
    if engine == "nextcloud" and not facts.files and facts.memory < NEXTCLOUD_MEMORY:
        return (
            f"has {facts.memory // MEGABYTE} MB of memory, Nextcloud needs {NEXTCLOUD_MEMORY // MEGABYTE} MB: give it "
            "more, or write `engine: radicale` (contacts and calendar) in territory.yml"
        )
    return None


def orphans(facts: Facts, territory: str, engine: str | None, *, mail: bool) -> str | None:
    """What would be out of reach on a host, and the ways out; None when nothing would be.

    Args:
        facts: what the host says of itself.
        territory: its name.
        engine: what serves the cloud.
        mail: whether the territory has mail.
    """
    if facts.mailboxes and not mail:
        whose = "1 person has" if facts.mailboxes == 1 else f"{facts.mailboxes} people have"
        return (
            f"{whose} mail here, which nobody would reach any more: put `mail` back below services; or, once everyone "
            "has taken theirs, set /srv/maillage/mail aside on the host"
        )
    if facts.people and engine == "nextcloud":
        whose = "1 person has" if facts.people == 1 else f"{facts.people} people have"
        return (
            f"{whose} contacts and calendars in radicale, which nobody would reach any more with Nextcloud; "
            f"`python -m orchestrator move {territory}` takes them there, or put `engine: radicale` back"
        )
    if facts.files and engine == "radicale":
        return (
            "Nextcloud's files, contacts and calendars would be out of reach with radicale: put `engine: nextcloud` "
            "back; or, once everyone has exported theirs, set /srv/maillage/nextcloud aside on the host"
        )
    return None


def read(connection: Connection) -> Facts:
    """Ask the host.

    Raises:
        HostError: it cannot be reached.
        PreflightRefused: its answer makes no sense.
    """
    process = replace(connection, become=False).run(SCRIPT)
    try:
        return parse(process.stdout, time.time())
    except ValueError as error:
        raise PreflightRefused(
            f"{connection}: cannot tell what this host is ({error}); is it a Debian 13 machine?"
        ) from None


def check(name: str, connection: Connection, refusal: Callable[[Facts], str | None] = lambda _: None) -> Facts:
    """Refuse a host that is not fit, with all the reasons at once.

    Args:
        name: what to call the host.
        connection: how to reach it.
        refusal: one more reason, if there is one, from what the host says.

    Raises:
        PreflightRefused: one line for each reason.
        HostError: it cannot be reached.
    """
    facts = read(connection)
    if problems := [*judge(facts), *filter(None, [refusal(facts)])]:
        raise PreflightRefused("\n".join(f"{name}: {problem}" for problem in problems))
    return facts
