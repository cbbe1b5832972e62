"""The types of the fields that a partner writes, each with the one sentence that says how to write it.

The sentence stands in pydantic's compiled schema, so that checking costs no Python call; it never repeats the value.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    PlainValidator,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

UNITS = {"MB": 10**6, "GB": 10**9, "TB": 10**12}

LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"  # RFC 1123
DOMAIN = rf"({LABEL}\.)+[a-z]([a-z0-9-]{{0,61}}[a-z0-9])?"
_SIZE = r"^([1-9][0-9]{0,3}) ?(MB|GB|TB)$"
_IPV4, _IPV6 = ({"type": "string", "format": kind} for kind in ("ipv4", "ipv6"))
LOGIN_NAME = r"[a-z][a-z0-9]*([._-][a-z0-9]+)*"
_LOCAL_PART = r"[a-z0-9_][a-z0-9_+-]*(\.[a-z0-9_+-]+)*"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# RFC 2142, system accounts, and the names under which a node itself logs in or answers.
RESERVED_SUBSCRIBERS = _words("""
    abuse admin administrateur administrator backup bin cloud contact daemon directory dmarc dns files_external ftp
    hostmaster index.html info localhost mail mailer-daemon maillage news nextcloud nextcloud.log nobody noc no-reply
    noreply operator postgres postmaster radicale redis root security ssl subscribers support sync sys sysadmin tlsrpt
    usenet user uucp verify verify2 vmail webmaster www www-data
""")
# Ansible's groups, this project's own, folders beside the territories in a mesh, and MAILLAGE_KEY_COMMAND.
RESERVED_TERRITORIES = _words("all cards command internet lab lab-internet localhost nodes schema ungrouped")
# What services answer to below the territory's domain.
RESERVED_HOSTS = _words(
    "autoconfig autodiscover cloud imap internet localhost mail mta-sts ns ns1 ns2 pop smtp webmail www"
)


class Part(BaseModel):
    """A mapping of a partner's file: no unknown key, never changed, its values in no error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


@dataclass(frozen=True)
class Says:
    """Replaces whatever pydantic would say about a field by one sentence for the partner."""

    sentence: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401
        """Wrap the field's schema; the sentence is used as it stands."""
        return core_schema.custom_error_schema(
            handler(source), custom_error_type="says", custom_error_message=self.sentence
        )


def _not_reserved(names: frozenset[str]) -> AfterValidator:
    def check(name: str) -> str:
        if name in names:
            raise PydanticCustomError("says", "this name is reserved; choose another one")
        return name

    return AfterValidator(check)


def said(value: object) -> object:
    """Refuse a name with nothing after it: whoever wrote it did not mean nothing."""
    if value is None:
        raise PydanticCustomError(
            "says", "has nothing after it: write {} for a service as it comes, or remove the line"
        )
    return value


def _bytes(text: object) -> int:
    match = re.fullmatch(_SIZE, text) if isinstance(text, str) else None
    if match is None:
        raise ValueError
    return int(match[1]) * UNITS[match[2]]


def _public_key(text: str) -> str:
    kind, encoded = text.split(" ")[:2]
    try:
        blob = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        blob = b""
    if blob[:4] != len(kind).to_bytes(4) or not blob[4:].startswith(kind.encode()) or len(blob) < 40:
        raise PydanticCustomError(
            "says", "this public key is damaged or cut short; copy the whole line of the .pub file"
        )
    return text


def _address(
    text: object, kinds: tuple[type[IPv4Address | IPv6Address], ...], example: str
) -> IPv4Address | IPv6Address:
    try:
        address = ip_address(text) if isinstance(text, str) else None
    except ValueError:
        address = None
    if not isinstance(address, kinds):
        raise PydanticCustomError("says", f"must be an address such as {example}, in quotes")
    if (
        address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_unspecified
        or (isinstance(address, IPv6Address) and (address.scope_id or address.ipv4_mapped))
        or (isinstance(address, IPv4Address) and (address.is_reserved or int(address) < 1 << 24))
    ):
        raise PydanticCustomError("says", "no other machine can reach this address; write the host's own address")
    return address


def _ipv4(text: object) -> IPv4Address | IPv6Address:
    return _address(text, (IPv4Address,), "203.0.113.7")


def _ipv6(text: object) -> IPv4Address | IPv6Address:
    return _address(text, (IPv6Address,), "2001:db8::7")


