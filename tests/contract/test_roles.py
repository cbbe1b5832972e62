"""Every role keeps the house's rules: what can be said of any role without running it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import readme_tables
import yaml
from role_files import ROOT, Role, roles

from orchestrator import contract

OURS = {"tree", "packages", "accounts", "certificates", "nextcloud", "nextcloud_move"}
KEYWORDS = {"name", "when", "loop", "register", "changed_when", "check_mode", "no_log", "vars", "block", "rescue"}

every_role = pytest.mark.parametrize("role", roles(), ids=lambda role: role.name)


def options_within(options: dict[str, Any], above: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, option in options.items():
        yield above + name, option
        yield from options_within(option.get("options", {}), f"{above}{name}.")


@every_role
def test_every_variable_has_a_type_and_a_description(role: Role) -> None:
    bare = [name for name, option in options_within(role.options) if not {"type", "description"} <= set(option)]
    assert bare == []


@every_role
def test_variables_bear_the_role_s_name(role: Role) -> None:
    assert [name for name in role.options if not name.startswith(f"{role.name}_")] == []
    assert [name for name in role.constants if not name.startswith(f"__{role.name}_")] == []


@every_role
def test_defaults_are_those_of_the_spec_in_its_order(role: Role) -> None:
    declared = {name: option["default"] for name, option in role.options.items() if "default" in option}
    assert list(role.defaults.items()) == list(declared.items())


@every_role
def test_what_has_no_default_is_required(role: Role) -> None:
    unclear = [name for name, o in role.options.items() if ("default" in o) == bool(o.get("required"))]
    assert unclear == []


@every_role
def test_secrets_are_never_logged(role: Role) -> None:
    secret = re.compile(r"(password|secret|_key)$")
    shown = [name for name, o in options_within(role.options) if secret.search(name) and o.get("no_log") is not True]
    assert shown == []


@every_role
def test_each_entry_point_has_its_tasks(role: Role) -> None:
    assert {path.stem for path in role.tasks} >= set(role.entry_points)


@every_role
def test_contract_follows_the_schema_and_its_conditions_are_booleans(role: Role) -> None:
    declared = contract.load(role.name)
    named = {entry.when for kind in contract.Contract.model_fields for entry in getattr(declared, kind)} - {None}
    assert {name: role.options.get(name, {}).get("type") for name in named} == dict.fromkeys(named, "bool")


@every_role
def test_state_of_the_subscribers_is_declared(role: Role) -> None:
    kept = {path for tree in role.trees() for path in tree.get("directories", {}) if path.startswith("/srv/maillage/")}
    declared = {entry.folder for entry in contract.load(role.name).state if entry.folder}
    assert [
        path for path in kept if not any(path == folder or path.startswith(f"{folder}/") for folder in declared)
    ] == []


@every_role
def test_there_are_no_handlers(role: Role) -> None:
    assert not (role.folder / "handlers").exists(), (
        "`tree` itself restarts what it changed, also after a run was killed"
    )


@every_role
def test_files_are_short(role: Role) -> None:
    limits = {path: 40 if path.name == "main.yml" else 120 for path in role.tasks}
    limits |= {path: 130 for path in role.templates if role.destination(path).startswith("/usr/lib/maillage/")}
    lines = {path: path.read_text(encoding="utf-8").count("\n") for path in limits}
    assert {str(path.relative_to(ROOT)): lines[path] for path in limits if lines[path] > limits[path]} == {}


@every_role
def test_tasks_use_builtin_modules_and_ours(role: Role) -> None:
    used = {(path.name, key) for path, tasks in role.tasks.items() for task in tasks for key in set(task) - KEYWORDS}
    assert {(name, key) for name, key in used if key not in OURS and not key.startswith("ansible.builtin.")} == set()


@every_role
def test_components_of_tree_are_the_folders_of_templates(role: Role) -> None:
    folders = {path.relative_to(role.folder / "templates").parts[0] for path in role.templates}
    assert {tree["component"] for tree in role.trees()} == folders


def test_no_two_roles_share_a_component() -> None:
    components = [tree["component"] for role in roles() for tree in role.trees()]
    assert len(components) == len(set(components))


@every_role
def test_readme_has_the_table_of_the_spec(role: Role) -> None:
    written = (role.folder / "README.md").read_text(encoding="utf-8")
    assert written == readme_tables.refreshed(role), "run: python tests/contract/readme_tables.py"


@every_role
def test_readme_names_the_files_that_the_role_owns(role: Role) -> None:
    written = (role.folder / "README.md").read_text(encoding="utf-8")
    missing = [role.destination(path) for path in role.templates if role.destination(path) not in written]
    assert missing == []


def test_the_playbook_runs_every_role_of_a_node() -> None:
    import yaml

    play = yaml.safe_load((ROOT / "playbooks" / "site.yml").read_text(encoding="utf-8"))[0]
    everywhere, services = (task["loop"] for task in play["tasks"] if "ansible.builtin.include_role" in task)
    assert {*everywhere, *services} == {role.name for role in roles()} - {"lab_internet"}
    # A service that is switched off is put away where a component of its name is on the host.
    components = [(name, tree["component"]) for name in services for tree in Role(name).trees()]
    assert [(name, component) for name, component in components if not f"{component}-".startswith(f"{name}-")] == []


def test_the_challenge_folder_is_the_same_for_who_writes_and_who_serves() -> None:
    program = Role("certificates").folder / "templates/certificates/usr/lib/maillage/certificates"
    folder = "/var/lib/maillage/acme/.well-known/acme-challenge"
    assert f'"{folder}"' in program.read_text(encoding="utf-8")
    assert folder in Role("web").trees()[0]["directories"]


SHARED = (["nginx", "-t", "-q"], ["fail2ban-client", "--test"])  # programs and files that a service switched off leaves


@every_role
def test_what_is_switched_off_is_not_checked(role: Role) -> None:
    """Else a service could never be switched off: its checker, or what that reads, has just been removed."""
    for path in sorted((role.folder / "tasks").glob("*.yml")):
        for task in yaml.safe_load(path.read_text(encoding="utf-8")) or []:
            tree = task.get("tree", {})
            if "absent" in str(tree.get("state", "")) and isinstance(tree.get("check", ""), list):
                assert [each for each in tree["check"] if each not in SHARED] == [], path
