"""Sends `nextcloud` to the node, and the archives that the node lacks; see plugins/modules/nextcloud.py."""

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
        actions = [
            ("enable", apps["enabled"]),
            ("disable", [app for app in apps["disabled"] if app not in apps["store"]]),
        ]
        given = [app for app, archive in apps["archives"].items() if archive["sha256"]]
        actions.append(("install", [app for app in apps["store"] if apps["store_reached"] or app in given]))
        found = [("release", arguments["release"]["version"], "install")]
        found += [("app", app, action) for action, names in actions for app in names]
        found += [("setting", app, "set") for app, values in arguments["settings"].items() if values]
        found += [("authority", name, "trust") for name in arguments["authorities"]]
        return found + [("peer", url, "create") for url in arguments["peers"]]

    def call(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Run the module; a second time with the archives that it asks for."""
        result = super().call(arguments, task_vars)
        wanted = result.pop("archives_wanted", [])
        if not wanted:
            return result
        release = arguments["release"]
        if release["path"] in wanted and not Path(release["path"]).is_file():
            raise AnsibleActionFail(
                f"the host lacks Nextcloud {release['version']}, and there is no archive of it here; give one with "
                "`--nextcloud-archive PATH`"
            )
        # The host chooses among these, and gets no other file of this machine.
        given = [release["path"], *(archive["path"] for archive in arguments["apps"].get("archives", {}).values())]
        folder = self._make_tmp_path()
        try:
            sent = {}
            for path in (path for path in given if path in wanted):
                sent[path] = self._connection._shell.join_path(folder, Path(path).name)
                self._transfer_file(path, sent[path])
            return super().call(arguments | {"sent": sent}, task_vars)
        finally:
            self._remove_tmp_path(folder)
