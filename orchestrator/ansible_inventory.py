"""Ansible's inventory, put together from the variables of its hosts. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.model import Node
from orchestrator.vaulted import Variables


def inventory(hosts: Mapping[str, tuple[Node, Variables]], lab: Mapping[str, Variables] | None = None) -> Variables:
    """Ansible's inventory: a group per territory, `nodes` with all of them, and the lab's internet.

    Args:
        hosts: by inventory name, the node and all its variables, those of the connection included.
        lab: the hosts of the group `lab_internet`, likewise.
    """
    groups: dict[str, Any] = {}
    for name, (node, variables) in hosts.items():
        groups.setdefault(node.name, {"hosts": {}})["hosts"][name] = variables
    return {
        "all": {
            "children": {
                "nodes": {"children": groups},
                "lab_internet": {"hosts": dict(lab or {})},
            }
        }
    }


def flat(by_role: Mapping[str, Variables]) -> Variables:
    """The variables of all roles together; no two roles share a name."""
    return {name: value for variables in by_role.values() for name, value in variables.items()}
