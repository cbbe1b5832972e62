"""The lab: a whole small internet on one machine. Real Debian 13 hosts in containers, on a network of their own.

Everything is made on demand and can be used from several processes at once; what a killed run leaves half done, the
next one puts right.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from orchestrator.errors import HostError
from orchestrator.providers.lab import control_group, host, image, machine, network
from orchestrator.providers.lab.state import BASE_IMAGE, HostSpec, Network, Place, Report
from orchestrator.ssh import Connection

__all__ = ["BASE_IMAGE", "HostSpec", "HostStatus", "Lab", "Network", "Place"]


def _silent(_line: str) -> None:
    pass


@dataclass(frozen=True)
class HostStatus:
    """What is known of one lab host.

    Attributes:
        spec: what it was made from.
        running: whether its container runs.
    """

    spec: HostSpec
    running: bool


@dataclass(frozen=True)
class Lab:
    """One lab of this machine: `Lab()` is the usual one."""

    place: Place = field(default_factory=Place)

    def up(self, specs: Sequence[HostSpec], report: Report = _silent) -> None:
        """Make the given hosts exist and answer by SSH, whatever is there already.

        Raises:
            LabUnavailable: this machine cannot run a lab.
            HostError: a host does not start, or exists with other properties.
        """
        machine.check()
        place = self.place
        place.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with place.locked("network"):
            network.up(place.network, place.directory)
            if not place.key.exists():
                machine.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "maillage-lab", "-f", str(place.key)])
        resolvers = self._resolvers(specs)
        for name in {spec.base for spec in specs}:
            image.ensure(place, name, report)
        with ThreadPoolExecutor(max_workers=4) as pool:
            list(pool.map(lambda spec: self._ensure(spec, resolvers, report), specs))

    def connection(self, name: str) -> Connection:
        """How to reach a host of the lab."""
        return host.connection(self.place, self._spec(name))

    def start(self, name: str) -> None:
        """Start a host that was stopped or killed; does nothing to one that runs."""
        self.up([self._spec(name)])

    def stop(self, name: str) -> None:
        """Shut a host down in good order; its disk stays."""
        spec = self._spec(name)
        with self.place.locked(f"host-{name}"):
            host.stop(self.place, spec)

    def kill(self, name: str) -> None:
        """Take a host's power away; its disk stays."""
        spec = self._spec(name)
        with self.place.locked(f"host-{name}"):
            host.stop(self.place, spec, power_cut=True)

    def reboot(self, name: str) -> None:
        """Shut a host down and start it again."""
        self.stop(name)
        self.start(name)

    def destroy(self, name: str) -> None:
        """Remove a host and its data; does nothing if there is none."""
        with self.place.locked(f"host-{name}"):
            if spec := self.place.read(name):
                network.check_owner(self.place.network, self.place.directory)
                host.destroy(self.place, spec)

    def snapshot(self, name: str, label: str) -> None:
        """Make an image named `label` of a host, which is stopped for it and stays so."""
        spec = self._spec(name)
        with self.place.locked(f"host-{name}"):
            host.stop(self.place, spec)
            with self.place.locked("image"):
                image.snapshot(self.place, spec, label)

    def status(self) -> list[HostStatus]:
        """All hosts of the lab."""
        specs = [spec for name in self.place.hosts() if (spec := self.place.read(name))]
        return [HostStatus(spec, host.supervisor_pid(self.place, spec.name) is not None) for spec in specs]

    def down(self, report: Report = _silent) -> None:
        """Remove every host and the network; the images and the downloaded packages stay for the next time."""
        place = self.place
        owner = network.owner(place.network)
        if owner is None and not place.directory.exists():
            return
        machine.check()
        if owner in (None, "", str(place.directory)):  # a bridge of another lab means that ours has ended already
            for name in place.hosts():
                report(f"removing {name}")
                self.destroy(name)
            control_group.end(f"{place.network.bridge}-*")  # hosts whose files somebody has removed
            with place.locked("network"):
                network.down(place.network)
        shutil.rmtree(place.directory / "hosts", ignore_errors=True)  # what killed runs have left unfinished

    def _refuse_taken(self, spec: HostSpec) -> None:
        wanted = {*spec.ipv4, *spec.ipv6}
        for other in self.status():
            if taken := wanted.intersection((*other.spec.ipv4, *other.spec.ipv6)):
                raise HostError(
                    f"{spec.name}: the address {min(taken)} is that of the lab host {other.spec.name}; choose another "
                    f"in territory.yml, or remove that host with `lab down {other.spec.name}`"
                )

    def _spec(self, name: str) -> HostSpec:
        network.check_owner(self.place.network, self.place.directory)
        if spec := self.place.read(name):
            return spec
        raise HostError(f"{name}: there is no such lab host; `lab up` makes those of the mesh")

    def _resolvers(self, specs: Sequence[HostSpec]) -> list[str]:
        resolver = next((spec for spec in specs if spec.name == self.place.network.resolver_host), None)
        resolver = resolver or self.place.read(self.place.network.resolver_host)
        return ([resolver.ipv4[0]] if resolver else []) + network.machine_resolvers()

    def _ensure(self, spec: HostSpec, resolvers: list[str], report: Report) -> None:
        place = self.place
        with place.locked(f"host-{spec.name}"):
            present = place.read(spec.name)
            if present is not None and present != spec:
                raise HostError(
                    f"{spec.name}: exists with another address, disk or image; `lab down {spec.name}` removes it"
                )
            if present is None:
                self._refuse_taken(spec)
                report(f"making {spec.name}")
                own = [address for address in resolvers if address not in spec.ipv4]
                host.create(place, spec, own)
            if host.supervisor_pid(place, spec.name) is None:
                report(f"starting {spec.name}")
                host.start(place, spec, image.ensure(place, spec.base, report))
        host.wait_for_ssh(place, spec)
