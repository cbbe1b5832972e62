"""From chosen territories to a run of Ansible: hosts, keys, inventory, locks."""

from __future__ import annotations

import getpass
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from orchestrator import ansible_vars, apps, archive, keys, preflight, secrets, ssh
from orchestrator.ansible_vars import Surroundings, Variables
from orchestrator.apps import AppArchive
from orchestrator.errors import ArchiveMissing, HostLocked
from orchestrator.mesh import Mesh
from orchestrator.model import Node, Release
from orchestrator.outcome import Outcome
from orchestrator.preflight import Facts
from orchestrator.progress import Listener, note
from orchestrator.providers import provider
from orchestrator.ssh import Connection

LAB_LABEL = "lab"
INTERNET_WAIT = 600  # seconds that a deployment waits for another one that configures the lab's internet


@dataclass(frozen=True)
class Run:
    """One run of Ansible, ready to go.

    Attributes:
        inventory: secrets in it are ciphertexts.
        identities: where Ansible finds the keys.
        playbook: the playbook for these territories.
    """

    inventory: Mapping[str, Any]
    identities: Sequence[str]
    playbook: str

    def __call__(
        self,
        playbook: str | None = None,
        *,
        check: bool = False,
        variables: Mapping[str, Any] | None = None,
        listener: Listener | None = None,
    ) -> Outcome:
        """Run the playbook, or another one, on the same hosts."""
        from orchestrator import runner

        chosen = playbook or self.playbook
        return runner.run(chosen, self.inventory, self.identities, check=check, variables=variables, listener=listener)


@contextmanager
def prepared(
    mesh: Mesh,
    nodes: Sequence[Node],
    *,
    absent: Sequence[Node] = (),
    releases: Mapping[str, Release] | None = None,
    archives: Mapping[str, AppArchive] | None = None,
) -> Iterator[Run]:
    """Gather what a run on these nodes needs; secrets of lab territories that are missing are made.

    Args:
        mesh: the whole mesh.
        nodes: the chosen ones.
        absent: those among them whose host does not exist: the run will only estimate.
        releases: the archive of Nextcloud, for each node that needs it.
        archives: those of apps.

    Raises:
        SecretsError: a key or a secret is missing.
    """
    ciphertexts = {node.name: secrets.ensure(node) for node in nodes}
    territory_keys = {node.name: secrets.load_key(node) for node in nodes}
    lab = any(node.territory.is_lab for node in nodes)
    internet: dict[str, Variables] = {}
    around = Surroundings()
    if lab:
        from orchestrator import lab_services

        lab_key = lab_services.new_key()
        territory_keys[LAB_LABEL] = lab_key
        around = lab_services.surroundings()
        if len(absent) < len(nodes):
            internet = {lab_services.HOST: lab_services.variables(mesh, lab_key, LAB_LABEL)}
    hosts = {}
    for node in nodes:
        place = around if node.territory.is_lab else Surroundings()
        chosen = releases.get(node.name) if releases else None
        variables = ansible_vars.flat(
            ansible_vars.node_variables(node, ciphertexts[node.name], place, chosen, mesh.nodes.values(), archives)
        )
        variables |= _estimated() if node in absent else connection(node).ansible_variables()
        hosts[ansible_vars.host_name(node)] = (node, variables)
    with keys.vault_identities(territory_keys) as identities:
        inventory = ansible_vars.inventory(hosts, internet)
        yield Run(inventory, identities, "lab.yml" if internet else "site.yml")


def _estimated() -> Variables:
    """Variables of a host that is not there: the plugins answer from what they would be given."""
    return {"ansible_connection": "local", "maillage_estimate": True}


def connection(node: Node) -> Connection:
    """How to reach the node's host."""
    return provider(node.territory.host).connection(node.name, node.territory.host)


def exists(node: Node) -> bool:
    """Whether the node's host was made already."""
    return provider(node.territory.host).exists(node.name, node.territory.host)


def releases_for(nodes: Sequence[tuple[Node, str]], given: str | None, *, allow_unsigned: bool) -> dict[str, Release]:
    """The archive of Nextcloud for each node that needs one, by the node's name; it is checked.

    Args:
        nodes: the chosen ones, each with the release that its host runs, "" where there is none.
        given: the archive that the partner names.
        allow_unsigned: accept it without proof.

    Raises:
        ArchiveMissing: a host needs one, and there is none here.
        ArchiveRefused: it is not what it should be.
    """
    present = {node.name: release for node, release in nodes if node.territory.engine == "nextcloud"}
    if not present:
        return {}
    wanted, named = archive.version(given), archive.named(given)
    # What nobody names is no reason to go back from a later release.
    needing = {name: release for name, release in present.items() if release != wanted
               and (named or not release or archive.numbers(release) < archive.numbers(wanted))}  # fmt: skip
    if not needing:
        return {}
    try:
        found = archive.choose(given, allow_unsigned=allow_unsigned, say=note)
    except ArchiveMissing:
        if "" in needing.values():
            raise
        return {}  # every host goes on with what it has
    return dict.fromkeys(needing, found)


def app_archives(nodes: Sequence[Node], given: str | None, *, allow_unsigned: bool) -> dict[str, AppArchive]:
    """The archives of the apps that the nodes declare; see `apps.find`."""
    clouds = [node.territory.services.cloud for node in nodes if node.territory.engine == "nextcloud"]
    declared = sorted({app for cloud in clouds if cloud for app in cloud.apps})
    return apps.find(declared, given, allow_unsigned=allow_unsigned)


def ensure_hosts(nodes: Sequence[Node], *, move: bool = False) -> list[Facts]:
    """Have every host up and fit to be a node.

    Args:
        nodes: the chosen ones.
        move: what another engine holds will be moved to the territory's own.

    Returns:
        What the hosts say of themselves.

    Raises:
        HostError: one cannot be reached, or is not fit; all its reasons at once.
    """
    for node in nodes:
        provider(node.territory.host).ensure(node.name, node.territory.host, note)
    return [check_host(node, move=move) for node in nodes]


def check_host(node: Node, *, move: bool = False) -> Facts:
    """See that a host is fit, and that no data would be out of reach; give what it says of itself.

    Raises:
        HostError: it cannot be reached, or is not fit.
    """
    engine = None if move else node.territory.engine
    return preflight.check(
        ansible_vars.host_name(node),
        connection(node),
        lambda facts: preflight.too_small(facts, engine) or preflight.orphans(facts, node.name, engine),
    )


@contextmanager
def locked(nodes: Sequence[Node], *, internet: bool = False) -> Iterator[None]:
    """Hold the deployment lock of every host, in one order for everybody.

    Args:
        nodes: the nodes that are about to be changed.
        internet: the lab's internet is changed with them, if they are of the lab; it is waited for.

    Raises:
        HostLocked: somebody else changes one of the nodes; names who.
    """
    holder = f"{getpass.getuser()}@{socket.gethostname()}"
    with ExitStack() as stack:
        for node in sorted(nodes, key=lambda node: node.name):
            stack.enter_context(ssh.lock(connection(node), holder))
        if internet and any(node.territory.is_lab for node in nodes):
            from orchestrator import lab_services

            stack.enter_context(_patiently(lab_services.connection(), holder))
        yield


@contextmanager
def _patiently(host: Connection, holder: str) -> Iterator[None]:
    """Hold a lock that others hold only for a short while."""
    deadline = time.monotonic() + INTERNET_WAIT
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(ssh.lock(host, holder))
                break
            except HostLocked as error:
                if time.monotonic() > deadline:
                    raise
                note(f"waiting: {error}")
                time.sleep(3)
        yield
