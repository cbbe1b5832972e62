"""The hosts of a molecule scenario, from the same provider and with the same variables as a deployment's.

hosts.py create       make the scenario's host and the internet around it, and once the images that they start from
hosts.py destroy      remove every host of the scenarios, and the territory's secrets
hosts.py inventory    print what Ansible reads
hosts.py changes      print what a run of the role under test would change, as `plan` does
hosts.py verify       use the node from outside, as `verify` does; exit 1 when something is not as it should be
hosts.py password UID change a password by webmail; the old and the new one are lines of standard input

The scenario's molecule.yml names the host to test, `platforms: [{name, image}]`: `noeud.essai`, the node of the
territory `essai`, or `monde.essai`, one that is to play the internet. `image: debian-13` is Debian as installed;
`image: packages` has the packages of the role, or of all roles of a node, but nothing configured and nothing running.
A scenario that wants one host more names `voisine.essai` too.
The cloud's engine is Nextcloud where the role under test is of it, from the fixture archive of tests/nextcloud_fixture;
there is mail where the role under test is of mail, and a mesh where it is of the mesh.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from pydantic import SecretStr

from orchestrator import (
    accounts,
    ansible_inventory,
    ansible_vars,
    archive,
    contract,
    keys,
    lab_correspondent,
    lab_services,
    mail_secrets,
    mesh,
    secrets,
    secretsfile,
)
from orchestrator.commands.verify import mailbox
from orchestrator.model import Node, Release
from orchestrator.providers import lab_provider
from orchestrator.providers.lab import BASE_IMAGE, HostSpec, Lab, Network, Place, host
from orchestrator.vaulted import Variables
from orchestrator.verify import target

HERE = Path(__file__).resolve().parent
TERRITORY = "essai"
DISK_BYTES = 6 * 10**9
# The lab's network, seen from a territory whose internet is this one.
INTERNET = HostSpec(
    f"internet.{TERRITORY}", ("10.99.0.103", "10.99.0.104"), ("fd4d:6169:6c6c::103", "fd4d:6169:6c6c::104"), DISK_BYTES
)
LAB = Lab(Place(network=Network(resolver_host=INTERNET.name)))
# A host on which the internet itself is tested.
WORLD = HostSpec(
    f"monde.{TERRITORY}", ("10.99.0.101", "10.99.0.102"), ("fd4d:6169:6c6c::101", "fd4d:6169:6c6c::102"), DISK_BYTES
)
# One more, for scenarios that want three.
NEIGHBOUR = HostSpec(f"voisine.{TERRITORY}", ("10.99.0.105",), ("fd4d:6169:6c6c::105",), DISK_BYTES)
# Every host of the scenarios; some share an address.
HOSTS = (f"noeud.{TERRITORY}", WORLD.name, INTERNET.name, NEIGHBOUR.name, f"image.{TERRITORY}")
OF_NEXTCLOUD = ("database", "redis", "nextcloud")
ON_ITS_OWN = ("database", "redis")  # roles that need none of those before them
OF_MAIL = ("mail", "webmail", "monitoring", "lab_internet")
OF_THE_MESH = ("mesh", "backup_server", "backup")
FIXTURE = "33.0.1"
CLIENTS = ["bind9-dnsutils", "curl"]  # what `verify` uses a node with, from the host that plays the internet


def scenario() -> dict[str, Any]:
    """The configuration of the scenario that molecule runs."""
    return dict(yaml.safe_load(Path(os.environ["MOLECULE_FILE"]).read_text(encoding="utf-8")))


def role() -> str:
    """The role under test."""
    return os.environ["MOLECULE_SCENARIO_NAME"]


def load(engine: str = "", *, every: bool = False) -> tuple[mesh.Mesh, Node]:
    """The mesh of the one territory, and the territory, with what the role under test needs; or with every service."""
    found = mesh.load(HERE / "mesh")
    node = found.nodes[TERRITORY]
    services = node.territory.services
    assert services.cloud is not None
    chosen = {"engine": engine or ("nextcloud" if role() in OF_NEXTCLOUD else "radicale")}
    services = services.model_copy(update={"cloud": services.cloud.model_copy(update=chosen)})
    if not (every or role() in OF_MAIL):
        services = services.model_copy(update={"mail": None})
    for name in ("backup", "monitoring"):
        if not (every or role() == name):
            services = services.model_copy(update={name: None})
    changed = {"services": services} | ({} if every or role() in OF_THE_MESH else {"mesh": None})
    node = replace(node, territory=node.territory.model_copy(update=changed))
    return replace(found, nodes={TERRITORY: node}), node


def release() -> Release | None:
    """The fixture archive, for the role that installs it."""
    if role() != "nextcloud":
        return None
    sys.path.append(str(HERE.parents[1] / "tests"))
    from nextcloud_fixture.archive import pack

    return archive.check(pack(Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]), FIXTURE), allow_unsigned=True)


def wants_neighbour() -> bool:
    """Whether the scenario has the third host."""
    return NEIGHBOUR.name in [platform["name"] for platform in scenario()["platforms"]]


def tested(node: Node) -> HostSpec:
    """The host under test, on Debian as installed."""
    if role() == "lab_internet":
        return WORLD
    return lab_provider.specification(node.name, node.territory.host)


def reach(spec: HostSpec) -> Variables:
    """How Ansible connects to a host that need not be there yet."""
    return host.connection(LAB.place, spec).ansible_variables()


def inventory(earlier: list[str] | None = None) -> dict[str, Variables]:
    """The groups: `tested` and `internet`, of one host each, `neighbour`, and `image`, from which an image is made.

    Args:
        earlier: the roles that prepare.yml applies; all that come before the one under test.
    """
    found, node = load()
    ciphertexts, key = secrets.ensure(node), secrets.load_key(node)
    around, spec = lab_services.surroundings(INTERNET), tested(node)
    order = [*ansible_vars.ALWAYS, *ansible_vars.OPTIONAL]
    if role() == "lab_internet":
        variables, before = lab_services.role_variables(found, key, TERRITORY, WORLD, correspondents=True), []
        variables |= {"lab_authority": around.acme_ca, "lab_trust_anchors": list(around.trust_anchors)}
    else:
        variables = ansible_inventory.flat(ansible_vars.node_variables(node, ciphertexts, around, release()))
        before = [] if role() in ON_ITS_OWN else order[: order.index(role())]
    variables |= {"tested_role": role(), "earlier_roles": before if earlier is None else earlier}
    internet = lab_services.role_variables(
        found, key, TERRITORY, INTERNET, correspondents=role() in ("mail", "webmail", "monitoring")
    )
    return {
        "tested": {"hosts": {spec.name: reach(spec) | variables}},
        "internet": {"hosts": {INTERNET.name: reach(INTERNET) | internet}},
        "neighbour": {"hosts": {NEIGHBOUR.name: reach(NEIGHBOUR)} if wants_neighbour() else {}},
        "image": {"hosts": {blank(spec).name: reach(blank(spec))}},
    }


def for_ansible(groups: dict[str, Variables]) -> Variables:
    """The same inventory in the form in which Ansible reads a program's output."""
    hosts = {name: variables for group in groups.values() for name, variables in group["hosts"].items()}
    return {name: {"hosts": list(group["hosts"])} for name, group in groups.items()} | {"_meta": {"hostvars": hosts}}


