"""`card`: the public face of a territory, given to its peers and taken from them."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, date, datetime
from pathlib import Path

from orchestrator import card, cards, engines, secrets
from orchestrator.card import Card
from orchestrator.errors import CardRefused, UsageError, printable
from orchestrator.explain import closest
from orchestrator.locations import mesh_folder
from orchestrator.mesh import Mesh
from orchestrator.model import Node
from orchestrator.report import size


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    show = actions.add_parser("show", help="what a card says, and its fingerprint")
    show.add_argument("territory", metavar="TERRITORY", help="one of yours, or a peer's")
    show.add_argument("--json", action="store_true", help="the card itself, with its fingerprint")
    export = actions.add_parser("export", help="print the card of a territory of yours; a new one where it changed")
    export.add_argument("territory", metavar="TERRITORY")
    leaving = export.add_mutually_exclusive_group()
    leaving.add_argument("--leave", action="store_true", help="the card that says goodbye to the mesh")
    leaving.add_argument("--come-back", action="store_true", help="a card of one who has left, and is in it again")
    importing = actions.add_parser("import", help="take a peer's card in")
    importing.add_argument("file", metavar="FILE", help="what the peer's `card export` printed; - for standard input")
    importing.add_argument("--fingerprint", metavar="DIGITS", help="what its partner read to you, for a new peer")
    verify = actions.add_parser("verify", help="check cards: signature, validity, against each other")
    verify.add_argument("files", metavar="FILE", nargs="*", help="all that you hold, where none is named")


def run(arguments: argparse.Namespace) -> int:
    """Do what is asked."""
    mesh = engines.load(mesh_folder(arguments.mesh))
    actions = {"show": _show, "export": _export, "import": _import, "verify": _verify}
    actions[arguments.action](arguments, mesh)
    return 0


def _today() -> date:
    return datetime.now(UTC).date()


def _show(arguments: argparse.Namespace, mesh: Mesh) -> None:
    name = arguments.territory
    known = {**cards.held(mesh.folder), **_own(mesh)}
    if name not in known:
        raise UsageError(f"you hold no card of {printable(name)!r}; {closest(name, known)}")
    _say(known[name], arguments)


def _export(arguments: argparse.Namespace, mesh: Mesh) -> None:
    [node] = mesh.select([arguments.territory])
    if not node.territory.host.address.all:
        raise UsageError(f"{node.name} has no address yet that peers could reach: `provision {node.name}` first")
    _make_keys(node)
    before = cards.kept(node, mesh.folder)
    if before and before.leaves and not (arguments.leave or arguments.come_back):
        raise UsageError(
            f"{node.name} has left the mesh with card {before.serial}: --leave prints that, --come-back a new one"
        )
    found = cards.own(node, mesh.folder, _today(), leaves=arguments.leave)
    path = cards.keep(found, mesh.folder, lab=node.territory.is_lab)
    print(card.text(found), end="")
    print(f"kept as {path}; its fingerprint, to be read by voice: {found.fingerprint}", file=sys.stderr)


def _import(arguments: argparse.Namespace, mesh: Mesh) -> None:
    if arguments.file == "-":
        found = card.parse(sys.stdin.read(card.LARGEST), "standard input")
    else:
        try:
            found = card.read(Path(arguments.file))
        except FileNotFoundError:
            raise UsageError(f"there is no file {printable(arguments.file)}") from None
    held, meshes = cards.held(mesh.folder), cards.meshes(mesh.nodes.values())
    if found.territory in mesh.nodes:
        raise CardRefused(f"{found.territory} is your own territory; its card is made by `card export`")
    if reason := cards.refusal(found, [*held.values(), *_own(mesh).values()], meshes, _today()):
        raise CardRefused(reason)
    if found.territory not in held:
        _compare(found, arguments.fingerprint)
    path = cards.keep(found, mesh.folder)
    what = "it leaves the mesh, and is no peer any more after" if found.leaves else "it is taken in by"
    print(f"{found.territory} is kept as {path}; {what} the next `deploy` of your territories")


def _compare(found: Card, given: str | None) -> None:
    """Have the fingerprint of a new peer compared by voice."""
    asked = f"Call the partner of {found.territory} ({found.partner}, {found.contact}) by telephone, at a number that"
    asked += f" you know from elsewhere, and have the fingerprint read to you. Here it is {found.fingerprint}."
    if given is None and sys.stdin.isatty():
        print(asked, file=sys.stderr)
        given = found.fingerprint if input("The same? [yes/no] ").strip().lower() in ("yes", "oui") else ""
    if given is None:
        raise UsageError(f"{asked} Then: card import … --fingerprint DIGITS")
    if "".join(given.split()) != "".join(found.fingerprint.split()):
        raise CardRefused(f"the fingerprint of {found.territory}'s card is another one; nothing is taken in")


def _verify(arguments: argparse.Namespace, mesh: Mesh) -> None:
    known = list({**cards.held(mesh.folder), **_own(mesh)}.values())
    chosen = [card.read(Path(name)) for name in arguments.files] or known
    meshes = cards.meshes(mesh.nodes.values())
    refused = [reason for each in chosen if (reason := cards.refusal(each, known, meshes, _today()))]
    if refused:
        raise CardRefused("\n".join(refused))
    for each in chosen:
        print(f"{each.territory}: good until {each.expires}{', leaves the mesh' if each.leaves else ''}")


def _own(mesh: Mesh) -> dict[str, Card]:
    """The cards that were made for one's own territories."""
    found = ((node.name, cards.kept(node, mesh.folder)) for node in mesh.nodes.values())
    return {name: each for name, each in found if each is not None}


def _make_keys(node: Node) -> None:
    if node.territory.is_lab:
        secrets.ensure(node)


def _say(found: Card, arguments: argparse.Namespace) -> None:
    if arguments.json:
        print(json.dumps({**json.loads(card.text(found)), "fingerprint": found.fingerprint}, ensure_ascii=False))
        return
    print(f"{found.territory} ({found.domain}), card {found.serial}")
    print(f"  partner      {found.partner}, {found.contact}")
    print(f"  fingerprint  {found.fingerprint}")
    print(f"  valid        {found.issued} to {found.expires}{', leaves the mesh' if found.leaves else ''}")
    print(f"  mesh         {found.mesh}, {found.wireguard.address}")
    print(f"  keeps        {size(found.offers.backup)} for each peer")
    print(f"  watches      {'its peers' if found.offers.watches else 'nobody'}")
    print(f"  is asked     {', '.join(sorted(found.probes)) or 'nothing'}")
