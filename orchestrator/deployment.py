"""From chosen territories to a run of Ansible: keys, inventory, archives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from orchestrator import ansible_inventory, ansible_vars, apps, archive, cards, hosts, keys, secrets
from orchestrator.ansible_vars import Surroundings
from orchestrator.apps import AppArchive
from orchestrator.errors import ArchiveMissing
from orchestrator.mesh import Mesh
from orchestrator.model import Node, Release
from orchestrator.outcome import Outcome
from orchestrator.progress import Listener, note
from orchestrator.vaulted import Variables

LAB_LABEL = "lab"


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
    cards.of_the_lab([node for node in nodes if node.territory.is_lab], mesh, datetime.now(UTC).date())
    made = {}
    for node in nodes:
        place = around if node.territory.is_lab else Surroundings()
        chosen = releases.get(node.name) if releases else None
        variables = ansible_inventory.flat(
            ansible_vars.node_variables(
                node,
                ciphertexts[node.name],
                place,
                chosen,
                mesh.nodes.values(),
                archives,
                cards.peers(node, mesh),
            )
        )
        variables |= _estimated() if node in absent else hosts.connection(node).ansible_variables()
        made[ansible_vars.host_name(node)] = (node, variables)
    with keys.vault_identities(territory_keys) as identities:
        inventory = ansible_inventory.inventory(made, internet)
        yield Run(inventory, identities, "lab.yml" if internet else "site.yml")


def _estimated() -> Variables:
    """Variables of a host that is not there: the plugins answer from what they would be given."""
    return {"ansible_connection": "local", "maillage_estimate": True}


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
