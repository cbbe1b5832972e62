"""A territory's key, shared so that some of its holders together can give it back (SLIP-39). Pure but for chance."""

from __future__ import annotations

import base64
from collections.abc import Iterable

from orchestrator.errors import SecretsError, UsageError

BITS = 256  # of a key
MOST = 16  # holders, by SLIP-39


def shares(key: str, needed: int, holders: int) -> list[str]:
    """One share for each holder, 33 words; any `needed` of them give the key, fewer say nothing about it.

    Raises:
        UsageError: these numbers make no sense.
        SecretsError: the key is not one that this program has made.
    """
    import shamir_mnemonic

    if not 2 <= needed <= holders <= MOST:
        raise UsageError(
            f"of {holders} holders {needed} cannot be needed: at least 2, at most all of them, at most {MOST}"
        )
    secret = _bytes(key)
    [made] = shamir_mnemonic.generate_mnemonics(1, [(needed, holders)], secret)
    found: list[str] = made
    for start in range(holders):  # whoever prints them must be able to rely on every one
        chosen = [found[(start + step) % holders] for step in range(needed)]
        if shamir_mnemonic.combine_mnemonics(chosen) != secret:
            raise SecretsError("the shares do not give the key back; nothing is printed")
    return found


def key_from(given: Iterable[str]) -> str:
    """The key, from as many shares as are needed.

    Raises:
        SecretsError: they are too few, mistyped, or of different sets; the library says which.
    """
    import shamir_mnemonic

    try:
        return _text(shamir_mnemonic.combine_mnemonics([" ".join(each.split()).lower() for each in given]))
    except shamir_mnemonic.MnemonicError as error:
        raise SecretsError(f"these shares do not give the key: {error}") from None


def _bytes(key: str) -> bytes:
    try:
        secret = base64.urlsafe_b64decode(f"{key}=")
    except ValueError:
        secret = b""
    if len(secret) * 8 != BITS or _text(secret) != key:
        raise SecretsError(
            "this key was not made by `init`, `credentials` or `rekey`; `rekey` makes one that can be shared"
        )
    return secret


def _text(secret: bytes) -> str:
    """As `keys.create` writes it."""
    return base64.urlsafe_b64encode(secret).decode().rstrip("=")
