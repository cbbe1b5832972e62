"""The start of every module of this project: find its libraries in the payload, run it, print the answer.

Ansible's own start (AnsibleModule, in a zip file) costs five times a bare Python; a module whose arguments are put into
its source costs little more than one. `exec` of this file, by the module, is that start.
"""

from __future__ import annotations

import importlib
import json
import sys
from importlib.machinery import ModuleSpec

TYPE_CHECKING = False  # `typing` itself is not worth 3 ms of every task
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any


class Sources:
    """Finds modules in a dict of sources: nothing is written to the node's disk, and only what is used is compiled."""

    def __init__(self, sources: dict[str, str]) -> None:
        self.sources = sources

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:  # noqa: ARG002
        """Part of the import protocol."""
        if name not in self.sources:
            return None
        return ModuleSpec(name, self, is_package="." not in name)  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> None:
        """Part of the import protocol: the default."""

    def exec_module(self, module: ModuleType) -> None:
        """Part of the import protocol."""
        name = module.__name__
        exec(compile(self.sources[name], f"<{name}>", "exec"), module.__dict__)  # noqa: S102 - our own source


def run(name: str, payload: dict[str, Any], internal: dict[str, Any]) -> None:
    """Run the library `maillage.<name>` and print its result as Ansible wants it.

    Args:
        name: the module's name.
        payload: `sources` (module name to source) and `arguments` of the task.
        internal: Ansible's own arguments (`_ansible_check_mode`, `_ansible_diff`).
    """
    sys.meta_path.insert(0, Sources(payload["sources"]))
    try:
        library = importlib.import_module(f"maillage.{name}")
        check, diff = bool(internal["_ansible_check_mode"]), bool(internal["_ansible_diff"])
        arguments = {**payload["arguments"], "sources": payload["sources"]}
        result = library.main(arguments, check=check, diff=diff)
        if not diff:
            result.pop("diff", None)
    except Exception as error:
        result = failure(error)
    print(json.dumps(result))  # noqa: T201 - this is the module's answer
    sys.exit(1 if result.get("failed") else 0)


def failure(error: Exception) -> dict[str, Any]:
    """Turn an exception into a result: ours and the system's are sentences, others are defects and keep their trace."""
    from maillage.command import NodeError, refusal

    if isinstance(error, NodeError):
        return {"failed": True, "msg": str(error)}
    if isinstance(error, OSError):
        return {"failed": True, "msg": refusal(error)}
    import traceback

    trace = "".join(traceback.format_tb(error.__traceback__))
    return {"failed": True, "msg": f"a defect of this module: {type(error).__name__}: {error}", "exception": trace}
