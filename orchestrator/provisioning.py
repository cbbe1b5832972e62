"""From a territory whose host is rented to what is rented: looked at, made, mended, given back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from orchestrator import ansible_vars, cloud_token, first_contact, rented, yaml_edit
from orchestrator.errors import CloudRefused, UsageError
from orchestrator.findings import TERRITORY
from orchestrator.first_contact import Newcomer
from orchestrator.host_model import Address
from orchestrator.model import Node
from orchestrator.providers import Report
from orchestrator.providers.existing import ExistingProvider
from orchestrator.rented import Prices, Step, Wanted

if TYPE_CHECKING:
    from orchestrator.providers.hcloud.machine import Rented

NOBODY = Address.model_validate({"ipv4": "192.0.2.1", "ipv6": "2001:db8::1"})  # RFC 5737, RFC 3849


@dataclass(frozen=True)
class Rental:
    """What is rented for a node's host, as it was found.

    Attributes:
        node: whose.
        wanted: as it should be.
        there: whether the server is.
        volume: whether its volume is.
        prices: what things cost.
        steps: what is to be done.
        things: what is there.
    """

    node: Node
    wanted: Wanted
    there: bool
    volume: bool
    prices: Prices
    steps: Sequence[Step]
    things: Rented

    def rent(self) -> None:
        """Do the steps, and write the addresses into territory.yml. The same again goes on where a kill has ended it.

        Raises:
            CloudRefused: a step was not done.
        """
        if not self.there:
            _write(self.node, "ssh", {})  # of an earlier server
        for step in self.steps:
            self.things.do(step, Newcomer(self.wanted.host).user_data)
        _write(self.node, "address", self.things.addresses())

    def meet(self, report: Report) -> None:
        """Have the server known by a key that nobody else has seen, and its volume mounted.

        Raises:
            HostError: it does not answer, or not as it should.
        """
        newcomer, ssh = Newcomer(self.wanted.host), self.node.territory.host.ssh
        if not self.there or ssh is None or ssh.host_key is None:
            key = newcomer.meet(self.things.addresses()["ipv4"], report)
            _write(self.node, "ssh", {"host_key": key})
        newcomer.met()

    def mount(self, node: Node) -> None:
        """Have the volume mounted; the node is as territory.yml says since the first contact.

        Raises:
            HostError: it cannot be.
        """
        connection = ExistingProvider().connection(node.name, node.territory.host)
        first_contact.mount(connection, self.things.device())


def is_rented(node: Node) -> bool:
    """Whether the node's host is rented by us."""
    return node.territory.host.provider == "hcloud"


def look(node: Node, report: Report) -> Rental:
    """See what there is, and what is to be done.

    Args:
        node: its host is rented.
        report: is told of each step that is done later.

    Raises:
        SecretsError: there is no token.
        CloudRefused: no usable answer, or what is wanted cannot be had.
    """
    found_things = things(node, report)
    found, prices, wanted = found_things.found(), found_things.prices(), found_things.wanted
    if node.territory.host.address.all and not (found.addresses or found.volume or found.server):
        raise CloudRefused(
            f"{wanted.host}: territory.yml says where it is, and nothing of it is in the project of this token: is it "
            "another project's? If all of it is gone, remove `address` and `ssh` of the host"
        )
    steps = rented.steps(wanted, found, prices)
    return Rental(node, wanted, found.server is not None, found.volume is not None, prices, steps, found_things)


def things(node: Node, report: Report) -> Rented:
    """What is rented for a node's host, to be looked at.

    Raises:
        SecretsError: there is no token.
        UsageError: the host is not rented.
    """
    from orchestrator.providers import hcloud
    from orchestrator.providers.hcloud.machine import Rented

    return Rented(hcloud.client(cloud_token.load()), _wanted(node), report)


def imagined(node: Node) -> Node:
    """The node with addresses of nobody's, for a plan, where it will get its own later."""
    host = node.territory.host
    if host.address.all:
        return node
    there = host.model_copy(update={"address": NOBODY})
    return replace(node, territory=node.territory.model_copy(update={"hosts": (there,)}))


def forget(node: Node, *names: str) -> None:
    """Take out of territory.yml what was written there of a server that is given back: `address`, `ssh`."""
    Newcomer(ansible_vars.host_name(node)).met()
    for name in names:
        _write(node, name, {})


def _wanted(node: Node) -> Wanted:
    territory = node.territory
    if territory.host.hcloud is None:
        raise UsageError(f"{node.name}: its host is not rented (`provider: hcloud` in territory.yml)")
    opened = ansible_vars.ports(ansible_vars.declared(ansible_vars.roles(territory)), mesh=False)
    return Wanted(
        node.name,
        ansible_vars.host_name(node),
        territory.host.hcloud,
        tuple(dict.fromkeys(" ".join(key.split()[:2]) for key in territory.partner.ssh_keys)),
        frozenset({("tcp", 22), rented.PING, *((each["protocol"], each["port"]) for each in opened)}),
        ansible_vars.public_name(territory),
    )


def _write(node: Node, name: str, values: Mapping[Any, str]) -> None:
    """Write a mapping of the host's into territory.yml; without values, remove it."""

    def change(content: Any) -> None:  # noqa: ANN401 - ruamel's own type
        host = content["hosts"][0]
        if not values:
            host.pop(name, None)
        elif name in host:
            host[name] = yaml_edit.one_line(values) if host[name] != values else host[name]
        else:  # not at the end, where a blank line may follow
            host.insert(list(host).index("provider") + 1, name, yaml_edit.one_line(values))

    yaml_edit.edit(node.folder / TERRITORY, change)
