"""The runner with the real ansible-runner, against this machine."""

import json
import os
import signal
import threading
from pathlib import Path

import pytest

from orchestrator import runner

LOCAL = {"all": {"hosts": {"here": {"ansible_connection": "local", "ansible_python_interpreter": "/usr/bin/python3"}}}}


@pytest.fixture
def run(tmp_path):
    key = tmp_path / "key"
    key.write_text("sample-key\n")
    return lambda playbook, **options: runner.run(playbook, LOCAL, [f"sample@{key}"], **options)


@pytest.fixture
def play(tmp_path):
    def write(tasks):
        path = tmp_path / "play.yml"
        path.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
        return str(path)

    return write


def test_changes_and_check_mode(run, play, tmp_path):
    target = tmp_path / "made"
    playbook = play([{"name": "Write", "ansible.builtin.copy": {"content": "x\n", "dest": str(target)}}])
    planned = run(playbook, check=True)
    assert [change.name for change in planned.changes] == ["Write"]
    assert not target.exists()
    assert any("+x" in text for text in planned.diffs.values())
    assert run(playbook).changes == planned.changes
    assert run(playbook).changes == []


def test_failure_names_the_task_and_its_reason(run, play):
    outcome = run(play([{"name": "Refuse", "ansible.builtin.fail": {"msg": "the disk is full"}}]))
    (failure,) = outcome.failures
    assert (failure.task, failure.reason) == ("Refuse", "the disk is full")


def test_a_playbook_that_ansible_cannot_read_is_said(run, play):
    with pytest.raises(runner.AnsibleStoppedError, match="no_such_module"):
        run(play([{"name": "Wrong", "no_such_module": {}}]))


def test_tokens_stay_out_of_the_run_and_come_back(run, play, tmp_path, monkeypatch):
    monkeypatch.setenv("HCLOUD_TOKEN", "canary-4711")
    copy = tmp_path / "environment"
    playbook = play([{"name": "Look", "ansible.builtin.shell": f"env > {copy}"}])
    run(playbook)
    assert "canary-4711" not in copy.read_text()
    assert os.environ["HCLOUD_TOKEN"] == "canary-4711"


def test_nothing_stays_in_memory(run, play):
    run(play([{"name": "Nothing", "ansible.builtin.meta": "noop"}]))
    assert list(runner.MEMORY.glob(f"{runner.PREFIX}{os.getpid()}-*")) == []


def test_interrupt_stops_and_gives_the_handler_back(run, play):
    before = signal.getsignal(signal.SIGINT)
    tasks = [{"name": task, "ansible.builtin.command": task} for task in ("sleep 30", "true")]
    playbook = play(tasks)
    threading.Timer(4, os.kill, (os.getpid(), signal.SIGINT)).start()
    outcome = run(playbook)
    assert outcome.interrupted
    assert outcome.changes == []
    assert signal.getsignal(signal.SIGINT) is before


def test_folder_of_a_killed_run_is_removed(run, play):
    stale = runner.MEMORY / f"{runner.PREFIX}4194305-left"
    stale.mkdir(mode=0o700, exist_ok=True)
    run(play([{"name": "Nothing", "ansible.builtin.meta": "noop"}]))
    assert not Path(stale).exists()
