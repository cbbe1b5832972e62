"""Password hashes as slapd makes them, through the library that slapd itself uses: no password leaves this process."""

from __future__ import annotations

import ctypes
import os

from maillage.command import NodeError

FOR_PEOPLE = (5, 7168, 1)  # passes, KiB, lanes: slapd's own
FOR_MACHINES = (1, 64, 1)  # long random passwords need no slowness, and services log in all the time
SALT, LENGTH, ENCODED = 16, 32, 200
SCHEME = "{ARGON2}"


def library() -> ctypes.CDLL:
    """Load the library, its functions declared."""
    try:
        found = ctypes.CDLL("libargon2.so.1")
    except OSError:
        raise NodeError(
            "libargon2 is not on this host, which slapd brings along: is the package slapd installed?"
        ) from None
    number, size, text = ctypes.c_uint32, ctypes.c_size_t, ctypes.c_char_p
    found.argon2id_hash_encoded.argtypes = [number, number, number, text, size, text, size, size, text, size]
    found.argon2id_verify.argtypes = [text, text, size]
    return found


def hashed(passwords: list[tuple[str, tuple[int, int, int]]]) -> list[str]:
    """Hash passwords, each with its cost (FOR_PEOPLE or FOR_MACHINES), on every processor at once."""
    if not passwords:
        return []
    from concurrent.futures import ThreadPoolExecutor

    argon2 = library()

    def one(given: tuple[str, tuple[int, int, int]]) -> str:
        data, salt, encoded = given[0].encode(), os.urandom(SALT), ctypes.create_string_buffer(ENCODED)
        code = argon2.argon2id_hash_encoded(*given[1], data, len(data), salt, SALT, LENGTH, encoded, ENCODED)
        if code:
            raise NodeError(f"libargon2 could not hash a password (its code {code}): is there memory left?")
        return SCHEME + encoded.value.decode()

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(one, passwords))


def agrees(stored: list[str], password: str) -> bool:
    """Say whether a password is the one behind a stored hash; a hash of another kind counts as no."""
    data = password.encode()
    return any(
        value.startswith(SCHEME)
        and library().argon2id_verify(value.removeprefix(SCHEME).encode(), data, len(data)) == 0
        for value in stored
    )
