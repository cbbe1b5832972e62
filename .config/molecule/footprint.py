"""What a host is like, noted and compared: a run in check mode must leave no trace.

footprint.py note      write it down, in memory
footprint.py compare   exit 1 and say what is different
"""

import json
import os
import subprocess
import sys
from pathlib import Path

NOTE = Path("/run/molecule-footprint.json")
# Other file systems, and what changes by itself: logs, caches, Ansible's own temporary files, clocks, timers, running
# databases and a mail server's queue.
IGNORED = ("/dev", "/proc", "/run", "/sys", "/tmp", "/var/cache", "/var/log", "/var/tmp", "/root/.ansible",
           "/var/lib/systemd", "/var/lib/private/systemd", "/var/lib/fail2ban",
           "/srv/maillage/database/17", "/srv/maillage/redis/rspamd", "/var/lib/mta-sts", "/var/lib/postfix",
           "/var/lib/maillage/metrics", "/var/lib/prometheus", "/var/lib/rspamd", "/var/spool/postfix")  # fmt: skip
COMMANDS = (
    ("systemctl", "list-units", "--all", "--plain", "--no-legend", "--type=service,timer,socket", "--state=active"),
    ("systemctl", "list-unit-files", "--plain", "--no-legend", "--state=enabled"),
    ("nft", "--stateless", "--terse", "list", "ruleset"),
)
OF_A_LOGIN = ("session", "user@", "user-runtime-dir@", "systemd-hostnamed", "systemd-logind")


def files() -> dict[str, object]:
    """Every file and folder with its owner and mode; of a file, its size and time of change as well."""
    found: dict[str, object] = {}
    for folder, folders, names in os.walk("/"):
        folders[:] = [name for name in folders if f"{folder.rstrip('/')}/{name}" not in IGNORED]
        for name in (*folders, *names):
            path = Path(folder, name)
            status = path.lstat()
            content = () if path.is_dir() else (status.st_size, status.st_mtime_ns)
            found[str(path)] = [status.st_mode, status.st_uid, status.st_gid, *content]
    return found


def state() -> dict[str, object]:
    """Units that run or would start, and the firewall, line by line."""
    found: dict[str, object] = {}
    for command in COMMANDS:
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=True)
        except FileNotFoundError:
            continue  # a bare host has no nft, and no rules
        lines = [line for line in done.stdout.splitlines() if not line.startswith(OF_A_LOGIN)]
        found |= {f"{command[0]}: {' '.join(line.split()[:4])}": True for line in lines}
    return found


def main(action: str) -> int:
    """Do what is asked; the exit code."""
    now = files() | state()
    if action == "note":
        NOTE.write_text(json.dumps(now), encoding="utf-8")
        return 0
    before = json.loads(NOTE.read_text(encoding="utf-8"))
    different = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
    for name in different:
        print(f"{name}: before {before.get(name)}, after {now.get(name)}")
    return int(bool(different))


sys.exit(main(sys.argv[1]))
