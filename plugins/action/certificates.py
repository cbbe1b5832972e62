"""Sends `certificates` to the node; see plugins/modules/certificates.py for the options."""

from __future__ import annotations

from typing import Any, ClassVar

from ansible.plugins.loader import action_loader

Node: Any = action_loader.get("node", class_only=True)
Options = dict[str, tuple[type, Any]]


class ActionModule(Node):
    """The action of `certificates`."""

    OPTIONS: ClassVar[Options] = {"wanted": (list, ...), "key": (str, "")}

    def estimate(self, arguments: dict[str, Any]) -> list[tuple[str, str, str]]:
        """A bare host has no certificate at all."""
        return [("certificate", wanted["name"], "issue") for wanted in arguments["wanted"]]
