"""The public face of a territory, signed by it: the only thing that territories exchange.

A card is JSON: the fields of `Content`, and `signature`, in base64. The signature is Ed25519 (RFC 8032) over CONTEXT
and the other fields in canonical form (RFC 8785: sorted, no spaces; the fields hold no fractions). What is in a card
comes from somebody else: it is bounded and checked here, and escaped by whoever shows it.
"""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import date, timedelta
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Annotated, Any, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import AfterValidator, Field, StringConstraints, ValidationError
from pydantic_core import PydanticCustomError

from orchestrator import contract, fields
from orchestrator.errors import CardRefused, printable
from orchestrator.explain import explain
from orchestrator.fields import Part, Says
from orchestrator.files import UNWANTED, read_text
from orchestrator.model import Locale
from orchestrator.yamlfile import dotted

FORMAT = 1
CONTEXT = b"maillage card 1\n"
MOST_PROBES = 12
LARGEST = 8192  # bytes of a card's file
VALID = timedelta(days=400)
LARGEST_NUMBER = 2**53 - 1  # exact in every JSON reader (RFC 8259, section 6)


def _key(text: str) -> str:
    try:
        good = (
            len(base64.b64decode(text, validate=True)) == 32
            and base64.b64encode(base64.b64decode(text)).decode() == text
        )
    except ValueError:
        good = False
    if not good:
        raise PydanticCustomError("says", "must be a key: 32 bytes in base64")
    return text


def _day(text: str) -> str:
    try:
        date.fromisoformat(text)
    except ValueError:
        raise PydanticCustomError("says", "must be a day, for example 2027-03-01") from None
    return text


Key = Annotated[str, StringConstraints(max_length=44), AfterValidator(_key)]
Day = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), AfterValidator(_day)]
Number = Annotated[int, Field(strict=True, ge=0, le=LARGEST_NUMBER), Says("must be a whole number, 0 or more")]


class WireGuard(Part):
    """How peers reach the node's WireGuard; `address` is the one that it has inside the mesh."""

    key: Key
    address: fields.Ipv6
    ipv4: fields.Ipv4 | None = None
    ipv6: fields.Ipv6 | None = None
    port: fields.PortNumber

    @property
    def endpoints(self) -> frozenset[tuple[object, int]]:
        """Addresses and port, as they are reached from outside."""
        return frozenset((each, self.port) for each in (self.ipv4, self.ipv6) if each is not None)

    def reached_from(self, ipv4: bool) -> IPv4Address | IPv6Address | None:
        """The address that a peer sends to: of IPv4 where both have it, since that works from everywhere."""
        return self.ipv4 if self.ipv4 and (ipv4 or self.ipv6 is None) else self.ipv6


class Offers(Part):
    """What the territory does for its peers.

    Attributes:
        backup: the space that it keeps for each of them, in bytes.
        watches: whether it looks after them, and tells what it sees.
    """

    backup: Number = 0
    watches: Annotated[bool, Field(strict=True), Says("must be true or false")] = False


class Probe(Part):
    """One look from outside that the territory asks of its peers: what for, and at which of its names.

    `path` and `status` are those of `https`; the others have a fixed question (roles/monitoring).
    """

    kind: Annotated[contract.ProbeKind, Says("must be https, smtp, submissions, imaps or dns")]
    host: Annotated[str, StringConstraints(pattern=rf"^(@|{fields.LABEL})$")]
    path: Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9./_-]{0,99}$")] = "/"
    status: Annotated[int, Field(strict=True, ge=200, le=599)] = 200
    fr: fields.Text
    en: fields.Text


class Content(Part):
    """What a card says; the order of a card is its `serial`."""

    format: Annotated[Literal[1], Says("must be 1, the format that this version knows; a newer one reads newer cards")]
    mesh: fields.Label
    territory: fields.TerritoryName
    domain: fields.Domain
    partner: fields.Text
    contact: fields.Mail
    locale: Locale = "fr_FR"  # cards from before monitoring have none
    serial: Number
    issued: Day
    expires: Day
    leaves: Annotated[bool, Field(strict=True), Says("must be true or false")] = False
    key: Key
    wireguard: WireGuard
    offers: Offers
    probes: Annotated[dict[fields.Label, Probe], Field(default={}, max_length=MOST_PROBES)]


