"""Changes to `subscriptions.yml` that keep the partner's comments and order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from orchestrator import checks, engines
from orchestrator.errors import InvalidInventory, UsageError
from orchestrator.explain import explain
from orchestrator.files import UNWANTED, read_text, write_text
from orchestrator.findings import SUBSCRIPTIONS, Finding
from orchestrator.mesh import Mesh, problem
from orchestrator.model import Node, Subscriptions
from orchestrator.secretsfile import LARGEST, locked
from orchestrator.yamlfile import dotted, is_text, parse

Entries = dict[str, Any]


def change(mesh: Mesh, node: Node, edit: Callable[[Entries], None]) -> tuple[Mesh, Node]:
    """Edit a node's subscribers in place, and give the mesh and the node as they are then.

    Args:
        mesh: the whole mesh, against which the result is checked before anything is written.
        node: whose subscribers change.
        edit: changes the entries of `subscribers`, by login name.

    Raises:
        UsageError: the result would not be valid; nothing is written then.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.comments import CommentedMap

    yaml = YAML()
    yaml.width = 4096  # an entry stays on its line
    path = node.folder / SUBSCRIPTIONS
    with locked(path):
        content = (yaml.load(read_text(path, LARGEST)) if path.exists() else None) or CommentedMap()
        if content.get("subscribers") is None:
            content["subscribers"] = CommentedMap()
        edit(content["subscribers"])
        _check(mesh, node, content)
        text = StringIO()
        yaml.dump(content, text)
        _readable(path, text.getvalue())
        write_text(path, text.getvalue(), path.stat().st_mode & 0o777 if path.exists() else 0o644)
    changed = engines.load(mesh.folder)
    return changed, changed.nodes[node.name]


def entry(values: Mapping[str, str]) -> Any:  # noqa: ANN401 - ruamel's own type
    """A subscriber's entry, written on one line."""
    from ruamel.yaml.comments import CommentedMap

    written = CommentedMap({name: quoted(value) for name, value in values.items()})
    written.fa.set_flow_style()
    return written


def quoted(text: str) -> str:
    """Text as it is to be written: in quotes where it would be read as something else, such as yes or 12."""
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString

    return text if is_text(text) else DoubleQuotedScalarString(text)


def _readable(path: Path, text: str) -> None:
    """See that the file which is to be written can be read again."""
    if UNWANTED.search(text):
        raise UsageError("a control or invisible character stands in what was given; nothing is written")
    try:
        parse(path, text)
    except InvalidInventory as error:
        sentences = ": ".join(part for part in (error.problems[0].field, error.problems[0].message) if part)
        raise UsageError(f"{sentences}; nothing is written") from None


def _check(mesh: Mesh, node: Node, content: Mapping[str, Any]) -> None:
    try:
        subscriptions = Subscriptions.model_validate(content)
    except ValidationError as error:
        sentences = [f"{dotted(location)}: {message}" for location, message, _ in explain(Subscriptions, error)]
        raise UsageError("\n".join(sentences)) from None
    refuse_contradictions(mesh, replace(node, subscriptions=subscriptions))


def refuse_contradictions(mesh: Mesh, changed: Node) -> None:
    """See whether a node with other subscribers would still be valid beside the others of its mesh.

    Raises:
        UsageError: it would not; says which fields would contradict each other, and where they are now.
    """
    others = [other for other in mesh.nodes.values() if other.name != changed.name]
    if findings := list(checks.check([*others, changed])):
        raise UsageError("\n".join(map(_sentence, findings)))


def _sentence(finding: Finding) -> str:
    if finding.file == SUBSCRIPTIONS:  # whose lines are still the old ones
        return f"{dotted(finding.location)}: {finding.message}"
    return str(problem(finding, {}))
