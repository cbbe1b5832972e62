"""Sends `nextcloud` to the node, and the archive when the node lacks the release; see plugins/modules/nextcloud.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from ansible.errors import AnsibleActionFail
from ansible.plugins.loader import action_loader

Node: Any = action_loader.get("node", class_only=True)
Options = dict[str, tuple[type, Any]]


class ActionModule(Node):
    """The action of `nextcloud`."""

    OPTIONS: ClassVar[Options] = {
        "release": (dict, {}),
        "apps": (dict, {}),
        "settings": (dict, {}),
        "authorities": (dict, {}),
        "peers": (list, []),
        "subscribers": (list, []),
        "ahead": (bool, False),
    }

    def estimate(self, arguments: dict[str, Any]) -> list[tuple[str, str, str]]:
        """A bare host has nothing of it, and nobody has come yet."""
        if not arguments["release"] or arguments["ahead"]:
            return []
        apps = arguments["apps"]
        actions = [("enable", apps["enabled"]), ("disable", apps["disabled"])]
        if apps["store_reached"]:
            actions.append(("install", apps["store"]))
        found = [("release", arguments["release"]["version"], "install")]
        found += [("app", app, action) for action, names in actions for app in names]
        found += [("setting", app, "set") for app, values in arguments["settings"].items() if values]
        found += [("authority", name, "trust") for name in arguments["authorities"]]
        return found + [("peer", url, "create") for url in arguments["peers"]]

    def call(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Run the module; a second time with the archive when it asks for it."""
        result = super().call(arguments, task_vars)
        if not result.pop("archive_wanted", False):
            return result
        path, version = Path(arguments["release"]["path"]), arguments["release"]["version"]
        if not path.is_file():
            raise AnsibleActionFail(
                f"the host lacks Nextcloud {version}, and there is no archive of it here; give one with "
                "`--nextcloud-archive PATH`"
            )
        folder = self._make_tmp_path()
        try:
            archive = self._connection._shell.join_path(folder, path.name)
            self._transfer_file(str(path), archive)
            return super().call(arguments | {"archive": archive}, task_vars)
        finally:
            self._remove_tmp_path(folder)