def blank(spec: HostSpec) -> HostSpec:
    """The host from which an image is made; it has the address of the one to test, which is not there meanwhile."""
    return HostSpec(f"image.{TERRITORY}", spec.ipv4[:1], spec.ipv6[:1], DISK_BYTES)


def contents(name: str) -> Variables:
    """What an image holds besides Debian, as arguments of `packages`."""
    if name in (WORLD.name, INTERNET.name):
        declared = contract.load("lab_internet")
        names = [package.name for package in declared.packages]
        debconf = [f"{each.package} {each.question} {each.type} {each.value}" for each in declared.debconf]
        return {"names": [*names, *(CLIENTS if name == INTERNET.name else [])], "debconf": debconf}
    # One image for the roles of all engines.
    around = lab_services.surroundings(INTERNET)
    nodes = [load(engine, every=True)[1] for engine in ansible_vars.ENGINES]
    bases = [ansible_vars.node_variables(node, {}, around)["base"] for node in nodes]
    return {key: sorted({each for base in bases for each in base[f"base_{of}"]})
            for key, of in (("names", "packages"), ("debconf", "debconf"))}  # fmt: skip


def image(node: Node, spec: HostSpec) -> str:
    """The label of the image with a host's packages, made the first time, and made anew when they change."""
    wanted = contents(spec.name)
    recipe = json.dumps(wanted, sort_keys=True) + (HERE / "image.yml").read_text(encoding="utf-8")
    kind = f"molecule-{spec.hostname}"
    label = f"{kind}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"
    if not LAB.place.image(label).is_dir():
        source = blank(tested(node))
        LAB.destroy(source.name)
        LAB.up([source], print)
        command = ["ansible-playbook", f"--inventory={HERE / 'inventory'}", f"--extra-vars={json.dumps(wanted)}"]
        subprocess.run([*command, str(HERE / "image.yml")], check=True)
        LAB.snapshot(source.name, label)
        LAB.destroy(source.name)
        for older in LAB.place.image(label).parent.glob(f"{kind}-*"):
            if older.name != label:
                shutil.rmtree(older)
    return label


