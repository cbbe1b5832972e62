"""What a partner writes about the name server that takes their records: `dns` in `territory.yml`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from orchestrator import fields
from orchestrator.fields import Part, Says


class Publication(Part):
    """A primary name server that takes updates (RFC 2136), signed with a key that both share (TSIG, RFC 8945)."""

    server: fields.AnyAddress = Field(description="Adresse du serveur primaire / address of the primary server")
    port: fields.PortNumber = 53
    key: fields.Domain | fields.Label = Field(description="Nom de la clé TSIG / name of the TSIG key")
    algorithm: Annotated[
        Literal["hmac-sha256", "hmac-sha384", "hmac-sha512"], Says("must be hmac-sha256, hmac-sha384 or hmac-sha512")
    ] = "hmac-sha256"
