"""What a partner writes of backups: `services.backup` in `territory.yml`."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from orchestrator import fields
from orchestrator.fields import Part, Says

DATA = "/srv/maillage"


SYSTEM = ("bin", "boot", "dev", "etc", "lib", "proc", "root", "run", "sbin", "sys", "tmp", "usr")


def _elsewhere(path: str) -> str:
    if ".." in path.split("/"):
        raise PydanticCustomError("says", "must be written without `..`")
    if path == DATA or path.startswith(f"{DATA}/"):
        raise PydanticCustomError("says", f"must be outside {DATA}: the place where another disk is mounted")
    if path.split("/")[1] in SYSTEM:
        raise PydanticCustomError("says", "is the system's own folder; write where another disk is mounted")
    return path


Folder = Annotated[
    str,
    StringConstraints(pattern=r"^(/[A-Za-z0-9._-]+){1,16}$", max_length=200),
    Says("must be a folder of the host, without spaces and without / at the end, for example /mnt/sauvegarde"),
    AfterValidator(_elsewhere),
]
TimeOfDay = Annotated[
    str,
    StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$"),
    Says('must be a time of day in quotes, for example "02:30"'),
]
Megabits = Annotated[int, Field(strict=True, ge=1, le=100_000), Says("must be a whole number of Mbit/s, 1 or more")]

Server = Annotated[
    str,
    StringConstraints(pattern=rf"^({fields.DOMAIN}|([0-9]{{1,3}}\.){{3}}[0-9]{{1,3}})$", max_length=200),
    Says("must be the server's name, for example bureau.example, or its IPv4 address"),
]
HostKey = Annotated[
    fields.PublicKey,
    Says('must be the server\'s public key, without its name in front and never a private one: "ssh-ed25519 AAAA…"'),
]
RemoteFolder = Annotated[
    str,
    StringConstraints(pattern=r"^/?[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*$", max_length=200),
    Says("must be a folder of that server, without spaces, `..` and / at the end, for example sauvegarde"),
]


class Sftp(Part):
    """A folder of a server of one's own, such as the partner's at the office."""

    host: Server
    port: fields.PortNumber = 22
    user: fields.SystemUser
    folder: RemoteFolder
    host_key: HostKey = Field(description="Clé publique du serveur, épinglée / pinned key of the server")


class Backup(Part):
    """A backup each night: to peers of the mesh, to a place of one's own, or both."""

    to: tuple[fields.TerritoryName, ...] = Field(
        (), description="Pairs ; omis : choisis d'après leurs cartes / peers; omitted: chosen by their cards"
    )
    own: Folder | None = Field(
        default=None, description="Dossier de l'hôte, sur un autre disque / folder of the host, on another disk"
    )
    sftp: Sftp | None = Field(
        default=None, description="Dossier d'un serveur à vous, par SFTP / folder of a server of yours, by SFTP"
    )
    at: TimeOfDay = Field(default="02:30", description="Heure, à une heure près / time of day, give or take an hour")
    upload: Megabits | None = Field(
        default=None, description="Part du débit montant, en Mbit/s / how much of the line it may take, in Mbit/s"
    )
