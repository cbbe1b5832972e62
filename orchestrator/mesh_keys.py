"""The keys that a territory is known by in the mesh; as secrets they are the private 32 bytes in base64."""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey


def signing() -> str:
    """A new key that signs cards."""
    return _encoded(Ed25519PrivateKey.generate().private_bytes_raw())


def wireguard() -> str:
    """A new key of WireGuard's."""
    return _encoded(X25519PrivateKey.generate().private_bytes_raw())


def opened_signing(secret: str) -> Ed25519PrivateKey:
    """The key itself."""
    return Ed25519PrivateKey.from_private_bytes(base64.b64decode(secret))


def public_signing(secret: str) -> str:
    """Its public half, in base64."""
    return _encoded(opened_signing(secret).public_key().public_bytes_raw())


def public_wireguard(secret: str) -> str:
    """The public half of a key of WireGuard's, in base64."""
    return _encoded(X25519PrivateKey.from_private_bytes(base64.b64decode(secret)).public_key().public_bytes_raw())


def _encoded(key: bytes) -> str:
    return base64.b64encode(key).decode()
