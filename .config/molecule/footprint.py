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
# Other file systems, and what changes by itself: logs, caches, Ansible's own temporary files, clocks and timers.
IGNORED = ("/dev", "/proc", "/run", "/sys", "/tmp", "/var/cache", "/var/log", "/var/tmp", "/root/.ansible",
           "/var/lib/systemd", "/var/lib/private/systemd", "/var/lib/fail2ban")  # fmt: skip
COMMANDS = (
    ("systemctl", "list-units", "--all", "--plain", "--no-legend", "--type=service,timer,socket", "--state=active"),
    ("systemctl", "list-unit-files", "--plain", "--no-legend", "--state=enabled"),
    ("nft", "--stateless", "--terse", "list", "ruleset"),
)
OF_A_LOGIN = ("session", "user@", "user-runtime-dir@", "systemd-hostnamed", "systemd-logind")


def footprint():
    """Every file with its owner, mode, size and time of change; units that run or would start; the firewall."""
    found = {}
    for folder, folders, files in os.walk("/"):
        folders[:] = [name for name in folders if os.path.join(folder, name) not in IGNORED]
        for name in (*folders, *files):
            path = os.path.join(folder, name)
            status = os.lstat(path)
            changed = 0 if name in folders else status.st_mtime_ns
            found[path] = [status.st_mode, status.st_uid, status.st_gid, name in folders or status.st_size, changed]
    for command in COMMANDS:
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=True)
        except FileNotFoundError:
            continue  # a bare host has no nft, and no rules
        lines = [line for line in done.stdout.splitlines() if not line.startswith(OF_A_LOGIN)]
        found |= {f"{command[0]}: {' '.join(line.split()[:4])}": True for line in lines}
    return found


def main(action):
    """Do what is asked; the exit code."""
    if action == "note":
        NOTE.write_text(json.dumps(footprint()))
        return 0
    before, after = json.loads(NOTE.read_text()), footprint()
    different = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    for name in different:
        print(f"{name}: before {before.get(name)}, after {after.get(name)}")
    return int(bool(different))


sys.exit(main(sys.argv[1]))
