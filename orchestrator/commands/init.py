"""`init`: write a new territory into the mesh, with its key and its secrets; overwrite nothing."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

from orchestrator import lab_world, mesh, secrets
from orchestrator.checks import check
from orchestrator.errors import InvalidInventory, UsageError, printable
from orchestrator.findings import SUBSCRIPTIONS, TERRITORY
from orchestrator.locations import CLONE, keys_folder, mesh_folder
from orchestrator.model import Node
from orchestrator.providers.lab.state import Place

INVENTORY = "inventory"  # the executable that plain Ansible calls

TERRITORY_TEXT = """\
# Un territoire : ce que le partenaire écrit, et rien d'autre. / What the partner writes, and nothing else.
# Vérifier / check: python -m orchestrator validate {territory}
territory: {territory}
domain: {domain}

partner:
  name: Partenaire de {territory}   # affiché aux abonnés / shown to subscribers
  contact: {contact}
  locale: fr_FR                                 # fr_FR ou/or en_GB
  # ssh_keys: ["ssh-ed25519 AAAA… nom"]         # clés admises sur l'hôte / keys let in

hosts:
  - name: {host}
    provider: {provider}
    address: {{{addresses}}}
    {rest}

services:
  cloud:
    engine: {engine}
    default_plan: essentiel                     # formule des nouveaux abonnés / plan of new subscribers
  # mail: {{}}                                    # courrier, avec mail_quota ci-dessous / mail, with mail_quota below
  # backup: {{own: /mnt/sauvegarde}}              # chaque nuit ; {{}} : chez les pairs / nightly; {{}}: at peers

# mesh: {{name: normandie, keeps: 200 GB}}        # territoires qui se gardent leurs sauvegardes / who keep each other's

plans:                                          # prix en euros par mois / prices in euros a month
  essentiel: {{quota: 10 GB, mail_quota: 2 GB, mailboxes: 1, price: 3.00}}
"""

ENGINES = {
    "nextcloud": "fichiers, photos, contacts et agenda / files, photos, contacts and calendar",
    "radicale": "contacts et agenda / contacts and calendar",
}

SUBSCRIPTIONS_TEXT = """\
# Les abonnés du territoire. / The territory's subscribers.
# `subscriber add|suspend|resume|remove` tient ce fichier à jour. / keeps this file true.
subscribers: {}
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("territory", metavar="TERRITORY")
    parser.add_argument("--provider", choices=("lab", "existing"), default="lab", help="default: lab")
    parser.add_argument("--domain", help="required for an existing host")
    parser.add_argument("--contact", metavar="MAIL", help="outside the domain; required for an existing host")
    parser.add_argument("--ipv4", metavar="ADDRESS", help="of an existing host; one address at least")
    parser.add_argument("--ipv6", metavar="ADDRESS")
    parser.add_argument("--engine", choices=tuple(ENGINES), default="nextcloud", help="default: nextcloud")
    parser.add_argument("--host", metavar="NAME", default="noeud", help="the host's name (default: noeud)")


def run(arguments: argparse.Namespace) -> int:
    """Write the territory."""
    folder = mesh_folder(arguments.mesh)
    target = folder / arguments.territory
    if target.parent != folder or target.name in ("", ".."):
        raise UsageError(f"{printable(arguments.territory)!r} is not a territory's name, such as calvados")
    if target.exists():
        raise UsageError(f"{target} exists already and is left as it is; choose another name, or edit it")
    new_mesh = not folder.exists()
    others = [] if new_mesh else list(mesh.load(folder).nodes.values())
    text = _territory(arguments, others)
    node = _checked(arguments.territory, text, others)
    folder.mkdir(parents=True, exist_ok=True)
    if new_mesh:
        shutil.copy(CLONE / "inventories" / "normandie" / INVENTORY, folder / INVENTORY)
    with tempfile.TemporaryDirectory(prefix=".init-", dir=folder) as scratch:  # appears whole, or not at all
        draft = Path(scratch) / node.name
        draft.mkdir()
        (draft / TERRITORY).write_text(text, encoding="utf-8")
        (draft / SUBSCRIPTIONS).write_text(SUBSCRIPTIONS_TEXT, encoding="utf-8")
        made = secrets.create_missing(Node(draft, node.territory, node.subscriptions))
        draft.rename(target)
    print(f"{node.name}: written to {target}, with {len(made)} secrets")
    if node.territory.is_lab:
        print(f"next: `deploy {node.name}`")
    else:
        print(f"its key is {keys_folder() / node.name}: keep a copy elsewhere; without it the secrets are lost")
        print(f"next: read territory.yml, then `plan {node.name}`")
    return 0


def _territory(arguments: argparse.Namespace, others: list[Node]) -> str:
    name = arguments.territory
    if arguments.provider == "lab":
        if arguments.ipv4 or arguments.ipv6:
            raise UsageError("--ipv4 and --ipv6 are for an existing host: add --provider existing")
        ipv4, ipv6 = _free_lab_addresses(others)
        domain = arguments.domain or f"{name}.maillage.test"
        contact = arguments.contact or f"partenaire-{name}@exterieur.test"
        rest = "disk: 8 GB"
    else:
        ipv4, ipv6, domain, contact = arguments.ipv4, arguments.ipv6, arguments.domain, arguments.contact
        if not (domain and contact and (ipv4 or ipv6)):
            raise UsageError("an existing host needs --domain, --contact, and --ipv4 or --ipv6 or both")
        rest = "ssh: {user: root, port: 22}  # host_key : montrée au premier contact / shown at first contact"
    addresses = ", ".join(f'{kind}: "{value}"' for kind, value in (("ipv4", ipv4), ("ipv6", ipv6)) if value)
    return TERRITORY_TEXT.format(
        territory=name,
        domain=domain,
        contact=contact,
        host=arguments.host,
        provider=arguments.provider,
        addresses=addresses,
        rest=rest,
        engine=f"{arguments.engine:43} # {ENGINES[arguments.engine]}",
    )


def _free_lab_addresses(others: list[Node]) -> tuple[str, str]:
    """Addresses of no territory of this mesh, and of no host that the lab has already, such as the demo's."""
    taken = {str(address) for node in others for host in node.territory.hosts for address in host.address.all}
    place = Place()
    taken |= {each for name in place.hosts() if (spec := place.read(name)) for each in (*spec.ipv4, *spec.ipv6)}
    for last in range(lab_world.OWN_ADDRESSES + 1, 100):
        pair = str(lab_world.IPV4[last]), str(lab_world.IPV6[int(str(last), 16)])
        if taken.isdisjoint(pair):
            return pair
    raise UsageError("the lab has no free address left; remove a territory that is not used")


def _checked(name: str, text: str, others: list[Node]) -> Node:
    """Read the text as `validate` would, beside the other territories, before anything is written to the mesh."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / name
        folder.mkdir()
        (folder / TERRITORY).write_text(text, encoding="utf-8")
        try:
            [node] = mesh.load(Path(scratch)).nodes.values()
        except InvalidInventory as error:
            found = error.problems[0]
            raise UsageError(f"{found.field or name}: {found.message}") from None
    wrong = next((finding for finding in check([*others, node]) if finding.node is node), None)
    if wrong is not None:
        raise UsageError(f"{'.'.join(map(str, wrong.location))}: {wrong.message}")
    return node
