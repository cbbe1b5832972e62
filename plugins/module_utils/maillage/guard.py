"""A change that may cut the way to the host is put back by the host itself, unless a new connection confirms it.

A timer does it after a while; a host that is started anew before that does it at once.
"""

from __future__ import annotations

import os
import sys

from maillage import files
from maillage.command import NodeError, run
from maillage.services import daemon_reload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from maillage.journal import Journal

SECONDS = 90
UNITS = "/etc/systemd/system"
WANTS = "multi-user.target.wants"
START = """import sys
sys.path.insert(0, {library!r})
from maillage.guard import forget
from maillage.journal import put_back
print(put_back({folder!r}))
forget({name!r})
"""
SERVICE = """[Unit]
Description=Put back what may cut the way to this host, unless a new connection has confirmed it
After=nftables.service ssh.service

[Service]
Type=oneshot
ExecStart={python} -I {program}
"""


def arm(journal: Journal, sources: dict[str, str]) -> str:
    """Start a timer that puts the previous set back; return its name.

    The program is saved beside the journal: it needs nothing but the host's own Python.
    """
    library = f"{journal.folder}/library"
    os.makedirs(f"{library}/maillage", mode=0o700, exist_ok=True)
    for name, source in sources.items():
        path = name.replace(".", "/") + ("/__init__" if name == "maillage" else "")
        files.write(f"{library}/{path}.py", source.encode(), os.geteuid(), os.getegid(), 0o600)
    name, program = f"maillage-guard-{os.path.basename(journal.folder)}", f"{library}/put_back.py"
    text = START.format(library=library, folder=journal.folder, name=name)
    files.write(program, text.encode(), os.geteuid(), os.getegid(), 0o600)
    disarm(name)
    unit = SERVICE.format(python=sys.executable, program=program)
    files.write(f"{UNITS}/{name}.service", unit.encode(), os.geteuid(), os.getegid(), 0o644)
    os.makedirs(f"{UNITS}/{WANTS}", mode=0o755, exist_ok=True)
    files.link(f"{UNITS}/{WANTS}/{name}.service", f"{UNITS}/{name}.service", os.geteuid(), os.getegid())
    daemon_reload()
    timer = [
        "systemd-run",
        "--quiet",
        "--collect",
        f"--unit={name}.service",
        f"--on-active={SECONDS}",
        "--timer-property=AccuracySec=1s",
    ]
    outcome = run(timer)
    if outcome.code:
        raise NodeError(
            f"the timer that would put the previous files back could not be armed, nothing was changed:\n{outcome.text}"
        )
    return name


def disarm(name: str) -> None:
    """Stop the timer, and the program if it waits for the journal's lock: only to be called by who holds that lock."""
    run(["systemctl", "stop", f"{name}.timer", f"{name}.service"])
    forget(name)


def forget(name: str) -> None:
    """Let the host start without putting anything back."""
    if files.standing(f"{UNITS}/{name}.service").kind != "absent":
        files.remove(f"{UNITS}/{WANTS}/{name}.service")
        files.remove(f"{UNITS}/{name}.service")
        daemon_reload()
