"""Sends `accounts` to the node; see plugins/modules/accounts.py for the options."""

from __future__ import annotations

from typing import Any

from ansible.plugins.loader import action_loader

Node: Any = action_loader.get("node", class_only=True)


class ActionModule(Node):
    """The action of `accounts`."""

    OPTIONS = {
        "suffix": (str, ...),
        "services": (list, ...),
        "subscribers": (list, ...),
        "remove": (list, []),
        "reset": (list, []),
    }
