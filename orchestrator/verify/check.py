"""What one check is, and how whatever it met becomes one short, clean sentence."""

from __future__ import annotations

import base64
import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote

LONGEST_SENTENCE = 200  # characters: what is seen may come from a server that says anything


@dataclass(frozen=True)
class Check:
    """What was seen of one thing that a subscriber relies on.

    Attributes:
        name: what was looked at.
        ok: it was seen to be right; False as well when it was skipped, since nothing was seen then.
        seen: one short sentence of what was really seen.
        seconds: how long it took.
        skipped: why it cannot be looked at from here, or None.
    """

    name: str
    ok: bool
    seen: str
    seconds: float
    skipped: str | None = None

    @property
    def failed(self) -> bool:
        """It was looked at and was not right."""
        return not self.ok and self.skipped is None

    def __str__(self) -> str:
        word = "ok  " if self.ok else "FAIL" if self.failed else "skip"
        return f"{word} {self.name}: {self.skipped or self.seen}"


@dataclass(frozen=True)
class Step:
    """One thing to look at.

    Attributes:
        name: what it is, for the partner.
        look: returns what was seen when it is right; raises CheckFailedError, CheckSkippedError or anything else.
    """

    name: str
    look: Callable[[], str]


class CheckFailedError(Exception):
    """The node did something else than it should; the message says what was seen."""


class CheckSkippedError(Exception):
    """This cannot be looked at from here; the message says why."""


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error, then what it was raised from, down to the first."""
    current: BaseException | None = error
    while current is not None:
        yield current
        current = current.__cause__ or current.__context__


def sentence(error: BaseException) -> str:
    """Say what went wrong as the person who reads it would, whichever library met it."""
    for cause in causes(error):
        if isinstance(cause, CheckFailedError):
            return str(cause)
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"certificate refused: {cause.verify_message}"
        if isinstance(cause, ConnectionRefusedError):
            return "connection refused"
        if isinstance(cause, ConnectionResetError):
            return "connection reset"
        if isinstance(cause, TimeoutError) or type(cause).__name__.endswith(("Timeout", "TimeoutError")):
            return "no answer in time"
        if isinstance(cause, ssl.SSLError):
            return f"TLS failed: {(getattr(cause, 'reason', None) or 'connection closed').lower().replace('_', ' ')}"
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror.lower() + (f": {cause.filename}" if cause.filename else "")
    return f"{type(error).__name__}: {error}"


@contextmanager
def stage(doing: str) -> Iterator[None]:
    """Put before whatever goes wrong in the block what was being done.

    Raises:
        CheckFailedError: something went wrong.
    """
    try:
        yield
    except Exception as error:
        raise CheckFailedError(f"{doing}: {sentence(error)}") from error


def cleaner(user: str, password: str) -> Callable[[str], str]:
    """Make the function that every sentence goes through: no password in any spelling, one line, bounded."""
    credentials = base64.b64encode(f"{user}:{password}".encode()).decode()
    spellings = sorted({password, quote(password), quote(password, safe=""), credentials} - {""}, key=len, reverse=True)

    def clean(text: str) -> str:
        for spelling in spellings:
            text = text.replace(spelling, "********")
        text = re.sub(r"[\x00-\x1f\x7f-\x9f\s]+", " ", text).strip()
        return text if len(text) <= LONGEST_SENTENCE else text[: LONGEST_SENTENCE - 1] + "…"

    return clean