class Card(Content):
    """A card whose signature was found to be good by `parse`."""

    signature: str

    @property
    def fingerprint(self) -> str:
        """What two partners compare by voice: 30 digits, of the key that signs."""
        number = int.from_bytes(hashlib.sha256(base64.b64decode(self.key)).digest()) % 10**30
        digits = f"{number:030}"
        return " ".join(digits[start : start + 5] for start in range(0, 30, 5))


def address(mesh: str, territory: str) -> IPv6Address:
    """The address inside the mesh: a unique local prefix (RFC 4193) from the mesh's name, the rest from its own."""
    prefix = b"\xfd" + hashlib.sha256(f"maillage mesh {mesh}".encode()).digest()[:5]
    host = hashlib.sha256(f"maillage territory {territory}".encode()).digest()[:8]
    return IPv6Address(prefix + b"\0\0" + host)


def signed(content: Content, key: Ed25519PrivateKey) -> Card:
    """Sign; the content names the public half of the key."""
    body = content.model_dump(mode="json", exclude_none=True)
    return Card(**body, signature=base64.b64encode(key.sign(CONTEXT + _canonical(body))).decode())


def text(card: Card) -> str:
    """The card as it is kept and sent: what was signed, without fields that a later version has added."""
    said = card.model_dump(mode="json", exclude_unset=True)
    return json.dumps(said, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def read(path: Path) -> Card:
    """Read a card's file.

    Raises:
        CardRefused: it is no card, or not what its territory signed.
        InvalidInventory: it is no text file.
        FileNotFoundError: there is none.
    """
    return parse(read_text(path, LARGEST), str(path))


def parse(content: str, source: str) -> Card:
    """Read a card that somebody sent; `source` is what an error calls it.

    Raises:
        CardRefused: in one sentence.
    """
    source = printable(source)
    try:
        found = json.loads(content, object_pairs_hook=_once, parse_float=_no_fraction, parse_constant=_no_fraction)
        card = Card.model_validate(found)
    except ValidationError as error:
        location, sentence, _ = next(iter(explain(Card, error)))
        raise CardRefused(f"{source}: {printable(dotted(location)) or 'the card'}: {sentence}") from None
    except (ValueError, RecursionError) as error:
        reason = f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else printable(str(error))
        raise CardRefused(f"{source} is not a card ({reason}); ask for the file that `card export` writes") from None
    _verify(card, found, source)
    return card


def _verify(card: Card, found: dict[str, Any], source: str) -> None:
    refused = CardRefused(
        f"{source}: the signature is not that of {card.territory}'s key: the card was changed since; ask for it again"
    )
    body = {name: value for name, value in found.items() if name != "signature"}
    try:
        signature = base64.b64decode(card.signature, validate=True)
        Ed25519PublicKey.from_public_bytes(base64.b64decode(card.key)).verify(signature, CONTEXT + _canonical(body))
    except (InvalidSignature, ValueError):
        raise refused from None
    if card.wireguard.address != address(card.mesh, card.territory):
        raise CardRefused(f"{source}: wireguard.address is not the one that {card.territory}'s name leads to")


def _canonical(value: dict[str, Any]) -> bytes:
    """RFC 8785, for mappings with ASCII names and values that are text, whole numbers, yes or no, or such mappings."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A mapping whose names come once, and whose texts hold nothing that could steer a terminal."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands in it twice")
    if any(isinstance(each, str) and UNWANTED.search(each) for pair in pairs for each in pair):
        raise ValueError("a control or invisible character stands in it")
    return found


def _no_fraction(_text: str) -> None:
    raise ValueError("a number in it is not whole")
