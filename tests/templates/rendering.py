"""Renders a role's templates with Ansible's own templar, as the action plugin of `tree` does."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar, trust_as_template
from role_files import Role, read

OPTIONS = {"trim_blocks": True, "lstrip_blocks": False, "newline_sequence": "\n"}
SAMPLES: dict[str, dict[str, dict[str, Any]]] = read(Path(__file__).with_name("samples.yml"))


@cache
def loader() -> DataLoader:
    """Ansible's reader of YAML, whose strings may be templates."""
    init_plugin_loader()
    return DataLoader()


def templar(role: Role, sample: str) -> Templar:
    """A templar that knows the role's defaults, constants and the sample's variables, in Ansible's order."""
    variables: dict[str, Any] = {"role_path": str(role.folder), "ansible_managed": "Ansible managed"}
    for part in ("defaults", "vars"):
        path = role.folder / part / "main.yml"
        if part == "vars":
            variables |= SAMPLES[sample][role.name]
        if path.exists():
            variables |= loader().load_from_file(str(path), trusted_as_template=True)
    return Templar(loader(), variables=variables)


def rendered(role: Role, sample: str) -> dict[str, str]:
    """The files of a role on the host: destination and content; what renders to nothing is not there."""
    environment, files = templar(role, sample), {}
    for path in role.templates:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".j2":
            text = environment.template(trust_as_template(text), escape_backslashes=False, overrides=OPTIONS)
        if text and text.strip():  # a template that says nothing at all gives None
            files[role.destination(path)] = text
    return files
