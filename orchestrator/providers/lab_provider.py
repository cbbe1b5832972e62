"""Provider `lab`: the territories' hosts, and the one that plays the outside, in the lab of this machine."""

from __future__ import annotations

from dataclasses import dataclass, field

from orchestrator import lab_world
from orchestrator.errors import LabUnavailable
from orchestrator.host_model import Host
from orchestrator.providers import Report
from orchestrator.providers.lab import HostSpec, Lab
from orchestrator.ssh import Connection

# Two addresses of each family: the resolver and the certificate authority on the first, the DNS zones on the second.
INTERNET = HostSpec(
    "internet", ("10.99.0.2", "10.99.0.3"), ("fd4d:6169:6c6c::2", "fd4d:6169:6c6c::3"), disk_bytes=4 * 10**9
)
AUTHORITY_NAME = f"acme.{lab_world.OUTSIDE}"
DEFAULT_DISK_BYTES = 8 * 10**9


@dataclass(frozen=True)
class LabProvider:
    """Hosts of this machine's lab."""

    lab: Lab = field(default_factory=Lab)

    def exists(self, territory: str, host: Host) -> bool:
        """Whether the host was made already, running or not."""
        return self.lab.place.read(name(territory, host)) is not None

    def ensure(self, territory: str, host: Host, report: Report) -> None:
        """Have the host up, and the lab's internet beside it."""
        self.lab.up([INTERNET, specification(territory, host)], report)

    def connection(self, territory: str, host: Host) -> Connection:
        """As root, with the lab's own key."""
        return self.lab.connection(name(territory, host))


def name(territory: str, host: Host) -> str:
    """The host's name in the lab, the same as in the inventory."""
    return f"{host.name}.{territory}"


def specification(territory: str, host: Host) -> HostSpec:
    """What the lab must make for a host of a territory.

    Raises:
        LabUnavailable: the host has no IPv4 address, hence no way to the packages.
    """
    if host.address.ipv4 is None:
        raise LabUnavailable(
            f"{territory}: a lab host needs address.ipv4 in territory.yml to reach the package mirrors"
        )
    ipv6 = (str(host.address.ipv6),) if host.address.ipv6 else ()
    return HostSpec(name(territory, host), (str(host.address.ipv4),), ipv6, host.disk or DEFAULT_DISK_BYTES)
