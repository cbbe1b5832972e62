"""`inventory`: the mesh as Ansible reads it; secrets stay encrypted, and no key is needed."""

from __future__ import annotations

import argparse
import json
from typing import Any

from orchestrator import ansible_inventory, ansible_vars, cards, engines, hosts, secretsfile
from orchestrator.ansible_vars import Surroundings
from orchestrator.locations import mesh_folder
from orchestrator.mesh import Mesh
from orchestrator.model import Node
from orchestrator.vaulted import Variables


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that Ansible gives to an executable inventory."""
    parser.add_argument("--list", action="store_true", help="the whole mesh (the default)")
    parser.add_argument("--host", metavar="NAME", help="one host's variables")


def run(arguments: argparse.Namespace) -> int:
    """Print the inventory as JSON."""
    mesh = engines.load(mesh_folder(arguments.mesh))
    nodes = list(mesh.nodes.values())
    variables = {ansible_vars.host_name(node): _variables(node, mesh) for node in nodes}
    if arguments.host:
        content: dict[str, Any] = variables.get(arguments.host, {})
    else:
        groups = {node.name: {"hosts": [ansible_vars.host_name(node)]} for node in nodes}
        content = {"_meta": {"hostvars": variables}, "nodes": {"children": list(groups)}, **groups}
    print(json.dumps(content, indent=2))
    return 0


def _variables(node: Node, mesh: Mesh) -> Variables:
    secrets = secretsfile.read(secretsfile.path_of(node))
    others, peers = mesh.nodes.values(), cards.peers(node, mesh)
    by_role = ansible_vars.node_variables(node, secrets, _surroundings(node), others=others, cards=peers)
    if hosts.exists(node):
        return {**hosts.connection(node).ansible_variables(), **ansible_inventory.flat(by_role)}
    addresses = node.territory.host.address.all  # none before it is rented
    known = {"ansible_host": str(addresses[0])} if addresses else {}
    return {**known, **ansible_inventory.flat(by_role)}


def _surroundings(node: Node) -> Surroundings:
    if not node.territory.is_lab:
        return Surroundings()
    from orchestrator import lab_services

    return lab_services.surroundings()
