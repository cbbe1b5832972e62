"""A change that may cut the way to the host is put back by the host itself, unless a new connection confirms it."""

from __future__ import annotations

import os
import sys

from maillage import files
from maillage.command import NodeError, run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from maillage.journal import Journal

SECONDS = 90
START = """import sys
sys.path.insert(0, {library!r})
from maillage.journal import put_back
print(put_back({folder!r}))
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
    program = f"{library}/put_back.py"
    text = START.format(library=library, folder=journal.folder)
    files.write(program, text.encode(), os.geteuid(), os.getegid(), 0o600)
    name = f"maillage-guard-{os.path.basename(journal.folder)}"
    disarm(name)
    timer = [
        "systemd-run",
        "--quiet",
        "--collect",
        f"--unit={name}",
        f"--on-active={SECONDS}",
        "--timer-property=AccuracySec=1s",
    ]
    outcome = run([*timer, sys.executable, "-I", program])
    if outcome.code:
        raise NodeError(
            f"the timer that would put the previous files back could not be armed, nothing was changed:\n{outcome.text}"
        )
    return name


def disarm(name: str) -> None:
    """Stop the timer, and the program if it waits for the journal's lock: only to be called by who holds that lock."""
    run(["systemctl", "stop", f"{name}.timer", f"{name}.service"])
