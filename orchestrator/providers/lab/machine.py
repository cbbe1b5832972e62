"""What this machine must offer before a lab can run, and how its control groups are mounted."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from orchestrator.errors import LabUnavailable

PACKAGES = {
    "systemd-nspawn": "systemd-container",
    "mmdebstrap": "mmdebstrap",
    "nft": "nftables",
    "ip": "iproute2",
    "mkfs.ext4": "e2fsprogs",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "unshare": "util-linux",
    "setpriv": "util-linux",
}
# For long work: mounts and processes of its own, which the kernel takes away with the process that started it.
ISOLATED = ("setpriv", "--pdeathsig=KILL", "unshare", "--mount", "--pid", "--mount-proc", "--fork", "--kill-child")


def check() -> None:
    """Refuse early, in one sentence.

    Raises:
        LabUnavailable: not root, a package or a kernel facility is missing.
    """
    if os.geteuid() != 0:
        raise LabUnavailable("the lab starts containers and networks: run this as root (sudo)")
    missing = sorted({package for command, package in PACKAGES.items() if shutil.which(command) is None})
    if missing:
        raise LabUnavailable(f"the lab needs packages that are not installed: apt-get install {' '.join(missing)}")
    for device, module in (("/dev/net/tun", "tun"), ("/dev/loop-control", "loop")):
        if not Path(device).exists():
            raise LabUnavailable(f"the lab needs {device}, which is not there: try `modprobe {module}` on this machine")
    probe = subprocess.run(
        ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, text=True, check=False
    )
    if probe.returncode != 0:
        raise LabUnavailable(
            "root may not mount file systems here (a container?): the lab needs a real or virtual machine"
        )


def run(command: Sequence[str], *, stdin: str | None = None) -> str:
    """Run a command of this machine that should not fail; its standard output.

    Raises:
        LabUnavailable: it failed; the message names the command and its last words.
    """
    process = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, errors="replace")
    if process.returncode != 0:
        words = (process.stderr or process.stdout).strip().splitlines()
        reason = words[-1] if words else f"status {process.returncode}"
        raise LabUnavailable(f"`{' '.join(command[:4])} …` failed on this machine: {reason}")
    return process.stdout
