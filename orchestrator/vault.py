"""Single values in the format of ansible-vault, so that Ansible and `ansible-vault` read them and we read theirs.

The format is Ansible's 1.1 and 1.2 (the latter names the key): PBKDF2-HMAC-SHA256 derives from key and salt an AES-256
key, an HMAC key and a counter; AES-CTR encrypts, HMAC-SHA256 signs. Done here with `cryptography`, which Ansible uses
too, because importing Ansible's own reader costs more than everything else a command does.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from binascii import Error as NotHexadecimal
from binascii import hexlify, unhexlify

from pydantic import SecretStr

from orchestrator.errors import SecretsError

CIPHERTEXT = re.compile(r"\$ANSIBLE_VAULT;1\.(1;AES256|2;AES256;[\w.-]+)\s*\n([0-9a-f]{1,80}\n)*[0-9a-f]{1,80}\n?")
_ITERATIONS = 10_000  # part of the format
_BLOCK = 128


def encrypt(value: str, key: SecretStr, label: str) -> str:
    """Encrypt one value.

    Args:
        value: the secret.
        key: the territory's key.
        label: the territory; Ansible then asks for that key and no other.

    Returns:
        The ciphertext, in lines of 80 characters.
    """
    from cryptography.hazmat.primitives.padding import PKCS7

    salt = secrets.token_bytes(32)
    signing_key, cipher = _derive(key, salt)
    padder = PKCS7(_BLOCK).padder()
    encrypted = _transform(cipher, padder.update(value.encode()) + padder.finalize())
    signature = hmac.digest(signing_key, encrypted, "sha256")
    body = hexlify(b"\n".join(map(hexlify, (salt, signature, encrypted)))).decode()
    lines = [body[start : start + 80] for start in range(0, len(body), 80)]
    return "\n".join([f"$ANSIBLE_VAULT;1.2;AES256;{label}", *lines, ""])


def decrypt(ciphertext: str, key: SecretStr) -> SecretStr:
    """Decrypt one value.

    Raises:
        SecretsError: the key is another one, or the value is damaged.
    """
    from cryptography.hazmat.primitives.padding import PKCS7

    salt, signature, encrypted = _parts(ciphertext)
    signing_key, cipher = _derive(key, salt)
    if not hmac.compare_digest(signature, hmac.digest(signing_key, encrypted, "sha256")):
        raise SecretsError("the key does not open the value; it is the key of another territory, or an old one")
    unpadder = PKCS7(_BLOCK).unpadder()
    return SecretStr((unpadder.update(_transform(cipher, encrypted)) + unpadder.finalize()).decode())


def is_whole(ciphertext: str) -> bool:
    """Whether a value has the format, as far as that can be told without its key."""
    try:
        salt, signature, encrypted = _parts(ciphertext)
    except SecretsError:
        return False
    return CIPHERTEXT.fullmatch(ciphertext) is not None and len(salt) == len(signature) == 32 and bool(encrypted)


def _parts(ciphertext: str) -> tuple[bytes, bytes, bytes]:
    body = "".join(ciphertext.split("\n")[1:]).strip()
    try:
        salt, signature, encrypted = (unhexlify(part) for part in unhexlify(body).split(b"\n"))
    except (ValueError, NotHexadecimal):
        raise SecretsError("the encrypted value is damaged; take it from a backup, or renew it") from None
    return salt, signature, encrypted


def _derive(key: SecretStr, salt: bytes) -> tuple[bytes, tuple[bytes, bytes]]:
    derived = hashlib.pbkdf2_hmac("sha256", key.get_secret_value().encode(), salt, _ITERATIONS, 80)
    return derived[32:64], (derived[:32], derived[64:])


def _transform(cipher: tuple[bytes, bytes], data: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.ciphers.modes import CTR

    key, counter = cipher
    encryptor = Cipher(AES(key), CTR(counter)).encryptor()  # in counter mode, both ways are the same
    return encryptor.update(data) + encryptor.finalize()
