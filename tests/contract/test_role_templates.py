"""Templates: what they use is declared, and each says that it is managed."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar
from jinja2 import meta
from role_files import ROOT, Role, roles

# Formats that know no comment, and contents that are one value.
WITHOUT_COMMENT = {".json", ".pem", ".crt", ".key", "directory-password", "/etc/mailname", "/etc/postfix/smarthost"}
STYLES = {
    ".html": 'comment("xml")',
    ".xml": 'comment("xml")',
    ".mobileconfig": 'comment("xml")',
    ".lua": "comment(decoration='-- ')",
    ".css": 'comment("cblock")',
    "/apt.conf.d/60maillage": 'comment("c")',
    ".php": 'comment("c")',
    ".ini": 'comment(decoration="; ")',
    "/webmail-fpm.conf": 'comment(decoration="; ")',
    "/pool.d/nextcloud.conf": 'comment(decoration="; ")',
    "/pool.d/www.conf": 'comment(decoration="; ")',
}

TEMPLATES = [
    pytest.param(role, path, id=str(path.relative_to(ROOT / "roles"))) for role in roles() for path in role.templates
]
RENDERED = [each for each in TEMPLATES if each.values[1].suffix == ".j2"]
COPIED = [each for each in TEMPLATES if each.values[1].suffix != ".j2"]


@pytest.fixture(scope="session")
def environment():
    init_plugin_loader()
    return Templar().environment


def undeclared(environment, text: str) -> set[str]:
    return set(meta.find_undeclared_variables(environment.parse(text)))


@pytest.mark.parametrize(("role", "path"), RENDERED)
def test_variables_are_declared(role: Role, path: Path, environment) -> None:
    known = set(role.options) | set(role.constants) | {"ansible_managed"}
    assert undeclared(environment, path.read_text(encoding="utf-8")) - known == set()


@pytest.mark.parametrize("role", roles(), ids=lambda role: role.name)
def test_constants_and_tasks_use_declared_variables(role: Role, environment) -> None:
    known = set(role.options) | set(role.constants) | {"lookup", "role_path", "ansible_check_mode", "item"}
    files = [role.folder / "vars" / "main.yml", *role.tasks]
    used = {
        name for path in files if path.exists() for name in undeclared(environment, path.read_text(encoding="utf-8"))
    }
    assert used - known == set()


@pytest.mark.parametrize(("role", "path"), RENDERED)
def test_a_template_says_first_that_it_is_managed(role: Role, path: Path) -> None:
    destination = role.destination(path)
    if any(destination.endswith(ending) for ending in WITHOUT_COMMENT):
        return
    style = next((style for ending, style in STYLES.items() if destination.endswith(ending)), "comment")
    lines = path.read_text(encoding="utf-8").splitlines()
    first = lines[1] if lines[0].startswith(("#!", "<!DOCTYPE", "<?php", "<?xml")) else lines[0]
    assert first == f"{{{{ ansible_managed | {style} }}}}"


@pytest.mark.parametrize(("role", "path"), COPIED)
def test_what_is_copied_says_what_it_is(role: Role, path: Path) -> None:  # noqa: ARG001
    lines = path.read_text(encoding="utf-8").splitlines()
    if path.suffix == ".tmpl":
        assert lines[0].startswith("{{/* ")
        return
    said = lines[1] if lines[0].startswith(("#!", "<?php")) else lines[0]
    assert said.startswith(("# ", '"""')), "a program or a schema begins by saying what it is for"
