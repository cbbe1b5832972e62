"""The territory's secrets are looked for during and after its life, everywhere: and the hunt finds a planted one."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from hunt import holding, journal, known, watching

from orchestrator import ssh
from orchestrator.locations import state_folder

# On the controller: where a run could leave something; on the host: everything but the kernel's own.
HERE = ["/tmp", "/dev/shm", str(state_folder() / "secrets"), str(Path.home() / ".ansible")]
HOST = ["/"]
# The one file in which a service reads its password, and the keys of lab territories.
ALLOWED_ON_HOST = ["/etc/radicale/directory-password"]


@pytest.fixture(scope="module")
def life(orne):
    """From bare to changed, refused and mended: the secrets, where one was seen, what was said, since when."""
    orne.lab.destroy(orne.host)
    orne.run("lab", "up", orne.name)
    orne.run("plan", orne.name, "--json")  # makes the secrets that are still missing
    words, seen, said, begun = known(orne.node), [], [], time.time()
    with watching(words, seen), watching(words, seen, orne.lab.connection(orne.host)):
        said.append(orne.run("deploy", orne.name))
        orne.on("systemctl mask --now radicale.service; echo drift >> /etc/radicale/directory-password")
        said += [orne.run("plan", orne.name), orne.run("deploy", orne.name, "--no-verify", code=6)]
        orne.on("systemctl unmask radicale.service")
        said.append(orne.run("subscriber", "add", orne.name, "canari", "--name", "Canari d'essai"))
        words += [word for word in known(orne.node) if word not in words]
        said += [orne.run("subscriber", verb, orne.name, "canari") for verb in ("suspend", "resume", "reset")]
        said += [orne.run("deploy", orne.name), orne.run("inventory", "--list")]
        said.append(orne.run("subscriber", "remove", orne.name, "canari", "--yes"))
    return words, seen, said, begun


def test_no_process_shows_one(life):
    _, seen, *_ = life
    assert seen == []


def test_no_output_shows_one(life):
    words, _, said, _ = life
    assert [word for word in words if any(word in text for text in said)] == []


def test_no_file_and_no_log_holds_one(orne, life):
    (words, _, _, begun), host = life, orne.lab.connection(orne.host)
    assert [path for path in holding(words, HERE) if Path(path).stat().st_mtime > begun] == []
    assert holding(words, HOST, host) == ALLOWED_ON_HOST
    assert orne.on(f"stat -c %a {' '.join(ALLOWED_ON_HOST)}").split() == ["640"]
    assert journal(words, host) == []
    assert holding(words, [str(orne.mesh)]) == []


@pytest.mark.parametrize("where", ["here", "host"])
def test_the_hunt_finds_a_planted_one(orne, life, tmp_path, where):
    words = life[0]
    host = None if where == "here" else orne.lab.connection(orne.host)
    script = f"import subprocess; subprocess.run(['sh', '-c', 'sleep 2', {words[0]!r}], check=True)"
    planted = f"{tmp_path if host is None else '/srv'}/planted"
    script += f"; open({planted!r}, 'w').write('x' + {words[1]!r} + 'x')"
    seen = []
    with watching(words, seen, host):
        if host is None:
            subprocess.run([sys.executable, "-"], input=script, text=True, check=True)
        else:
            host.run(f"{script}; subprocess.run(['logger'], input={words[2]!r}, text=True)", interpreter=ssh.PYTHON)
    assert any("sleep 2" in line for line in seen)
    assert planted in holding(words, [planted], host)
    if host:
        assert journal(words, host)
        host.run(f"rm {planted}")
