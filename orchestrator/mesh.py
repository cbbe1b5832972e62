"""Load a mesh folder: every territory that is present, with all problems of all files at once."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from orchestrator import secretsfile, yamlfile
from orchestrator.checks import check
from orchestrator.errors import InvalidInventory, Problem, UsageError, printable
from orchestrator.explain import closest, explain
from orchestrator.fields import Part
from orchestrator.findings import SUBSCRIPTIONS, TERRITORY, Finding
from orchestrator.model import Node, Subscriptions, Territory
from orchestrator.yamlfile import Places, dotted

LARGEST_SUBSCRIPTIONS = 4 * 1024 * 1024  # several thousand subscribers

Model = TypeVar("Model", bound=Part)


@dataclass(frozen=True)
class Mesh:
    """The territories of one folder, by name."""

    folder: Path
    nodes: Mapping[str, Node]

    def select(self, names: Iterable[str]) -> list[Node]:
        """Give the named nodes, each once, in the order asked; all of them where none is named.

        Raises:
            UsageError: a name is not in this mesh, or nothing is.
        """
        if not self.nodes:
            raise UsageError(f"{self.folder} has no territory; `init` makes one, --mesh names another folder")
        names = list(dict.fromkeys(names)) or list(self.nodes)
        for name in names:
            if name not in self.nodes:
                message = f"{self.folder} has no territory {printable(name)!r}; {closest(name, self.nodes)}"
                raise UsageError(message)
        return [self.nodes[name] for name in names]


def load(folder: Path, only: Collection[str] = ()) -> Mesh:
    """Read and check every territory of a mesh folder.

    Args:
        folder: the mesh.
        only: speak of the problems of these territories alone; the checks still cover all that are present.

    Raises:
        InvalidInventory: with every problem of every file.
    """
    problems: list[Problem] = []
    nodes: list[Node] = []
    for path in _folders(folder):
        node = _node(path, problems)
        if node is not None:
            nodes.append(node)
    places: dict[Path, Places] = {}
    for finding in check(nodes):
        problems.append(problem(finding, places))
    if only:
        problems = [problem for problem in problems if problem.path.relative_to(folder).parts[0] in only]
    if problems:
        raise InvalidInventory(problems)
    return Mesh(folder, {node.name: node for node in nodes})


def problem(finding: Finding, places: dict[Path, Places]) -> Problem:
    """What a check found, with its place in the file; `places` keeps those of the files that were read already."""
    path = finding.node.folder / finding.file
    if path not in places:
        places[path] = Places(path)
    place = places[path].find(finding.location, finding.at_key)
    return Problem(path, *place, dotted(finding.location), finding.message)


def _folders(folder: Path) -> list[Path]:
    """The folders that may hold a territory; one with none of its files is somebody's own business."""
    problems = []
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                path = folder / entry.name
                if entry.name.startswith("."):
                    continue
                if entry.is_symlink() and not path.is_file():
                    problems.append(Problem(path, None, None, "", "is a link; put the territory's folder itself here"))
                elif entry.is_dir():
                    found.append(path)
    except OSError as error:
        message = f"cannot be read as a mesh folder ({error.strerror}); name another with --mesh, or make it with init"
        problems.append(Problem(folder, None, None, "", message))
    if problems:
        raise InvalidInventory(problems)
    return found


def _node(folder: Path, problems: list[Problem]) -> Node | None:
    if not os.access(folder, os.R_OK | os.X_OK):
        problems.append(Problem(folder, None, None, "", "cannot be read; check its owner and mode"))
        return None
    try:
        territory = _parse(folder / TERRITORY, Territory, yamlfile.LARGEST, problems)
    except FileNotFoundError:
        if names := sorted(path.name for path in folder.iterdir() if path.suffix in (".yml", ".yaml")):
            message = f"is missing, beside {printable(', '.join(names))}; a territory's file has exactly this name"
            problems.append(Problem(folder / TERRITORY, None, None, "", message))
        return None
    try:
        subscriptions = _parse(folder / SUBSCRIPTIONS, Subscriptions, LARGEST_SUBSCRIPTIONS, problems)
    except FileNotFoundError:
        subscriptions = Subscriptions()
    try:
        secretsfile.read(folder / secretsfile.NAME)
    except InvalidInventory as error:
        problems.extend(error.problems)
    if territory is None or subscriptions is None:
        return None
    return Node(folder, territory, subscriptions)


def _parse(path: Path, model: type[Model], largest: int, problems: list[Problem]) -> Model | None:
    try:
        return model.model_validate(yamlfile.read(path, largest))
    except InvalidInventory as error:
        problems.extend(error.problems)
    except ValidationError as error:
        places = Places(path)
        for location, message, at_key in explain(model, error):
            problems.append(Problem(path, *places.find(location, at_key), dotted(location), message))
    return None