def create() -> None:
    """Make the hosts, afresh."""
    _, node = load()
    destroy()
    spec, wanted = tested(node), scenario()["platforms"][0]
    if wanted["name"] != spec.name:
        raise SystemExit(f"{os.environ['MOLECULE_FILE']}: the host of this scenario is {spec.name}")
    base = BASE_IMAGE if wanted["image"] == BASE_IMAGE else image(node, spec)
    specs = {INTERNET: image(node, INTERNET), spec: base} | ({NEIGHBOUR: base} if wants_neighbour() else {})
    LAB.up([HostSpec(each.name, each.ipv4, each.ipv6, DISK_BYTES, base) for each, base in specs.items()], print)


def destroy() -> None:
    """Remove every host of the scenarios: one of another kind, left by a run that was killed, has the same address."""
    for name in HOSTS:
        LAB.destroy(name)


def forget(node: Node) -> None:
    """Remove the territory's secrets: the next run makes others."""
    secretsfile.path_of(node).unlink(missing_ok=True)
    keys.file(node.territory).unlink(missing_ok=True)


def changes() -> None:
    """Print what the role under test would change now: [{kind, name, action}]."""
    from orchestrator import runner

    groups = inventory([role()])
    key = f"{TERRITORY}@{keys.file(load()[1].territory)}"
    outcome = runner.run(str(HERE / "prepare.yml"), {"all": {"children": groups}}, [key], check=True)
    if outcome.failures:
        raise SystemExit(str(outcome.failures))
    print(json.dumps([{"kind": each.kind, "name": each.name, "action": each.action} for each in outcome.changes]))


def mail_of(node: Node, passwords: list[SecretStr]) -> target.Mail:
    """What there is to send mail with."""
    mine = [
        mailbox(node.territory, name, password)
        for name, password in zip(accounts.verifying(node.territory), passwords, strict=True)
    ]
    return target.Mail((mine[0], mine[1]), (), lab_correspondent.at(host.connection(LAB.place, INTERNET)))


def verify() -> int:
    """Say what was seen from outside, one line for each check; the exit code."""
    from orchestrator.verify import verify

    with whole_target() as whole:
        checks = list(verify(whole))
    print(*checks, sep="\n")
    return int(not checks or any(not check.ok for check in checks))


def password(uid: str) -> None:
    """Change a subscriber's password, as a browser does."""
    from orchestrator.verify import webmail
    from orchestrator.verify.network import IPV4, Network

    old, new = sys.stdin.read().split()
    with whole_target() as whole:
        account = target.Account(f"{uid}@{whole.domain}", f"mail.{whole.domain}", SecretStr(old))
        webmail.change_password(Network(whole, 30), account, new, IPV4)


@contextmanager
def whole_target() -> Iterator[target.Target]:
    """The node as it is promised to be, seen from here."""
    _, node = load()
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as authorities:
        authorities.write(host.connection(LAB.place, INTERNET).run(f"cat {lab_services.ROOTS}").stdout)
        authorities.flush()
        passwords = [secrets.reveal(node, f"directory.{name}") for name in accounts.verifying(node.territory)]
        yield target.of(
            node,
            passwords[0],
            nameservers=INTERNET.ipv4[:1],
            trust_anchors=lab_services.surroundings(INTERNET).trust_anchors,
            authority=Path(authorities.name),
            keys=mail_secrets.published(node),
            mail=mail_of(node, passwords) if node.territory.services.mail else None,
        )


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["create"]:
            create()
        case ["destroy"]:
            destroy()
            forget(load()[1])
        case ["inventory"]:
            print(json.dumps(for_ansible(inventory())))
        case ["changes"]:
            changes()
        case ["verify"]:
            sys.exit(verify())
        case ["password", uid]:
            password(uid)
        case _:
            sys.exit(__doc__)
