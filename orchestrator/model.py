"""What a partner writes: `territory.yml`, `subscriptions.yml`, and the names in `secrets.yml`.

Only what one file can say by itself is checked here; `checks` compares fields and territories with each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from orchestrator import fields, lab_world
from orchestrator.backup_model import Backup
from orchestrator.dns_model import Publication
from orchestrator.fields import Part, Says
from orchestrator.host_model import Host
from orchestrator.mail_model import Mail
from orchestrator.monitoring_model import Monitoring

Engine = Annotated[
    Literal["nextcloud", "radicale"],
    Says("must be nextcloud (files, photos, contacts and calendar) or radicale (contacts and calendar)"),
]
Locale = Annotated[Literal["fr_FR", "en_GB"], Says("must be fr_FR or en_GB")]
State = Annotated[Literal["active", "suspended"], Says("must be active or suspended")]


class Partner(Part):
    """Who runs the territory."""

    name: fields.Text = Field(description="Nom affiché aux abonnés / name shown to subscribers")
    contact: fields.Mail = Field(
        description="Adresse hors du domaine du territoire / outside the territory's own domain"
    )
    locale: Locale = "fr_FR"
    ssh_keys: tuple[fields.PublicKey, ...] = Field(
        (), description="Clés publiques admises sur l'hôte / public keys let in"
    )


class Cloud(Part):
    """Files, contacts and calendar."""

    engine: Engine | None = Field(
        default=None,
        description="Omis, au labo seulement : nextcloud si son archive peut être eue, sinon radicale / "
        "omitted, in the lab only: nextcloud if its archive can be had, else radicale",
    )
    default_plan: fields.Label = Field(description="Formule des nouveaux abonnés / plan of new subscribers")
    apps: tuple[fields.AppName, ...] = Field(
        (), description="Applications de la boutique, nextcloud seulement / apps from the app store, nextcloud only"
    )


class Services(Part):
    """What the territory offers; a service that is not named is off."""

    cloud: Annotated[Cloud | None, BeforeValidator(fields.said)] = None
    mail: Annotated[Mail | None, BeforeValidator(fields.said)] = None
    backup: Annotated[Backup | None, BeforeValidator(fields.said)] = None
    monitoring: Annotated[Monitoring | None, BeforeValidator(fields.said)] = None


class Plan(Part):
    """What a subscriber pays for."""

    quota: fields.Size = Field(description="Espace par abonné / space per subscriber")
    mail_quota: fields.Size | None = Field(default=None, description="Taille de la boîte aux lettres / mailbox size")
    mailboxes: fields.Mailboxes = 1
    price: fields.Price = Field(description="Euros par mois / euros a month")


class Acme(Part):
    """The certificate authority, when it is not the default one."""

    directory: fields.HttpsUrl


class Resolver(Part):
    """DNS servers to ask, when the host cannot ask the root servers itself."""

    forwarders: tuple[fields.AnyAddress, ...] = ()


MeshName = Annotated[
    str,
    StringConstraints(pattern=rf"^{fields.LABEL}$"),
    Says("must be a name of lowercase letters, digits and hyphens (RFC 1123), for example normandie"),
]


class Membership(Part):
    """The mesh that the territory belongs to: its nodes keep each other's backups."""

    name: MeshName = Field(description="Le même chez tous ses membres / the same at all of its members")
    keeps: fields.Size | None = Field(
        default=None, description="Espace gardé pour chaque pair / space that is kept for each peer"
    )


def _one(hosts: tuple[Host, ...]) -> tuple[Host, ...]:
    # Not a length of pydantic's: it would also speak up whenever the entry itself is wrong.
    if len(hosts) != 1:
        raise PydanticCustomError("says", "must have exactly one host for now")
    return hosts


class Territory(Part):
    """`territory.yml`."""

    territory: fields.TerritoryName
    domain: fields.Domain
    partner: Partner
    hosts: Annotated[tuple[Host, ...], AfterValidator(_one), Field(json_schema_extra={"minItems": 1, "maxItems": 1})]
    services: Services
    plans: dict[fields.Label, Plan] = Field(default={}, description="Formules proposées / plans on offer")
    mesh: Membership | None = None
    dns: Publication | None = None
    acme: Acme | None = None
    resolver: Resolver | None = None

    @property
    def name(self) -> str:
        """The territory's name."""
        return self.territory

    @property
    def host(self) -> Host:
        """The host; there is one for now."""
        return self.hosts[0]

    @property
    def is_lab(self) -> bool:
        """Whether the territory lives in the lab: on one of its hosts, or on another one by a name of the lab's."""
        return self.host.provider == "lab" or self.domain.endswith(f".{lab_world.TERRITORIES}")

    @property
    def engine(self) -> str | None:
        """What serves the cloud, None where there is no cloud; one that is left open is decided by `engines` first."""
        cloud = self.services.cloud
        if cloud is not None and cloud.engine is None:
            raise ValueError(f"{self.name}: the engine is not decided yet")
        return cloud.engine if cloud else None

    @property
    def mail_domains(self) -> tuple[str, ...]:
        """The domains whose mail is kept here, the territory's own first; none without mail."""
        return (self.domain, *self.services.mail.domains) if self.services.mail else ()

    def with_engine(self, engine: str) -> Territory:
        """The same territory with a decided engine."""
        cloud = self.services.cloud
        if cloud is None:
            raise ValueError(f"{self.name}: has no cloud")
        chosen = {"cloud": cloud.model_copy(update={"engine": engine})}
        return self.model_copy(update={"services": self.services.model_copy(update=chosen)})


class Subscriber(Part):
    """A person, family, club or small firm with an account."""

    name: fields.Text
    mail: fields.Mail
    plan: fields.Label
    member_of: fields.SubscriberName | None = Field(
        default=None, description="Qui paie la formule commune / who pays for the plan that they share"
    )
    aliases: tuple[fields.Mail, ...] = Field((), description="Autres adresses / other addresses")
    state: State = "active"


class Subscriptions(Part):
    """`subscriptions.yml`."""

    subscribers: dict[fields.SubscriberName, Subscriber] = Field(default={})


@dataclass(frozen=True)
class Node:
    """A territory and what stands beside it in its folder of the mesh.

    Attributes:
        folder: <mesh>/<territory>.
    """

    folder: Path
    territory: Territory
    subscriptions: Subscriptions

    @property
    def name(self) -> str:
        """The territory's name."""
        return self.territory.territory


@dataclass(frozen=True)
class Release:
    """An archive of Nextcloud on this machine, checked.

    Attributes:
        version: such as 32.0.1.
        path: the archive.
        sha256: its checksum.
        proof: what showed that it is the official one: signature, checksum, or none.
    """

    version: str
    path: str
    sha256: str
    proof: str
