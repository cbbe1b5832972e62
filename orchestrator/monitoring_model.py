"""What a partner writes of monitoring: `services.monitoring` in `territory.yml`."""

from __future__ import annotations

from pydantic import Field

from orchestrator import fields
from orchestrator.fields import Part


class Monitoring(Part):
    """The node watches itself, and tells the partner's contact by mail what is wrong."""

    blacklists: tuple[fields.Domain, ...] = Field(
        ("zen.spamhaus.org", "bl.spamcop.net", "b.barracudacentral.org"),
        description="Listes noires (DNSBL) où l'adresse est cherchée ; [] : aucune / blacklists; []: none",
    )
