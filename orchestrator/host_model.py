"""What a partner writes about where the node runs: `hosts` in `territory.yml`."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from orchestrator import fields
from orchestrator.fields import Part, Says

GIGABYTE = 10**9
SMALLEST, LARGEST = 10 * GIGABYTE, 10_240 * GIGABYTE  # of a volume, as Hetzner has them
Provider = Annotated[
    Literal["lab", "existing", "hcloud"],
    Says("must be lab (a container on this machine), existing (a machine reached by SSH) or hcloud (Hetzner Cloud)"),
]


def _volume(size: int) -> int:
    if size % GIGABYTE or not SMALLEST <= size <= LARGEST:
        raise PydanticCustomError("says", "must be whole gigabytes, from 10 GB to 10240 GB")
    return size


class Machine(Part):
    """A server to rent at Hetzner Cloud, and the volume that its data is on."""

    type: Annotated[
        str, StringConstraints(pattern=r"^[a-z]{2,4}[0-9]{2}$"), Says("must be a type of server, for example cx33")
    ] = Field(description="Type de serveur / type of server")
    location: Annotated[
        str, StringConstraints(pattern=r"^[a-z]{3}[0-9]?$"), Says("must be a location of theirs, for example nbg1")
    ] = Field(description="Lieu / location")
    volume: Annotated[fields.Size, AfterValidator(_volume)] = Field(
        description="Taille du volume des données / size of the volume for data"
    )

    @property
    def gigabytes(self) -> int:
        """The size of the volume."""
        return self.volume // GIGABYTE


class Address(Part):
    """Where a host is reached: one of the two at least."""

    ipv4: fields.Ipv4 | None = None
    ipv6: fields.Ipv6 | None = None

    @property
    def all(self) -> tuple[IPv4Address | IPv6Address, ...]:
        """The addresses that are given, IPv4 first."""
        return tuple(each for each in (self.ipv4, self.ipv6) if each is not None)


class Ssh(Part):
    """How an existing host is reached."""

    user: fields.SystemUser = Field(
        default="root", description="root, ou un compte avec sudo / root, or an account with sudo"
    )
    port: fields.PortNumber = 22
    host_key: fields.PublicKey | None = Field(
        default=None, description="Clé publique de l'hôte, épinglée / pinned host key"
    )


class Host(Part):
    """One Debian 13 machine."""

    name: fields.HostName
    provider: Provider
    address: Address = Field(Address(), description="hcloud : écrite par `provision` / written by it")
    disk: fields.Size | None = Field(default=None, description="Taille du disque, lab seulement / disk size, lab only")
    ssh: Ssh | None = Field(default=None, description="Accès SSH, sauf lab / SSH access, not of the lab")
    hcloud: Machine | None = Field(default=None, description="Le serveur à louer / the server to rent, hcloud only")
