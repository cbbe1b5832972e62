"""Changes to `subscriptions.yml` that keep the partner's comments and order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from orchestrator import checks, engines, yaml_edit
from orchestrator.errors import UsageError
from orchestrator.explain import explain
from orchestrator.findings import SUBSCRIPTIONS, Finding
from orchestrator.mesh import Mesh, problem
from orchestrator.model import Node, Subscriptions
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

    def change_subscribers(content: Entries) -> None:
        if content.get("subscribers") is None:
            content["subscribers"] = yaml_edit.mapping()
        edit(content["subscribers"])
        _check(mesh, node, content)

    yaml_edit.edit(node.folder / SUBSCRIPTIONS, change_subscribers)
    changed = engines.load(mesh.folder)
    return changed, changed.nodes[node.name]


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
