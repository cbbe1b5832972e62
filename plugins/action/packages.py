"""Sends `packages` to the node; see plugins/modules/packages.py for the options."""

from __future__ import annotations

from typing import Any, ClassVar

from ansible.plugins.loader import action_loader

Node: Any = action_loader.get("node", class_only=True)
Options = dict[str, tuple[type, Any]]


class ActionModule(Node):
    """The action of `packages`."""

    OPTIONS: ClassVar[Options] = {"names": (list, ...), "debconf": (list, [])}

    def estimate(self, arguments: dict[str, Any]) -> list[tuple[str, str, str]]:
        """A bare host has none of the packages, and no answer."""
        answers = [" ".join(line.split()[:2]) for line in arguments["debconf"]]
        return [("package", name, "install") for name in arguments["names"]] + [
            ("debconf", name, "set") for name in answers
        ]
