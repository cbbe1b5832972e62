"""The names of the collections that a verification makes, by which a later one knows what an earlier one left."""

from __future__ import annotations

import os
import re
import socket
import time
import uuid
import zlib

LONGEST_RUN = 900  # seconds: no verification lives longer
_NAME = re.compile(r"maillage-verify-(?P<machine>[0-9a-f]{8})-(?P<process>\d+)-(?P<time>\d+)-[a-z0-9]+")


def name(kind: str) -> str:
    """A collection's name that says who made it and when; `kind` keeps those of one run apart."""
    return f"maillage-verify-{_machine()}-{os.getpid()}-{int(time.time())}-{kind}"


def is_abandoned(collection: str) -> bool:
    """Whether a run that is over made this collection.

    Another run may be going on right now, from another machine or this one: what it works with is left alone.
    """
    made = _NAME.fullmatch(collection)
    if made is None:
        return False
    if time.time() - int(made["time"]) > LONGEST_RUN:
        return True
    return made["machine"] == _machine() and not _lives(int(made["process"]))


def _machine() -> str:
    # A checksum: the node has no business knowing this machine's name.
    return f"{zlib.crc32(f'{uuid.getnode()} {socket.gethostname()}'.encode()):08x}"


def _lives(process: int) -> bool:
    if process == os.getpid():
        return False  # an earlier process had our number: ours has made nothing yet when it looks
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
