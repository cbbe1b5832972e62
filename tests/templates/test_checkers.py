"""The rendered files before the real judges: every `check` of every `tree` task, with the programs of Debian 13."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
from ansible.template import trust_as_template
from debian import root_for, run, write
from rendering import SAMPLES, rendered, templar
from role_files import Role, roles

# What stands on a running host before the checkers come: its own keys, placeholders for its certificates, users.
PREPARATION = """
ssh-keygen -q -A
systemd-sysusers /usr/lib/sysusers.d/maillage-*.conf
/usr/lib/maillage/certificates prepare
[ ! -x /usr/lib/maillage/nextcloud-prepare ] || /usr/lib/maillage/nextcloud-prepare
"""

# The lab's certificate is handed to it; here it is only a sample.
OF_THE_LAB = """
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=sample -keyout /etc/maillage/pebble/key.pem \\
    -out /etc/maillage/pebble/certificate.pem 2>/dev/null
"""

TREES = [(role, tree) for role in roles() for tree in role.trees() if tree.get("check")]


def own_files(sample: str, folder: Path, tested: Role) -> None:
    """Write what all roles of a host would write, and the directories that they declare."""
    other_engine = "nextcloud" if tested.name == "radicale" else "radicale"
    for role in roles():
        if role.name == other_engine:
            continue
        for tree in role.trees():
            for directory in tree.get("directories", {}):
                (folder / directory[1:]).mkdir(parents=True, exist_ok=True)
        if role.name == "lab_internet":
            continue  # another host: it has an unbound of its own
        for path, text in rendered(role, sample).items():
            write(folder, path, text)


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize(("role", "tree"), TREES, ids=[tree["component"] for _, tree in TREES])
def test_checkers_accept(role: Role, tree: dict[str, Any], sample: str, tmp_path: Path) -> None:
    root = root_for(role)
    files, scratch = tmp_path / "files", tmp_path / "scratch"
    scratch.mkdir()
    own_files(sample, files, role)
    if role.name == "lab_internet":
        shutil.rmtree(files / "etc" / "unbound")
        for path, text in rendered(role, sample).items():
            write(files, path, text)
    environment = templar(role, sample)
    script = OF_THE_LAB if role.name == "lab_internet" else PREPARATION
    checks = tree["check"]
    for command in environment.template(trust_as_template(checks)) if isinstance(checks, str) else checks:
        script += shlex.join(str(environment.template(trust_as_template(word))) for word in command) + "\n"
    done = run(root, scratch, files, script)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_checker_refuses_nonsense(tmp_path: Path) -> None:
    """The way of testing itself can fail: nginx is given a file that is none."""
    root = root_for(Role("web"))
    files, scratch = tmp_path / "files", tmp_path / "scratch"
    scratch.mkdir()
    own_files("full", files, Role("web"))
    write(files, "/etc/nginx/sites.d/99-nonsense.conf", "no such directive;\n")
    done = run(root, scratch, files, f"{PREPARATION}nginx -t -q")
    assert done.returncode != 0
    assert "99-nonsense.conf" in done.stderr
