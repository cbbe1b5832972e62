"""The versions of packages that a plan would install, as the host itself would have them."""

from __future__ import annotations

import shlex

from orchestrator import ansible_vars, hosts
from orchestrator.model import Node
from orchestrator.outcome import Outcome

SECONDS = 120
# Prints "NAME VERSION" for each that could be installed now. A new machine has no lists of packages: they are fetched
# into a folder that goes again, so that the host stays as it is.
CANDIDATES = r"""
untouched="-o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache="
known() {{
    apt-cache $untouched "$@" policy {names} | awk '/^[^ ]/ {{ sub(":$", ""); name = $0 }}
        $1 == "Candidate:" && $2 != "(none)" {{ print name, $2 }}'
}}
found=$(known)
if [ "$(printf '%s\n' "$found" | grep -c .)" -lt {count} ]; then
    lists=$(mktemp -d)
    trap 'rm -rf "$lists"' EXIT
    mkdir "$lists/partial"
    fresh="-o Dir::State::lists=$lists -o APT::Sandbox::User=root"
    apt-get $untouched $fresh update -qq > /dev/null && found=$(known $fresh)
fi
printf '%s\n' "$found"
"""


def versions(node: Node, outcome: Outcome) -> dict[str, str]:
    """By name, those of a node's planned packages, as far as its host can tell; the host must be there.

    Raises:
        HostError: it does not answer.
    """
    host = ansible_vars.host_name(node)
    planned = [each for each in outcome.changes if each.host == host and each.kind == "package"]
    names = sorted({each.name for each in planned if each.action == "install"})
    if not names:
        return {}
    script = CANDIDATES.format(names=shlex.join(names), count=len(names))
    process = hosts.connection(node).run(script, timeout=SECONDS)
    return dict(line.split(" ", 1) for line in process.stdout.splitlines() if " " in line)
