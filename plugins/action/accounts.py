"""Sends `accounts` to the node; see plugins/modules/accounts.py for the options."""

from __future__ import annotations

from typing import Any, ClassVar

from ansible.plugins.loader import action_loader

Node: Any = action_loader.get("node", class_only=True)
Options = dict[str, tuple[type, Any]]


class ActionModule(Node):
    """The action of `accounts`."""

    OPTIONS: ClassVar[Options] = {
        "suffix": (str, ...),
        "services": (list, ...),
        "subscribers": (list, ...),
        "first_passwords": (dict, {}),
        "remove": (list, []),
        "reset": (list, []),
    }

    def estimate(self, arguments: dict[str, Any]) -> list[tuple[str, str, str]]:
        """A bare host has no account."""
        names = [f"services/{service['name']}" for service in arguments["services"]]
        names += [subscriber["uid"] for subscriber in arguments["subscribers"]]
        return [("account", name, "create") for name in names]
