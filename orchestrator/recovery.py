"""A territory's key, shared so that some of its holders together can give it back (SLIP-39). Pure but for chance."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from orchestrator.errors import SecretsError, UsageError, printable
from orchestrator.explain import closest

if TYPE_CHECKING:
    from shamir_mnemonic.share import Share

BITS = 256  # of a key
MOST = 16  # holders, by SLIP-39
WORDS = 33  # of a share


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
    """The key, from as many shares as are needed, or more; numbers may stand before the words, as on the sheets.

    Raises:
        SecretsError: they are too few, mistyped, or of different sets; says which.
    """
    import shamir_mnemonic

    found = [_read(f"sheet {number}", text) for number, text in enumerate(given, 1)]
    if len({share.identifier for share in found}) > 1:
        raise SecretsError(
            "these sheets are not all of one printing: see the day on them, and take those of the last one"
        )
    different = list({share.index: share for share in found}.values())
    needed = different[0].member_threshold
    if len(different) < needed:
        raise SecretsError(f"{len(different)} of the sheets do not give the key: {needed} different ones are needed")
    try:
        return _text(shamir_mnemonic.combine_mnemonics([share.mnemonic() for share in different[:needed]]))
    except shamir_mnemonic.MnemonicError as error:
        raise SecretsError(f"these sheets do not give the key: {error}") from None


def _read(name: str, text: str) -> Share:
    from shamir_mnemonic import MnemonicError
    from shamir_mnemonic.share import Share
    from shamir_mnemonic.wordlist import WORDLIST

    numbered = sorted((int(number), word) for number, word in re.findall(r"([0-9]+)[.)]?\s+([a-z]+)", text.lower()))
    words = [word for _, word in numbered] if len(numbered) == WORDS else re.findall(r"[^\W\d_]+", text.lower())
    if unknown := [word for word in words if word not in WORDLIST]:
        raise SecretsError(f"{name}: {printable(unknown[0])!r} is none of the words; {closest(unknown[0], WORDLIST)}")
    if len(words) != WORDS:
        raise SecretsError(f"{name}: there are {len(words)} words, a sheet has {WORDS}")
    try:
        return Share.from_mnemonic(" ".join(words))
    except MnemonicError:
        raise SecretsError(f"{name}: a word is not the one on the sheet, or two have changed places") from None


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
