"""Changes to `subscriptions.yml` that keep the partner's comments and order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from io import StringIO
from typing import Any

from pydantic import ValidationError

from orchestrator import checks, engines
from orchestrator.errors import UsageError
from orchestrator.explain import explain
from orchestrator.files import read_text, write_text
from orchestrator.findings import SUBSCRIPTIONS
from orchestrator.mesh import Mesh
from orchestrator.model import Node, Subscriptions
from orchestrator.secretsfile import LARGEST, locked
from orchestrator.yamlfile import dotted

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
        write_text(path, text.getvalue(), path.stat().st_mode & 0o777 if path.exists() else 0o644)
    changed = engines.load(mesh.folder)
    return changed, changed.nodes[node.name]


def entry(values: Mapping[str, str]) -> Any:  # noqa: ANN401 - ruamel's own type
    """A subscriber's entry, written on one line."""
    from ruamel.yaml.comments import CommentedMap

    written = CommentedMap(values)
    written.fa.set_flow_style()
    return written


def _check(mesh: Mesh, node: Node, content: Mapping[str, Any]) -> None:
    try:
        subscriptions = Subscriptions.model_validate(content)
    except ValidationError as error:
        sentences = [f"{dotted(location)}: {message}" for location, message, _ in explain(Subscriptions, error)]
        raise UsageError("\n".join(sentences)) from None
    changed = replace(node, subscriptions=subscriptions)
    others = [other for other in mesh.nodes.values() if other.name != node.name]
    if findings := [f"{dotted(found.location)}: {found.message}" for found in checks.check([*others, changed])]:
        raise UsageError("\n".join(findings))
