"""Sends `nextcloud_move` to the node; see plugins/modules/nextcloud_move.py for the options."""

from __future__ import annotations

from typing import Any, ClassVar

from ansible.plugins.loader import action_loader

Node: Any = action_loader.get("node", class_only=True)
Options = dict[str, tuple[type, Any]]


class ActionModule(Node):
    """The action of `nextcloud_move`."""

    OPTIONS: ClassVar[Options] = {"leave_out": (list, [])}

    def estimate(self, arguments: dict[str, Any]) -> list[tuple[str, str, str]]:  # noqa: ARG002
        """A bare host has nothing to move."""
        return []
