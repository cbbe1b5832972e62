"""The versions of packages that a plan would install, as the host itself would have them."""

from __future__ import annotations

import shlex

from orchestrator import ansible_vars, hosts
from orchestrator.model import Node
from orchestrator.outcome import Outcome

# Prints "NAME VERSION" for each, what would be installed now; nothing for what its lists do not know.
CANDIDATES = r"""
apt-cache policy {names} | awk '/^[^ ]/ {{ sub(":$", ""); name = $0 }} $1 == "Candidate:" {{ print name, $2 }}'
"""


def versions(node: Node, outcome: Outcome) -> dict[str, str]:
    """By name, those of a node's planned packages; the host must be there.

    Raises:
        HostError: it does not answer.
    """
    host = ansible_vars.host_name(node)
    planned = [each for each in outcome.changes if each.host == host and each.kind == "package"]
    names = sorted({each.name for each in planned if each.action == "install"})
    if not names:
        return {}
    process = hosts.connection(node).run(CANDIDATES.format(names=shlex.join(names)))
    return dict(line.split(" ", 1) for line in process.stdout.splitlines() if " " in line)
