"""The certificates that are due, issued by the node's own program; see plugins/modules/certificates.py."""

from __future__ import annotations

import json

from maillage.command import NodeError, exists, run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PROGRAM = "/usr/lib/maillage/certificates"
PATIENCE = 900  # seconds; the program itself bounds the time for each certificate


def main(arguments: dict[str, Any], check: bool, diff: bool) -> dict[str, Any]:  # noqa: ARG001 - nothing to compare
    """Issue what is due, or in check mode name it.

    Args:
        arguments: `wanted`, a list of certificates, each with `name` and `names`; `key`, the private key of the first.
        check: only say what would be done. The wanted ones are told to the program, because what it reads on the
            node may still be the previous set.
        diff: not used.

    Raises:
        NodeError: a certificate could not be had.
    """
    if arguments["key"]:
        arguments["wanted"][0]["key"] = arguments["key"]
    if check and not exists(PROGRAM):
        lines = [f"issue {certificate['name']}" for certificate in arguments["wanted"]]
    else:
        lines = answer("due" if check else "issue", arguments["wanted"])
    actions = [line.split(" ", 1) for line in lines]
    changes = [{"kind": "certificate", "name": name, "action": action} for action, name in actions]
    return {"changed": bool(changes), "changes": changes}


def answer(action: str, wanted: list[dict[str, Any]]) -> list[str]:
    """Run the program; return what it says of each certificate."""
    outcome = run([PROGRAM, action], stdin=json.dumps(wanted), timeout=PATIENCE)
    if outcome.code:
        raise NodeError(f"not every certificate could be had; the others are in place:\n{outcome.error.strip()}")
    return outcome.output.splitlines()
