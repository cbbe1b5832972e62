"""The rendered files before the real judges: every `check` of every `tree` task, with the programs of Debian 13.

The judges run in a root file system that has them: this machine's, when it is Debian 13, or an image of the lab.
The files lie over it in an overlay that is thrown away, so each stands at its real path.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible.template import trust_as_template
from rendering import SAMPLES, rendered, templar
from role_files import Role, roles

from orchestrator import contract
from orchestrator.providers.lab import Place

# What stands on a running host before the checkers come: its own keys, and placeholders for its certificates.
PREPARATION = "ssh-keygen -q -A\n/usr/lib/maillage/certificates prepare\n"

# Run in a mount and network namespace of its own: nothing of it outlives the test.
ENTER = """
set -eu
mount -t tmpfs tmpfs "$2"
mkdir "$2/upper" "$2/work" "$2/root"
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/root"
mount --rbind /dev "$2/root/dev"
mount -t proc proc "$2/root/proc"
cp -a "$3/." "$2/root/"
mkdir -p "$2/root/run/sshd"
shift 3
exec "$@"
"""


TREES = [(role, tree) for role in roles() for tree in role.trees() if tree.get("check")]


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


def own_files(sample: str, folder: Path) -> None:
    """Write what all roles of a host would write, and the directories that they declare."""
    for role in roles():
        for tree in role.trees():
            for directory in tree.get("directories", {}):
                (folder / directory[1:]).mkdir(parents=True, exist_ok=True)
        if role.name == "lab_internet":
            continue  # another host: it has an unbound of its own
        for path, text in rendered(role, sample).items():
            write(folder, path, text)


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


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize(("role", "tree"), TREES, ids=[tree["component"] for _, tree in TREES])
def test_checkers_accept(role: Role, tree: dict[str, Any], sample: str, tmp_path: Path) -> None:
    root = root_for(role)
    files, scratch = tmp_path / "files", tmp_path / "scratch"
    scratch.mkdir()
    own_files(sample, files)
    if role.name == "lab_internet":
        shutil.rmtree(files / "etc" / "unbound")
        for path, text in rendered(role, sample).items():
            write(files, path, text)
    environment = templar(role, sample)
    script = "" if role.name == "lab_internet" else PREPARATION
    for command in tree["check"]:
        script += shlex.join(str(environment.template(trust_as_template(word))) for word in command) + "\n"
    done = run(root, scratch, files, script)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_checker_refuses_nonsense(tmp_path: Path) -> None:
    """The way of testing itself can fail: nginx is given a file that is none."""
    root = root_for(Role("web"))
    files, scratch = tmp_path / "files", tmp_path / "scratch"
    scratch.mkdir()
    own_files("full", files)
    write(files, "/etc/nginx/sites.d/99-nonsense.conf", "no such directive;\n")
    done = run(root, scratch, files, f"{PREPARATION}nginx -t -q")
    assert done.returncode != 0
    assert "99-nonsense.conf" in done.stderr
