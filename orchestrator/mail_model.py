"""What a partner writes about mail in `territory.yml`."""

from __future__ import annotations

from pydantic import Field

from orchestrator import fields
from orchestrator.fields import Part


class Smarthost(Part):
    """Somebody else's server that takes our mail on to the world, for a host whose port 25 is closed."""

    host: fields.Domain
    port: fields.PortNumber = 587
    user: fields.Login
    spf: fields.Domain = Field(
        description="Nom dont le SPF du prestataire autorise l'envoi / the name that the provider's SPF record is at"
    )


class Mail(Part):
    """Mail for the territory's domain, and for others that entrust theirs to it, such as a club's."""

    domains: tuple[fields.Domain, ...] = Field(
        (), description="Autres domaines, d'un club par exemple / other domains, such as a club's"
    )
    aliases: dict[fields.MailOrDomain, tuple[fields.Mail, ...]] = Field(
        default={},
        description="Adresse partagée vers adresses ; @domaine pour toutes les autres / "
        "shared address to addresses; @domain for whatever has no other",
    )
    smarthost: Smarthost | None = None