def _ipv4_or_ipv6(text: object) -> IPv4Address | IPv6Address:
    return _address(text, (IPv4Address, IPv6Address), "203.0.113.7 or 2001:db8::7")


Text = Annotated[
    str,
    StringConstraints(pattern=r"^[^\s{}]([^{}\t\r\n]{0,98}[^\s{}])?$"),
    Says("must be one line of text of at most 100 characters, without braces { }"),
]
Login = Annotated[
    str,
    StringConstraints(pattern=r"^[^\s:{}]{1,100}$"),
    Says("must be a login of at most 100 characters, without spaces, colons and braces"),
]
Label = Annotated[
    str,
    StringConstraints(pattern=rf"^{LABEL}$"),
    Says("must be a name of lowercase letters, digits and hyphens (RFC 1123), for example essentiel"),
]
AppName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$"),
    Says("must be an app's own name of lowercase letters, digits and underscores, for example calendar"),
]
TerritoryName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$"),
    Says("must be lowercase letters, digits and hyphens, a letter first (RFC 1123), for example calvados"),
    _not_reserved(RESERVED_TERRITORIES),
]
HostName = Annotated[
    str,
    StringConstraints(pattern=rf"^{LABEL}$"),
    Says("must be one label of lowercase letters, digits and hyphens (RFC 1123), for example caen"),
    _not_reserved(RESERVED_HOSTS),
]
Domain = Annotated[
    str,
    StringConstraints(pattern=rf"^{DOMAIN}$", max_length=200),  # room for the names below it
    Says("must be a domain name in lowercase, for example calvados.example (xn--… for accented letters)"),
]
Mail = Annotated[
    str,
    StringConstraints(pattern=rf"^{_LOCAL_PART}@{DOMAIN}$", max_length=254),
    Says("must be a mail address in lowercase, for example prenom.nom@calvados.example"),
]
MailOrDomain = Annotated[
    str,
    StringConstraints(pattern=rf"^({_LOCAL_PART})?@{DOMAIN}$", max_length=254),
    Says("must be a mail address in lowercase, or @ and a domain for every address that is nobody's"),
]
SubscriberName = Annotated[
    str,
    StringConstraints(pattern=rf"^{LOGIN_NAME}$", max_length=32),
    Says("must be 1 to 32 lowercase letters and digits, a letter first, with single . _ - between them"),
    _not_reserved(RESERVED_SUBSCRIBERS),
]
Size = Annotated[
    int,
    PlainValidator(_bytes),
    Says('must be a number and MB, GB or TB, for example "10 GB"'),
    WithJsonSchema({"type": "string", "pattern": _SIZE, "examples": ["10 GB"]}),
]
Price = Annotated[
    Decimal,
    Field(ge=0, max_digits=8, decimal_places=2),
    Says("must be a number of euros a month, for example 3.00"),
    WithJsonSchema({"type": "number", "minimum": 0}),
]
Mailboxes = Annotated[int, Field(strict=True, ge=0, le=1000), Says("must be a whole number from 0 to 1000")]
PortNumber = Annotated[int, Field(strict=True, ge=1, le=65535), Says("must be a port number from 1 to 65535")]
Ipv4 = Annotated[IPv4Address, PlainValidator(_ipv4), WithJsonSchema(_IPV4)]
Ipv6 = Annotated[IPv6Address, PlainValidator(_ipv6), WithJsonSchema(_IPV6)]
AnyAddress = Annotated[
    IPv4Address | IPv6Address, PlainValidator(_ipv4_or_ipv6), WithJsonSchema({"anyOf": [_IPV4, _IPV6]})
]
SystemUser = Annotated[
    str, StringConstraints(pattern=r"^[a-z_][a-z0-9_-]{0,31}$"), Says("must be a system account, for example root")
]
PublicKey = Annotated[
    str,
    StringConstraints(
        pattern=r"^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-[a-z0-9-]+@openssh\.com)"
        r" [A-Za-z0-9+/]+={0,3}( [A-Za-z0-9@._+-]{1,100})?$",
        max_length=2000,
    ),
    Says('must be one line of a .pub file, for example "ssh-ed25519 AAAA… name"; never a private key'),
    AfterValidator(_public_key),
]
HttpsUrl = Annotated[
    str,
    StringConstraints(pattern=rf"^https://{DOMAIN}(:[0-9]{{1,5}})?(/[A-Za-z0-9._~/-]*)?$", max_length=200),
    Says("must be an https:// address, for example https://acme-v02.api.letsencrypt.org/directory"),
]
