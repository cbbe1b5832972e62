"""Root file systems of Debian 13 in which rendered files can be tried with the programs that will read them.

Either this machine's own, when it is Debian 13, or an image of the lab. The files lie over it in an overlay that is
thrown away, so each stands at its real path.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from role_files import Role, roles

from orchestrator import contract
from orchestrator.providers.lab import Place

# Run in a mount and network namespace of its own: nothing of it outlives the test.
ENTER = """
set -eu
mount -t tmpfs tmpfs "$2"
mkdir "$2/upper" "$2/work" "$2/root"
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/root"
mount --rbind /dev "$2/root/dev"
mount -t proc proc "$2/root/proc"
ip link set lo up
cp -a "$3/." "$2/root/"
mkdir -p "$2/root/run/sshd"
shift 3
exec "$@"
"""


def machine_is_debian_13() -> bool:
    return bool(re.search(r'^VERSION_ID="13"', Path("/etc/os-release").read_text(encoding="utf-8"), re.MULTILINE))


def packages(root: Path) -> set[str]:
    """The packages that are installed in a root file system."""
    status = root / "var/lib/dpkg/status"
    entries = status.read_text(encoding="utf-8").split("\n\n") if status.exists() else []
    installed = (entry for entry in entries if "\nStatus: install ok installed\n" in entry)
    return {entry.partition("\n")[0].removeprefix("Package: ") for entry in installed}


def root_for(role: Role) -> Path:
    """A root file system of Debian 13 with every package of the role's host; without one the test is skipped."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount an overlay")
    together = [role] if role.name == "lab_internet" else [other for other in roles() if other.name != "lab_internet"]
    needed = {package.name for other in together for package in contract.load(other.name).packages}
    roots = [Path("/")] if machine_is_debian_13() else []
    roots += sorted(path for path in Place().directory.glob("images/*") if path.is_dir())
    for root in roots:
        if needed <= packages(root):
            return root
    pytest.skip("no Debian 13 with the role's packages: neither this machine nor an image of the lab has them")


def write(folder: Path, path: str, text: str) -> None:
    """Write one file below a folder; programs can be run."""
    target = folder / path[1:]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
    target.chmod(0o755 if path.startswith("/usr/lib/maillage/") else 0o644)


def run(root: Path, scratch: Path, files: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Run a script in the root file system with the files over it."""
    inside = ["chroot", str(scratch / "root"), "sh", "-euc", script]
    command = ["unshare", "--mount", "--net", "sh", "-c", ENTER, "enter", str(root), str(scratch), str(files), *inside]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
