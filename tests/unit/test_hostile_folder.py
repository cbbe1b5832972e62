"""Somebody else's mesh folder, opened by a partner: nothing in it is ever executed, whatever it is called or says."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from sample_territories import REAL

from orchestrator import fields

KINDS = ["TerritoryName", "HostName", "SubscriberName", "Label", "AppName", "SystemUser"]
PIECES = ["..", "/", ".", "-", "_", "a", "z9", "\n", "\0", "\\", "~", "$HOME", "%2f", "\u2024", "é", " ", "A" * 70]
ROOT = Path(__file__).resolve().parents[2]
COMMANDS = ["validate", "inventory --host noeud.montagne", "plan montagne --json", "subscriber list montagne"]


def planted(mark):
    """Files that Ansible, Python, git or a shell would execute where they look for them: path to content."""
    lookup = f"x: \"{{{{ lookup('pipe', 'touch {mark}') }}}}\"\nansible_connection: local\n"
    python, shell = f"open({str(mark)!r}, 'w')\n", f"#!/bin/sh\ntouch {mark}\n"
    tasks = f"- command: touch {mark}\n  delegate_to: localhost\n"
    files = {
        "inventory": shell,
        "ansible.cfg": "[defaults]\nroles_path = roles\nlibrary = library\ncallback_plugins = callback_plugins\n",
        ".git/hooks/post-checkout": shell,
        "requirements.yml": "[]",
    }
    for folder in ("", "montagne/"):
        files |= {f"{folder}{kind}_vars/{name}": lookup for kind in ("group", "host")
                  for name in ("all", "nodes", "montagne", "noeud.montagne")}  # fmt: skip
        files |= {f"{folder}roles/{role}/tasks/main.yml": tasks for role in ("base", "web", "nextcloud")}
        for name in ("yaml", "ansible", "orchestrator/__init__", "sitecustomize", "tree", "filter_plugins/x",
                     "callback_plugins/x", "vars_plugins/x", "library/tree", "plugins/action/tree"):  # fmt: skip
            files[f"{folder}{name}.py"] = python
        files[f"{folder}playbooks/any/site.yml"] = "- hosts: all\n  tasks:\n  " + tasks.replace("\n", "\n  ")
    return files


@pytest.fixture
def folder(tmp_path):
    """A territory that does not exist yet, whose every free text is a command, among all these files."""
    mesh, mark = tmp_path / "mesh", tmp_path / "mark"
    for path, text in planted(mark).items():
        (mesh / path).parent.mkdir(parents=True, exist_ok=True)
        (mesh / path).write_text(text, encoding="utf-8")
        (mesh / path).chmod(0o755)
    command = f"$(touch {mark}) `touch {mark}` '; touch {mark};' \""[:100]
    territory = yaml.safe_load(
        REAL.replace("provider: existing", "provider: lab").replace("203.0.113.11", "10.99.0.77")
    )
    territory["domain"], territory["partner"]["name"] = "montagne.maillage.test", command
    territory["hosts"][0]["disk"] = "8 GB"
    person = {"name": command, "mail": "exemple@montagne.maillage.test", "plan": "essentiel"}
    for name, content in (("territory", territory), ("subscriptions", {"subscribers": {"exemple": person}})):
        text = yaml.safe_dump(content, allow_unicode=True, width=1000)
        (mesh / "montagne" / f"{name}.yml").write_text(text, encoding="utf-8")
    return mesh, mark


def test_nothing_in_a_folder_is_executed(folder, tmp_path):
    mesh, mark = folder
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    own = {"HOME": str(tmp_path), "MAILLAGE_STATE": str(tmp_path / "state"), "MAILLAGE_MESH": str(mesh)}
    for words in COMMANDS:
        program = [Path(sys.executable).with_name("maillage"), *words.split()]
        done = subprocess.run(
            program, cwd=mesh, env=kept | own, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, f"{words}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        assert not mark.exists(), words
        if "--json" in words:
            assert {change["role"] for change in json.loads(done.stdout)["changes"]} >= {"base", "web", "radicale"}


def test_the_mark_would_be_seen(folder, tmp_path):
    """The same files, executed by plain Ansible as it would anywhere: only our own commands keep away from them."""
    mesh, mark = folder
    program = [Path(sys.executable).with_name("ansible-playbook"), "-i", "noeud.montagne,", "playbooks/any/site.yml"]
    done = subprocess.run(
        program, cwd=mesh, env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)}, capture_output=True, check=False
    )
    assert mark.exists(), done


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=300, deadline=None)
@given(name=st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=5).map("".join))
def test_a_name_cannot_leave_its_folder(kind, name):
    try:
        TypeAdapter(getattr(fields, kind)).validate_python(name)
    except ValidationError:
        return
    assert Path(os.path.normpath(f"/kept/{name}")).parent == Path("/kept")
    assert name.isascii()
    assert name.isprintable()
    assert len(name) <= 64
    assert name[0] not in "-."
