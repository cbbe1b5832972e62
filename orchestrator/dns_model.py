"""What a partner writes about who takes their records: `dns` in `territory.yml`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from orchestrator import fields
from orchestrator.fields import Part, Says


class Publication(Part):
    """Where the zones are: at Hetzner, in the project of the token; or on a server that takes updates (RFC 2136).

    The latter is the primary one; the updates are signed with a key that both share (TSIG, RFC 8945).
    """

    provider: Annotated[
        Literal["hcloud", "rfc2136"], Says("must be hcloud (Hetzner) or rfc2136 (a server that takes updates)")
    ] = "rfc2136"
    server: fields.AnyAddress | None = Field(
        None, description="Adresse du serveur primaire / address of the primary server, rfc2136 only"
    )
    port: fields.PortNumber = 53
    key: fields.Domain | fields.Label | None = Field(
        None, description="Nom de la clé TSIG / name of the TSIG key, rfc2136 only"
    )
    algorithm: Annotated[
        Literal["hmac-sha256", "hmac-sha384", "hmac-sha512"], Says("must be hmac-sha256, hmac-sha384 or hmac-sha512")
    ] = "hmac-sha256"
