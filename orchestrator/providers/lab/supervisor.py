"""The process that stands behind one running lab host; run as a file, with nothing but the standard library.

It lives in a mount namespace of its own, where it stacks the host's writable layer on its image and starts nspawn. When
the host's last process ends, however it ends, the kernel takes the namespace away, and with it the mounts and the loop
device: nothing stale can remain. The record lock on `running` says that the host is up, and names this process.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

REBOOT = 133  # systemd-nspawn --keep-unit leaves the restart to whoever started it, and says so with this status
GRACE = 25.0  # seconds that a host gets to shut down by itself


def is_version_2(root: Path) -> bool:
    """Whether the control group tree mounted here is of version 2 alone."""
    return (root / "cgroup.procs").exists()


def control_group(name: str) -> None:
    """Move into a version 2 control group of the host's own: two systemds must not share one.

    Debian 13's systemd refuses version 1 and mixtures: where the machine has them, version 2 is mounted on top.
    """
    root = Path("/sys/fs/cgroup")
    if not is_version_2(root):
        subprocess.run(["mount", "-t", "cgroup2", "none", str(root)], check=True)
    group = root / name
    group.mkdir(parents=True, exist_ok=True)
    (group / "cgroup.procs").write_text(str(os.getpid()))


def mount(directory: Path, image: str) -> None:
    """Stack the writable layer, of the size that was declared, on the image."""
    layer, root = directory / "layer", directory / "root"
    subprocess.run(["mount", "-o", "loop,noatime", str(directory / "disk.img"), str(layer)], check=True)
    stack = f"lowerdir={image},upperdir={layer}/upper,workdir={layer}/work,redirect_dir=on"
    subprocess.run(["mount", "-t", "overlay", "-o", stack, "overlay", str(root)], check=True)
    # What nspawn notes about its containers would otherwise stay on the machine after they are gone.
    notes = Path("/run/systemd/nspawn")
    notes.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "none", str(notes)], check=True)


def run(command: list[str], stopping: Callable[[], bool]) -> int:
    """Run nspawn until the host is powered off, over its reboots; the last exit status."""
    while True:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        deadline = None
        while process.poll() is None:
            if stopping() and deadline is None:
                process.terminate()  # nspawn passes it on as "power off"
                deadline = time.monotonic() + GRACE
            if deadline is not None and time.monotonic() > deadline:
                process.kill()
            time.sleep(0.1)
        if process.returncode != REBOOT or stopping():
            return process.returncode


def main(name: str, directory: Path, image: str, command: list[str]) -> int:
    """Hold the lock, prepare, run."""
    stop: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stop.append(number))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with (directory / "running").open("w") as file:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        control_group(name)
        mount(directory, image)
        return run(command, lambda: bool(stop))


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4:]))
    except subprocess.CalledProcessError as error:  # the command has said why, on the console
        sys.exit(f"{' '.join(error.cmd)}: status {error.returncode}")
