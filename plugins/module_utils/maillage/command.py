"""Running programs of the node, and the one exception that is meant for the person who deploys."""

from __future__ import annotations

import os
import subprocess

OUTPUT_LIMIT = 4000
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
    "HOME": "/root",
}


class NodeError(Exception):
    """One clear sentence: what, where, what to do."""


def refusal(error: OSError) -> str:
    """Say what the system refused, in one sentence."""
    return f"the host refuses to write or read: {error.strerror} ({error.filename or 'no name given'})"


class Outcome:
    """How a program ended.

    Attributes:
        code: the exit code; 127 when there is no such program, 124 when its time was up.
        output: what it wrote to standard output.
        error: what it wrote to standard error.
    """

    def __init__(self, code: int, output: str, error: str) -> None:
        self.code, self.output, self.error = code, output, error

    @property
    def text(self) -> str:
        """Both outputs, at most OUTPUT_LIMIT characters: the end says most."""
        both = "\n".join(part.strip() for part in (self.output, self.error) if part.strip())
        return both if len(both) <= OUTPUT_LIMIT else "[…] " + both[-OUTPUT_LIMIT:]


def run(argv: list[str], stdin: str = "", timeout: float = 300, environment: dict[str, str] | None = None) -> Outcome:
    """Run a program, with `stdin` as its standard input, and wait for it. Secrets go through `stdin`, never `argv`."""
    try:
        done = subprocess.run(
            argv,
            input=stdin.encode(),
            capture_output=True,
            timeout=timeout,
            env={**ENVIRONMENT, **(environment or {})},
            cwd="/",
            check=False,
        )
    except FileNotFoundError:
        return Outcome(127, "", f"{argv[0]}: there is no such program on this host")
    except PermissionError:
        return Outcome(126, "", f"{argv[0]}: not executable")
    except subprocess.TimeoutExpired:
        return Outcome(124, "", f"{argv[0]}: not done after {timeout:.0f} s")
    return Outcome(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


def exists(program: str) -> bool:
    """Say whether a program is on this host."""
    if "/" in program:
        return os.access(program, os.X_OK)
    return any(os.access(os.path.join(folder, program), os.X_OK) for folder in ENVIRONMENT["PATH"].split(":"))
