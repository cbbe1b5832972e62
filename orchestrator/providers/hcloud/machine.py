"""What is rented for one host: found by its labels, made and changed step by step, given back."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from orchestrator.providers import Report
from orchestrator.providers.hcloud import read, said
from orchestrator.rented import FAMILIES, IMAGE, Family, Found, Prices, Step, Wanted

if TYPE_CHECKING:
    from hcloud import Client

SHUTDOWN_SECONDS = 90  # that a server gets to end by itself


class Rented:
    """The things of one host in the project that the token belongs to.

    Args:
        client: of the API.
        wanted: what the host needs.
        report: is told of each step.
    """

    def __init__(self, client: Client, wanted: Wanted, report: Report) -> None:
        self._client, self.wanted, self._report = client, wanted, report
        self._labels = {read.TERRITORY: wanted.territory, read.HOST: wanted.host.partition(".")[0]}
        self._selector = f"{read.TERRITORY}=={wanted.territory}"  # it has one host
        self._keys: list[Any] = []
        self._addresses: dict[Family, Any] = {}
        self._firewall: Any = None
        self._volume: Any = None
        self._server: Any = None

    def found(self) -> Found:
        """Look at what is there.

        Raises:
            CloudRefused: no usable answer, or more than one thing where one should be.
        """
        with said("what there is"):
            self._keys = self._client.ssh_keys.get_all()
            self._firewall = self._one("firewalls")
            for each in self._client.primary_ips.get_all(label_selector=self._selector):
                if self._addresses.setdefault(_family(str(each.type)), each).id != each.id:
                    raise read.twice(self.wanted, "addresses", str(each.ip))
            self._volume, self._server = self._one("volumes"), self._one("servers")
        things = [self._firewall, self._volume, self._server, *self._addresses.values()]
        read.refuse_other_hosts(self.wanted, [each for each in things if each])
        return read.found(self._keys, self._firewall, self._addresses, self._volume, self._server)

    def prices(self) -> Prices:
        """What things cost.

        Raises:
            CloudRefused: no usable answer.
        """
        with said("the prices"):
            return read.prices(self._client.request("GET", "/pricing")["pricing"])

    def do(self, step: Step, user_data: Callable[[], str]) -> None:
        """Do one step, and wait until it is done.

        Args:
            step: one of `rented.steps`.
            user_data: gives what a new server is told at its first start.

        Raises:
            CloudRefused: it was not done, or that is not known; the same again finds out.
        """
        self._report(f"{self.wanted.host}: {step.title}")
        with said(step.title):
            match step.action, step.kind:
                case "create", "SSH key":
                    self._keys.append(self._create_key(step.name))
                case "create", "firewall":
                    create, rules = self._client.firewalls.create, read.rules(self.wanted.rules)
                    self._firewall = self._made("firewalls", create, name=self.wanted.host, rules=rules)
                case "change", "firewall":
                    self._done(*self._firewall.set_rules(read.rules(self.wanted.rules)))
                case "create", "address":
                    self._create_address(_family(step.name))
                case "change", "address":
                    self._addresses[_family(step.name)].update(auto_delete=False)
                case "change", "reverse DNS":
                    address = self._addresses[_family(step.name)]
                    self._done(address.change_dns_ptr(read.own(address.ip), step.what))
                case "create", "volume":
                    self._create_volume()
                case "change", "volume":
                    self._done(self._volume.resize(self.wanted.machine.gigabytes))
                case "create", "server":
                    self._create_server(user_data())
                case "change", "attached address":
                    self._while_off(lambda: self._addresses[_family(step.name)].assign(self._server.id, "server"))
                case "change", "attached firewall":
                    self._shield()
                case "change", "attached volume":
                    self._done(self._volume.attach(self._server, automount=False))
                case "change", "server":
                    kind = self.wanted.machine.type
                    self._while_off(
                        lambda: self._server.change_type(read.named("ServerType", kind), upgrade_disk=False)
                    )
                case _:
                    self._done(self._server.power_on())

    def addresses(self) -> dict[Family, str]:
        """What the host's addresses are."""
        return {family: read.own(each.ip) for family, each in self._addresses.items()}

    def device(self) -> str:
        """What the volume is on the server."""
        return str(self._volume.linux_device)

    def made(self, *, kept: bool) -> list[tuple[str, Callable[[], object]]]:
        """What was made from here, in the order in which it can be given back, each with what gives it back.

        Args:
            kept: what outlives a server, instead of what goes with it.
        """
        if kept:
            things = [("volume", self._volume), *((f"address {each.ip}", each) for each in self._addresses.values())]
        else:
            ours = [each for each in self._keys if each.labels.items() >= self._labels.items()]
            things = [("server", self._server), ("firewall", self._firewall), *(("SSH key", each) for each in ours)]
        return [(f"{what} {each.name}", partial(self._gone, each)) for what, each in things if each]

    def _one(self, kind: str) -> Any:  # noqa: ANN401
        found = getattr(self._client, kind).get_all(label_selector=self._selector)
        if len(found) > 1:
            raise read.twice(self.wanted, kind, " and ".join(str(each.name) for each in found))
        return found[0] if found else None

    def _made(self, kind: str, create: Callable[..., Any], **arguments: Any) -> Any:  # noqa: ANN401
        """Create; what a lost answer has hidden from an earlier try is found again by its labels."""
        from hcloud import APIException

        try:
            response = create(labels=self._labels, **arguments)
        except APIException:  # often of uniqueness; it was not there before, so that it is of the earlier try
            found = getattr(self._client, kind).get_all(label_selector=self._selector)
            there = [each for each in found if each.name == arguments["name"]]
            if not there:
                raise
            return there[0]
        self._done(getattr(response, "action", None), *(getattr(response, "next_actions", None) or ()))
        return getattr(response, kind.removesuffix("s"), response)

    def _create_key(self, key: str) -> Any:  # noqa: ANN401
        digest = hashlib.sha256(base64.b64decode(key.split()[1])).hexdigest()
        name = f"{self.wanted.host}-{digest[:8]}"
        return self._made("ssh_keys", self._client.ssh_keys.create, name=name, public_key=key)

    def _create_address(self, family: Family) -> None:
        def create(**arguments: Any) -> Any:  # noqa: ANN401
            # Their library leaves out `assignee_type`, which their description of the API demands.
            found = self._client.request("POST", "/primary_ips", json=arguments)
            return BoundPrimaryIP(self._client.primary_ips, found["primary_ip"])

        from hcloud.primary_ips import BoundPrimaryIP

        settings = {"location": self.wanted.machine.location, "assignee_type": "server", "auto_delete": False}
        name = f"{self.wanted.host}-{family}"
        self._addresses[family] = self._made("primary_ips", create, name=name, type=family, **settings)

    def _create_volume(self) -> None:
        machine = self.wanted.machine
        location = read.named("Location", machine.location)
        self._volume = self._made(
            "volumes",
            self._client.volumes.create,
            name=self.wanted.host,
            size=machine.gigabytes,
            location=location,
            format="ext4",
        )

    def _create_server(self, user_data: str) -> None:
        from hcloud.images.domain import Image
        from hcloud.servers.domain import ServerCreatePublicNetwork
        from hcloud.ssh_keys.domain import SSHKey

        machine, wanted = self.wanted.machine, set(self.wanted.keys)
        self._server = self._made(
            "servers",
            self._client.servers.create,
            name=self.wanted.host,
            server_type=read.named("ServerType", machine.type),
            image=Image(name=IMAGE),
            location=read.named("Location", machine.location),
            ssh_keys=[SSHKey(name=each.name) for each in self._keys if read.public(each) in wanted],
            volumes=[self._volume],
            automount=False,
            firewalls=[self._firewall],
            public_net=ServerCreatePublicNetwork(ipv4=self._addresses["ipv4"], ipv6=self._addresses["ipv6"]),
            user_data=user_data,
        )

    def _shield(self) -> None:
        from hcloud.firewalls.domain import FirewallResource

        server, before = [FirewallResource("server", server=self._server)], self._server.public_net.firewalls
        for each in before:
            if each.firewall.id != self._firewall.id:  # what several let through adds up
                self._done(*each.firewall.remove_from_resources(server))
        if self._firewall.id not in [each.firewall.id for each in before]:
            self._done(*self._firewall.apply_to_resources(server))

    def _while_off(self, change: Callable[[], Any]) -> None:
        # The server runs again afterwards, also when the change was refused.
        self._off()
        try:
            self._done(change())
        finally:
            self._done(self._server.power_on())

    def _off(self) -> None:
        self._server.reload()
        if self._server.status != "off":
            self._done(self._server.shutdown())
        end = time.monotonic() + SHUTDOWN_SECONDS
        self._server.reload()
        while self._server.status != "off" and time.monotonic() < end:
            time.sleep(1)
            self._server.reload()
        if self._server.status != "off":
            self._done(self._server.power_off())

    def _gone(self, thing: Any) -> None:  # noqa: ANN401
        with said(f"giving back {thing.name}"):
            if thing is self._server:
                self._off()  # its volume may be kept
            answer = thing.delete()
            self._done(answer if hasattr(answer, "wait_until_finished") else None)

    def _done(self, *actions: Any) -> None:  # noqa: ANN401
        for action in actions:
            if action is not None:
                action.wait_until_finished()


def _family(name: str) -> Family:
    return next(each for each in FAMILIES if each == name)
