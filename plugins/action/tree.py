"""Renders a component's templates and has the node made so; see plugins/modules/tree.py for the options."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any, ClassVar

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.loader import action_loader
from ansible.template import generate_ansible_template_vars, trust_as_template

Node: Any = action_loader.get("node", class_only=True)
Options = dict[str, tuple[type, Any]]

TEMPLATE_OPTIONS = {"trim_blocks": True, "lstrip_blocks": False, "newline_sequence": "\n"}
SECRET_WORD = re.compile(r"""[^\s"'=:,;<>{}()\[\]]{5,}""")
COMPONENTS = "maillage_components"
CONFIRMATION_SECONDS = 130  # the node puts the previous files back after 90


class ActionModule(Node):
    """The action of `tree`."""

    OPTIONS: ClassVar[Options] = {
        "component": (str, ...),
        "state": (str, "present"),
        "attributes": (dict, {}),
        "directories": (dict, {}),
        "links": (dict, {}),
        "absent": (list, []),
        "check": (list, []),
        "live": (list, []),
        "services": (list, []),
        "reload": (list, []),
        "guard": (bool, False),
    }

    def options(self) -> dict[str, Any]:
        """Return the task's options with the defaults of their entries filled in."""
        options = super().options()
        if options["state"] not in ("present", "absent"):
            raise AnsibleActionFail("tree: state is present or absent")
        options["services"] = [service(entry) for entry in options["services"]]
        options["directories"] = {
            path: owned(path, entry or {}, "0755") for path, entry in options["directories"].items()
        }
        options["reload"] = [service({"name": name})["name"] for name in options["reload"]]
        for path in [*options["directories"], *options["links"], *options["absent"], *options["attributes"]]:
            check_path(path)
        for argv in [*options["check"], *options["live"]]:
            if not isinstance(argv, list) or not argv or not all(isinstance(word, str) for word in argv):
                raise AnsibleActionFail(f"tree: {argv}: a command is a list of words, such as [nginx, -t]")
        return options

    def arguments(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        """Return the manifest: the options, with the templates rendered."""
        manifest = self.options()
        attributes, manifest["files"], manifest["secrets"] = manifest.pop("attributes"), {}, []
        if manifest["state"] == "absent":
            return manifest
        if folder := self.folder(manifest):
            for source in sorted(path for path in folder.rglob("*") if path.is_file()):
                self.add(source, folder, attributes, task_vars, manifest)
        if unknown := sorted(set(attributes) - set(manifest["files"]) - set(manifest["absent"])):
            raise AnsibleActionFail(
                f"tree: attributes of {', '.join(unknown)}, which is no template of {manifest['component']}"
            )
        places = [path for option in ("files", "directories", "links", "absent") for path in manifest[option]]
        if twice := sorted({path for path in places if places.count(path) > 1}):
            raise AnsibleActionFail(f"tree: {', '.join(twice)}: asked for twice, in different ways")
        return manifest

    def folder(self, manifest: dict[str, Any]) -> Path | None:
        """Find the component's templates; a component of directories, links and services alone has none."""
        try:
            return Path(self._find_needle("templates", manifest["component"]))
        except AnsibleError:
            if any(manifest[option] for option in ("directories", "links", "absent", "services")):
                return None
            raise

    def estimate(self, manifest: dict[str, Any]) -> list[tuple[str, str, str]]:
        """A bare host has nothing of all this."""
        if manifest["state"] == "absent":
            return []
        paths = {"directory": manifest["directories"], "file": manifest["files"], "link": manifest["links"]}
        found = [(kind, path, "create") for kind, entries in paths.items() for path in entries]
        found += [("service", entry["name"], "start") for entry in manifest["services"]]
        return found + [("service", name, "reload") for name in manifest["reload"]]

    def call(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Run the module, unless there is nothing to remove; confirm a guarded change over a new connection."""
        known = task_vars.get("ansible_facts", {}).get(COMPONENTS)  # since an earlier task of this play
        if arguments["state"] == "absent" and known is not None and arguments["component"] not in known:
            return {"changed": False, "changes": []}
        result = super().call(arguments, task_vars)
        if "components" in result:
            result["ansible_facts"] = {COMPONENTS: result.pop("components")}
        if timer := result.pop("confirm", None):
            self.confirm(arguments["component"], timer, task_vars)
        return result

    def add(
        self,
        source: Path,
        folder: Path,
        attributes: dict[str, Any],
        task_vars: dict[str, Any],
        manifest: dict[str, Any],
    ) -> None:
        """Put one template into the manifest."""
        path = "/" + source.relative_to(folder).as_posix()
        if source.suffix == ".j2":
            path = path.removesuffix(".j2")
            text = self.rendered(source, path, task_vars)
            if not text.strip():
                manifest["absent"].append(path)
                return
        else:
            text = source.read_bytes().decode("utf-8", "surrogateescape")
        entry = owned(path, attributes.get(path, {}), "0755" if path.startswith("/usr/lib/maillage/") else "0644")
        manifest["files"][path] = {"content": text, **entry}
        if int(entry["mode"], 8) & 0o007 == 0 and source.suffix == ".j2":
            known = source.read_text(encoding="utf-8")
            manifest["secrets"] += [word for word in SECRET_WORD.findall(text) if word not in known]

    def rendered(self, source: Path, path: str, task_vars: dict[str, Any]) -> str:
        """Render one template as ansible.builtin.template does."""
        search = [*task_vars.get("ansible_search_path", []), self._loader.get_basedir(), str(source.parent)]
        variables = task_vars | generate_ansible_template_vars(path=str(source), fullpath=str(source), dest_path=path)
        if "ansible_managed" in task_vars:
            variables["ansible_managed"] = task_vars["ansible_managed"]
        templar = self._templar.copy_with_new_env(
            searchpath=[place for step in search for place in (f"{step}/templates", step)],
            available_variables=variables,
        )
        template = trust_as_template(self._loader.get_text_file_contents(str(source)))
        text = templar.template(template, escape_backslashes=False, overrides=TEMPLATE_OPTIONS)
        if isinstance(text, (dict, list)):
            raise AnsibleActionFail(
                f"{source}: renders to a mapping or a list: end it with a filter such as to_nice_json"
            )
        return "" if text is None else str(text)

    def confirm(self, component: str, timer: str, task_vars: dict[str, Any]) -> None:
        """Reach the node over a new connection and disarm the timer.

        Raises:
            AnsibleActionFail: no new connection came through, or too late.
        """
        deadline, before, problem = time.monotonic() + CONFIRMATION_SECONDS, self.client(), ""
        while time.monotonic() < deadline:
            time.sleep(1 if problem else 0)
            try:
                self._connection.reset()
                if self._connection.transport == "ssh" and (client := self.client()) in ("", before):
                    problem = f"the connection that was there before is still used ({client})"
                    continue
                confirmed = super().call({"component": component, "confirm": timer}, task_vars)
            except AnsibleError as error:  # the host cannot be reached
                problem = str(error)
                continue
            if confirmed.get("confirmed"):
                return
            if "confirmed" in confirmed:
                raise AnsibleActionFail(
                    f"«{component}»: no new connection came through; the host has put the previous files back. "
                    f"Last attempt: {problem}"
                )
            problem = str(confirmed.get("msg", "no answer"))
        raise AnsibleActionFail(
            f"«{component}»: the host cannot be reached with the new files; "
            f"90 seconds after the change it puts the previous ones back by itself. Last attempt: {problem}"
        )

    def client(self) -> str:
        """Say from where the node sees this connection, another port for every one; "" when it is cut."""
        try:
            return str(self._low_level_execute_command("echo $SSH_CONNECTION", sudoable=False)["stdout"].strip())
        except AnsibleError:
            return ""


def owned(path: str, entry: dict[str, Any], mode: str) -> dict[str, str]:
    """Return owner, group and mode of a path, defaults filled in."""
    if unknown := sorted(set(entry) - {"owner", "group", "mode"}):
        raise AnsibleActionFail(f"tree: {path}: unknown attribute {', '.join(unknown)}; owner, group and mode exist")
    complete = {"owner": "root", "group": "root", "mode": mode, **entry}
    if not isinstance(complete["mode"], str) or not re.fullmatch("[0-7]{3,4}", complete["mode"]):
        raise AnsibleActionFail(f'tree: {path}: mode is a string of octal digits in quotes, such as "0640"')
    return complete


def service(entry: dict[str, Any]) -> dict[str, str]:
    """Return a service's entry, checked."""
    complete = {"on_change": "none", **entry}
    if set(complete) != {"name", "on_change"} or complete["on_change"] not in ("none", "reload", "restart"):
        raise AnsibleActionFail("tree: a service has a name and, if need be, on_change: none, reload or restart")
    if "." not in complete["name"]:
        raise AnsibleActionFail(
            f"tree: {complete['name']}: write the unit's whole name, such as {complete['name']}.service"
        )
    return complete


def check_path(path: str) -> None:
    """Refuse a destination that is not a plain absolute path."""
    if not path.startswith("/") or path.endswith("/") or {"", ".", ".."} & set(path[1:].split("/")):
        raise AnsibleActionFail(
            f"tree: {path}: a destination is an absolute path, with no «..» and no slash at its end"
        )
