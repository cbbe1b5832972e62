"""Runs this project's own modules: the base of their action plugins, not a task by itself."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path
from typing import Any, ClassVar

from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.json import Direction, get_module_encoder
from ansible.plugins.action import ActionBase

LIBRARIES = Path(__file__).resolve().parent.parent / "module_utils"


class ActionModule(ActionBase):
    """Sends a module with its libraries and its arguments, as one opaque string, so that nothing shows them.

    Attributes:
        OPTIONS: the task's options: name to (type, default); a default of ... is a required option.
    """

    OPTIONS: ClassVar[dict[str, tuple[type, Any]]] = {}

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module of the task's own name with the task's options.

        With the variable `maillage_estimate` no host is contacted (there is none yet): the answer is what a bare one
        would need.
        """
        super().run(tmp, task_vars)
        variables = task_vars or {}
        arguments = self.arguments(variables)
        if not variables.get("maillage_estimate"):
            return self.call(arguments, variables)
        found = self.estimate(arguments)
        changes = [{"kind": kind, "name": name, "action": action} for kind, name, action in found]
        return {"changed": bool(changes), "changes": changes}

    def arguments(self, task_vars: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002 - for those that render
        """Return what the module is given."""
        return self.options()

    def estimate(self, arguments: dict[str, Any]) -> list[tuple[str, str, str]]:
        """List kind, name and action of all that a bare host would need."""
        raise NotImplementedError

    def options(self) -> dict[str, Any]:
        """Return the task's options, checked, with their defaults."""
        given, name = self._task.args, self._task.action
        if unknown := sorted(set(given) - set(self.OPTIONS)):
            raise AnsibleActionFail(f"{name}: unknown option {', '.join(unknown)}; it knows {', '.join(self.OPTIONS)}")
        options = {}
        for option, (kind, default) in self.OPTIONS.items():
            value = given.get(option, default)
            if value is ...:
                raise AnsibleActionFail(f"{name}: the option {option} is missing")
            if not isinstance(value, kind):
                raise AnsibleActionFail(f"{name}: the option {option} must be a {kind.__name__}")
            options[option] = value.copy() if isinstance(value, (list, dict)) else value
        return options

    def call(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Run the module on the node, once."""
        payload = {"sources": sources(), "arguments": arguments}
        text = json.dumps(payload, cls=get_module_encoder("legacy", Direction.CONTROLLER_TO_MODULE))
        packed = base64.b64encode(zlib.compress(text.encode())).decode()
        return self._execute_module(module_name=self._task.action, module_args={"payload": packed}, task_vars=task_vars)


def sources() -> dict[str, str]:
    """Read the libraries: module name to source."""
    found = {}
    for path in sorted(LIBRARIES.glob("maillage/*.py")):
        name = "maillage" if path.stem == "__init__" else f"maillage.{path.stem}"
        found[name] = path.read_text(encoding="utf-8")
    return found
