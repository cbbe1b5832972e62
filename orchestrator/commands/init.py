"""`init`: write a new territory into the mesh, with its key and its secrets; overwrite nothing."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

from orchestrator import lab_world, mesh, secrets
from orchestrator.checks import check
from orchestrator.errors import InvalidInventory, UsageError, printable
from orchestrator.files import read_text
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
  {keys}

hosts:
  - name: {host}
    provider: {provider}
{place}

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

KEYS_TEXT = """# ssh_keys: ["ssh-ed25519 AAAA… nom"]         # clés admises sur l'hôte / keys let in"""
LARGEST_KEY = 16_384  # bytes of a public key's file

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
    parser.add_argument("--provider", choices=("lab", "existing", "hcloud"), default="lab", help="default: lab")
    parser.add_argument("--domain", help="required but in the lab")
    parser.add_argument("--contact", metavar="MAIL", help="outside the domain; required but in the lab")
    parser.add_argument("--ipv4", metavar="ADDRESS", help="of an existing host; one address at least")
    parser.add_argument("--ipv6", metavar="ADDRESS")
    parser.add_argument("--type", default="cx33", help="of a server at Hetzner Cloud (hcloud; default: cx33)")
    parser.add_argument("--location", default="nbg1", help="of it (default: nbg1)")
    parser.add_argument("--volume", default="100 GB", help='for its data (default: "100 GB")')
    parser.add_argument(
        "--ssh-key", metavar="FILE", help="your public key, which it lets in (default: the one in ~/.ssh)"
    )
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
    name, keys = arguments.territory, KEYS_TEXT
    ipv4, ipv6, domain, contact = arguments.ipv4, arguments.ipv6, arguments.domain, arguments.contact
    if arguments.provider != "existing" and (ipv4 or ipv6):
        raise UsageError("--ipv4 and --ipv6 are for an existing host: add --provider existing")
    if arguments.provider == "lab":
        ipv4, ipv6 = _free_lab_addresses(others)
        domain, contact = domain or f"{name}.{lab_world.TERRITORIES}", contact or f"partenaire-{name}@exterieur.test"
        place = [_address(ipv4, ipv6), "disk: 8 GB"]
    elif not (domain and contact):
        raise UsageError("a host that is not of the lab needs --domain and --contact")
    elif arguments.provider == "hcloud":
        keys = f'ssh_keys: ["{_public_key(arguments.ssh_key)}"]  # clés admises / keys let in'
        machine = f"{{type: {arguments.type}, location: {arguments.location}, volume: {arguments.volume}}}"
        place = [f"hcloud: {machine}  # loué par `deploy` / rented by it"]
    elif ipv4 or ipv6:
        ssh = "ssh: {user: root, port: 22}  # host_key : montrée au premier contact / shown at first contact"
        place = [_address(ipv4, ipv6), ssh]
    else:
        raise UsageError("an existing host needs --ipv4 or --ipv6 or both")
    return TERRITORY_TEXT.format(
        territory=name,
        domain=domain,
        contact=contact,
        keys=keys,
        host=arguments.host,
        provider=arguments.provider,
        place="\n".join(f"    {line}" for line in place),
        engine=f"{arguments.engine:43} # {ENGINES[arguments.engine]}",
    )


def _address(ipv4: str | None, ipv6: str | None) -> str:
    given = ", ".join(f'{kind}: "{value}"' for kind, value in (("ipv4", ipv4), ("ipv6", ipv6)) if value)
    return f"address: {{{given}}}"


def _public_key(given: str | None) -> str:
    """The partner's public key: of the file that is named, or the best one of `ssh-keygen`'s usual place."""
    usual = [Path.home() / ".ssh" / f"id_{kind}.pub" for kind in ("ed25519", "ecdsa", "rsa")]
    path = Path(given) if given else next((each for each in usual if each.exists()), None)
    if path is None:
        raise UsageError("a rented server lets in who has your key: make one (`ssh-keygen`), or name it by --ssh-key")
    text = read_text(path, LARGEST_KEY).strip() if path.exists() else ""
    if not text or "PRIVATE" in text or '"' in text or "\n" in text:
        raise UsageError(f"{path} is not a public key: --ssh-key must name the file that ends in .pub")
    return text


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
