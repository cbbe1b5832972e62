"""Runs tasks with the real ansible-playbook and this project's plugins; gives each task's result."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

REPOSITORY = Path(__file__).resolve().parents[3]
CONFIGURATION = """[defaults]
roles_path = {folder}/roles
library = {plugins}/modules
module_utils = {plugins}/module_utils
action_plugins = {plugins}/action
callback_plugins = {folder}/callbacks
callbacks_enabled = record
interpreter_python = /usr/bin/python3
local_tmp = {folder}/tmp
[connection]
pipelining = True
[ssh_connection]
pipelining = True
"""
RECORD = """
import json, os
from ansible.plugins.callback import CallbackBase
class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_NAME = "record"
    CALLBACK_TYPE = "aggregate"
    def record(self, result):
        with open(os.environ["RECORD"], "a") as file:
            file.write(json.dumps([result.task.action, result.host.name, result.result], default=str) + "\\n")
    def v2_runner_on_ok(self, result): self.record(result)
    def v2_runner_on_failed(self, result, ignore_errors=False): self.record(result)
    def v2_runner_item_on_ok(self, result): self.record(result)
    def v2_runner_item_on_failed(self, result): self.record(result)
"""


class Played(NamedTuple):
    """What ansible-playbook printed, and the results: task's action, host, result."""

    code: int
    output: str
    results: list[tuple[str, str, dict[str, Any]]]

    def of(self, action: str) -> dict[str, Any]:
        """The result of the one task with that action."""
        (found,) = [result for name, _, result in self.results if name == action]
        return found


class Playbook:
    """A folder with one role, `sample`.

    Attributes:
        templates: the role's folder of templates.
        wrapper: what ansible-playbook is started with.
    """

    def __init__(self, folder: Path, inventory: dict[str, dict[str, Any]], wrapper: tuple[str, ...] = ()) -> None:
        self.folder, self.wrapper, self.templates = folder, wrapper, folder / "roles" / "sample" / "templates"
        for name in ("callbacks", "tmp", "roles/sample/tasks", "roles/sample/templates"):
            (folder / name).mkdir(parents=True)
        (folder / "callbacks" / "record.py").write_text(RECORD, encoding="utf-8")
        configuration = CONFIGURATION.format(folder=folder, plugins=REPOSITORY / "plugins")
        (folder / "ansible.cfg").write_text(configuration, encoding="utf-8")
        (folder / "inventory.json").write_text(json.dumps({"all": {"hosts": inventory}}), encoding="utf-8")

    def template(self, component: str, path: str | Path, text: str | bytes) -> None:
        """Write one template of a component; `path` is its destination."""
        file = self.templates / component / str(path).lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode() if isinstance(text, str) else text)

    def play(self, tasks: list[dict[str, Any]], *options: str, **variables: Any) -> Played:
        """Run the tasks as those of the role, on every host of the inventory."""
        (self.folder / "roles" / "sample" / "tasks" / "main.yml").write_text(json.dumps(tasks), encoding="utf-8")
        play = [{"hosts": "all", "gather_facts": False, "vars": variables, "roles": ["sample"]}]
        (self.folder / "play.yml").write_text(json.dumps(play), encoding="utf-8")
        record = self.folder / "record"
        record.write_text("", encoding="utf-8")
        program = [
            *self.wrapper,
            str(Path(sys.executable).parent / "ansible-playbook"),
            "-i",
            "inventory.json",
            "play.yml",
            *options,
        ]
        environment = {
            **os.environ,
            "RECORD": str(record),
            "ANSIBLE_CONFIG": str(self.folder / "ansible.cfg"),
            "LC_ALL": "C.UTF-8",
        }
        done = subprocess.run(
            program, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=1200, check=False
        )
        results = [tuple(json.loads(line)) for line in record.read_text(encoding="utf-8").splitlines()]
        return Played(done.returncode, done.stdout + done.stderr, results)


def names(result: dict[str, Any]) -> set[tuple[str, str, str]]:
    """The changes of a result: kind, name, action."""
    return {(change["kind"], change["name"], change["action"]) for change in result["changes"]}
