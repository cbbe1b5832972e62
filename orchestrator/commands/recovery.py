"""`recovery`: share a territory's key among holders, on paper, and get it back from them."""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
from datetime import UTC, datetime

from orchestrator import backup_vars, cards, engines, keys, recovery, secrets, secretsfile, vault
from orchestrator.errors import SecretsError, UsageError, printable
from orchestrator.files import write_text
from orchestrator.locations import mesh_folder
from orchestrator.mesh import Mesh
from orchestrator.model import Node


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    actions = parser.add_subparsers(
        dest="action", metavar="ACTION", required=True, parser_class=argparse.ArgumentParser
    )
    export = actions.add_parser(
        "export", help="print a sheet for each holder", description="Print a sheet for each holder."
    )
    export.add_argument("territory", metavar="TERRITORY")
    export.add_argument(
        "--holder", action="append", required=True, metavar="NAME", help="who keeps a share; once for each"
    )
    export.add_argument("--needed", type=int, required=True, metavar="K", help="how many of them give the key back")
    export.add_argument(
        "--print",
        default="lp",
        metavar="COMMAND",
        help="gets each sheet, a PDF, on standard input, and is not run by a shell; default: lp",
    )
    restore = actions.add_parser("restore", help="get the key back", description="Get the key back, from typed shares.")
    restore.add_argument("territory", metavar="TERRITORY")


def run(arguments: argparse.Namespace) -> int:
    """Do what is asked."""
    loaded = engines.load(mesh_folder(arguments.mesh))
    [node] = loaded.select([arguments.territory])
    if arguments.action == "export":
        _export(loaded, node, arguments)
    else:
        _restore(node)
    return 0


def _export(loaded: Mesh, node: Node, arguments: argparse.Namespace) -> None:
    """Each sheet goes straight to the printer: nothing of it is on a disk of ours."""
    from orchestrator import recovery_sheet

    holders, territory = arguments.holder, node.territory
    if len(set(holders)) != len(holders):
        raise UsageError("a holder is named twice: nobody is to have two shares")
    if not all(holder.strip() for holder in holders):
        raise UsageError("a holder has no name: write who keeps the sheet")
    if strange := [holder for holder in holders if not recovery_sheet.can_show(holder)]:
        raise UsageError(f"a sheet has Latin letters only: write {printable(strange[0])} with these")
    made = recovery.shares(secrets.load_key(node).get_secret_value(), arguments.needed, len(holders))
    keepers = [(card.territory, card.contact) for card in backup_vars.keepers(node, cards.peers(node, loaded))]
    for holder, share in zip(holders, made, strict=True):
        sheet = recovery_sheet.Sheet(
            territory=node.name, domain=territory.domain, partner=territory.partner.name,
            contact=territory.partner.contact, holder=holder, share=share, needed=arguments.needed,
            holders=len(holders), made=datetime.now(UTC).date(), peers=keepers,
        )  # fmt: skip
        _to_printer(arguments.print, recovery_sheet.pdf(sheet), holder)
        print(f"printed: the sheet of {holder}")
    print(
        f"{arguments.needed} of these {len(holders)} sheets give the key of {node.name} back; see that all are readable"
    )


def _to_printer(command: str, pdf: bytes, holder: str) -> None:
    wasted = f"the sheet of {printable(holder)} is not printed; begin again, those that are printed are worth nothing"
    try:
        done = subprocess.run(shlex.split(command), input=pdf, check=False)
    except (OSError, ValueError):
        raise UsageError(
            f"there is no command {printable(command)!r} (another one: --print COMMAND): {wasted}"
        ) from None
    if done.returncode:
        raise UsageError(f"{printable(command)} ended with {done.returncode}: {wasted}")


def _restore(node: Node) -> None:
    """Read shares, a line each, until they give the key, and write it where it belongs."""
    path = keys.file(node.territory)
    if source := keys.given_elsewhere(node.territory):
        raise UsageError(f"{source} gives the key of {node.name}; unset it")
    if path.exists():
        raise UsageError(f"{path} is there already; move it away if it is not the right one")
    given: list[str] = []
    if sys.stdin.isatty():
        print("The words of each sheet, a line for each; an empty line after the last:", file=sys.stderr)
    for line in sys.stdin:
        if not line.strip():
            break
        given.append(line)
    if not given:
        raise UsageError("give the words of each sheet, a line for each, on standard input")
    key = recovery.key_from(given)
    stored = secretsfile.read(secretsfile.path_of(node))
    from pydantic import SecretStr

    for ciphertext in stored.values():
        try:
            vault.decrypt(ciphertext, SecretStr(key))
        except SecretsError:
            raise SecretsError(
                f"this key does not open {secretsfile.path_of(node)}: the sheets are of an earlier key (`rekey`), "
                "or of another territory"
            ) from None
        break
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_text(path, f"{key}\n", 0o600)
    print(f"the key of {node.name} is back: {os.fspath(path)}")
