"""What a lab is made of and where it lives: one directory for its files, one bridge for its network."""

from __future__ import annotations

import fcntl
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from ipaddress import IPv4Interface, IPv6Interface
from pathlib import Path

from orchestrator.locations import state_folder

Report = Callable[[str], None]
"""Receives one line about what is under way."""

BASE_IMAGE = "debian-13"
_IPV4 = IPv4Interface("10.99.0.1/24")
_IPV6 = IPv6Interface("fd4d:6169:6c6c::1/64")
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?")


@dataclass(frozen=True)
class HostSpec:
    """A lab host as it should be.

    Attributes:
        name: unique in the lab; its first label is the host name.
        ipv4: addresses inside the lab's network, at least one.
        ipv6: addresses inside the lab's network, or none.
        disk_bytes: size of the writable layer.
        base: the image it starts from: Debian as installed, or the label of a snapshot.
    """

    name: str
    ipv4: tuple[str, ...]
    ipv6: tuple[str, ...]
    disk_bytes: int
    base: str = BASE_IMAGE

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or ".." in self.name:
            raise ValueError(f"{self.name!r} is not a host name")
        if not self.ipv4:
            raise ValueError(f"{self.name}: a lab host needs an IPv4 address")

    @property
    def hostname(self) -> str:
        """What the host calls itself."""
        return self.name.split(".")[0]


@dataclass(frozen=True)
class Network:
    """A lab's own network on this machine; every name it adds to the machine is here.

    Attributes:
        bridge: the bridge's name, and the beginning of every other name that the lab gives on this machine.
        ipv4: the machine's own address on the bridge.
        ipv6: likewise.
        resolver_host: the lab host that answers the names of the lab's internet.
    """

    bridge: str = "maillage0"
    ipv4: IPv4Interface = _IPV4
    ipv6: IPv6Interface = _IPV6
    resolver_host: str = "internet"

    @property
    def table(self) -> str:
        """Name of the nftables table."""
        return "maillage_lab" if self.bridge == "maillage0" else f"maillage_lab_{self.bridge}"


@dataclass(frozen=True)
class Place:
    """The lab's directory and network, handed to whatever works on them."""

    directory: Path = field(default_factory=lambda: state_folder().absolute() / "lab")
    network: Network = Network()

    @property
    def key(self) -> Path:
        """The private key that opens every lab host."""
        return self.directory / "id_ed25519"

    @property
    def archives(self) -> Path:
        """The .deb files that the hosts share."""
        return self.directory / "archives"

    def image(self, name: str) -> Path:
        """The root directory of an image."""
        return self.directory / "images" / name

    def host(self, name: str) -> Path:
        """Everything of one host."""
        return self.directory / "hosts" / name

    def known_hosts(self, name: str) -> Path:
        """The key of one host, in the form that ssh reads."""
        return self.host(name) / "known_hosts"

    def hosts(self) -> list[str]:
        """Names of the hosts that exist, sorted."""
        names = [path.parent.name for path in self.directory.glob("hosts/*/spec.json")]
        return sorted(name for name in names if not name.startswith("."))

    def read(self, name: str) -> HostSpec | None:
        """The specification that a host was made from, or None if there is no such host."""
        try:
            content = json.loads((self.host(name) / "spec.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return HostSpec(**content | {"ipv4": tuple(content["ipv4"]), "ipv6": tuple(content["ipv6"])})

    @contextmanager
    def locked(self, what: str) -> Iterator[None]:
        """Keep other processes and threads of this machine away; the kernel drops the lock."""
        locks = self.directory / "locks"
        locks.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(locks / what):
            yield


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a file's lock; the kernel drops that of a killed process."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def write_spec(directory: Path, spec: HostSpec) -> None:
    """Record the specification in a host's directory."""
    (directory / "spec.json").write_text(json.dumps(asdict(spec)), encoding="utf-8")
