"""What the files of a role say, read for the tests of every role."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]


def read(path: Path) -> Any:
    """The content of a YAML file; an absent one is empty."""
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else None


@dataclass(frozen=True)
class Role:
    """One folder of `roles/`."""

    name: str

    @property
    def folder(self) -> Path:
        return ROOT / "roles" / self.name

    @cached_property
    def entry_points(self) -> dict[str, Any]:
        specs: dict[str, Any] = read(self.folder / "meta" / "argument_specs.yml")["argument_specs"]
        return specs

    @property
    def options(self) -> dict[str, Any]:
        options: dict[str, Any] = self.entry_points["main"]["options"]
        return options

    @cached_property
    def defaults(self) -> dict[str, Any]:
        return read(self.folder / "defaults" / "main.yml") or {}

    @cached_property
    def constants(self) -> dict[str, Any]:
        return read(self.folder / "vars" / "main.yml") or {}

    @cached_property
    def tasks(self) -> dict[Path, list[dict[str, Any]]]:
        return {path: read(path) for path in sorted((self.folder / "tasks").glob("*.yml"))}

    @property
    def templates(self) -> list[Path]:
        """Every file below templates/, of both kinds."""
        return sorted(path for path in (self.folder / "templates").rglob("*") if path.is_file())

    def trees(self) -> list[dict[str, Any]]:
        """The arguments of every `tree` task."""
        return [task["tree"] for tasks in self.tasks.values() for task in tasks if "tree" in task]

    def destination(self, template: Path) -> str:
        """Where a template goes on the host."""
        path = template.relative_to(self.folder / "templates")
        return "/" + "/".join(path.parts[1:]).removesuffix(".j2")


def roles() -> list[Role]:
    """Every role, in the order of their names."""
    return [Role(path.name) for path in sorted((ROOT / "roles").iterdir()) if path.is_dir()]
