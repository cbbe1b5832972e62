"""The keys of a territory's mail, and what the zone says of them: DKIM (RFC 6376, 8463) and TLSA (RFC 6698). Pure.

Each secret is a ring, as JSON: `current` is in use; `next` is in the zone already, so that it can come into use at any
moment; `previous` are out of use and stay in the zone until nothing made with them can be on its way any more.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from orchestrator.errors import UsageError

SAFE_AFTER = timedelta(days=8)  # Postfix tries for five days; resolvers keep a record for an hour
RSA_BITS = 2048
STRING = 255  # bytes in one string of a TXT record (RFC 1035)

Key = Mapping[str, Any]


@dataclass(frozen=True)
class Published:
    """What the zone says of the keys.

    Attributes:
        dkim: data of a TXT record by selector.
        tlsa: data of TLSA records.
    """

    dkim: Mapping[str, str]
    tlsa: tuple[str, ...]


def dkim_ring() -> str:
    """The first two pairs of an RSA and an Ed25519 key that sign mail."""
    return _ring(_dkim_key)


def tls_ring() -> str:
    """The first two keys of the certificate."""
    return _ring(_tls_key)


def dkim_renewed(ring: str, today: date) -> str:
    """The ring once the next pair is in use; see `_renewed`."""
    return _renewed(ring, _dkim_key, today)


def tls_renewed(ring: str, today: date) -> str:
    """The ring once the next key is in use; see `_renewed`."""
    return _renewed(ring, _tls_key, today)


def selectors(number: int) -> dict[str, str]:
    """The names in the zone of one pair, by kind of key."""
    return {"rsa": f"rsa{number}", "ed25519": f"ed{number}"}


def published(dkim: str, tls: str) -> Published:
    """What the zone says of both rings."""
    records = {}
    for key in _keys(dkim):
        for kind, selector in selectors(key["number"]).items():
            records[selector] = _dkim_record(kind, _public(kind, key[kind]))
    return Published(records, tuple(_tlsa(key["ec"]) for key in _keys(tls)))


def dkim_record(pem: str) -> str:
    """What the zone says of one RSA key (PEM) that signs mail."""
    return _dkim_record("rsa", _der(pem))


def _ring(make: Callable[[int], Key]) -> str:
    return json.dumps({"current": make(1), "next": make(2), "previous": []})


def _renewed(ring: str, make: Callable[[int], Key], today: date) -> str:
    """Take the next key into use and make another one; drop those that have been out of use for long enough.

    Raises:
        UsageError: this was done today already; others cannot know the key that would come into use.
    """
    old = json.loads(ring)
    if old["previous"] and old["previous"][-1]["until"] == today.isoformat():
        raise UsageError(
            "these keys were renewed today already: publish what `dns` shows now, so that others know the next ones; "
            "from tomorrow on they can be renewed again"
        )
    retired = [*old["previous"], {**old["current"], "until": today.isoformat()}]
    return json.dumps(
        {
            "current": old["next"],
            "next": make(old["next"]["number"] + 1),
            "previous": [key for key in retired if today - date.fromisoformat(key["until"]) < SAFE_AFTER],
        }
    )


def _keys(ring: str) -> Iterable[Key]:
    content = json.loads(ring)
    return [*content["previous"], content["current"], content["next"]]


def _dkim_key(number: int) -> Key:
    """One pair: `number`, `rsa` (PEM) and `ed25519` (its 32 bytes in base64): the forms that Rspamd reads."""
    seed = ed25519.Ed25519PrivateKey.generate().private_bytes_raw()
    key = rsa.generate_private_key(65537, RSA_BITS)
    return {"number": number, "rsa": _pem(key), "ed25519": base64.b64encode(seed).decode()}


def _tls_key(number: int) -> Key:
    return {"number": number, "ec": _pem(ec.generate_private_key(ec.SECP256R1()))}


def _pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode()


def _public(kind: str, text: str) -> bytes:
    """The public half of a key that signs: DER for RSA, 32 bytes for Ed25519."""
    if kind == "rsa":
        return _der(text)
    return ed25519.Ed25519PrivateKey.from_private_bytes(base64.b64decode(text)).public_key().public_bytes_raw()


def _der(pem: str) -> bytes:
    # Keys of our own making: testing each time whether their numbers are prime costs 50 ms.
    public = serialization.load_pem_private_key(pem.encode(), None, unsafe_skip_rsa_key_validation=True).public_key()
    return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _dkim_record(kind: str, public: bytes) -> str:
    text = f"v=DKIM1; k={kind}; p={base64.b64encode(public).decode()}"
    return " ".join(f'"{text[start : start + STRING]}"' for start in range(0, len(text), STRING))


def _tlsa(pem: str) -> str:
    return f"3 1 1 {hashlib.sha256(_der(pem)).hexdigest()}"
