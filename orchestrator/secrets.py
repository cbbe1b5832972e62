"""The secrets of a territory, made, opened, renewed and given a new key.

All first passwords are one value, `subscribers`: opening a value costs 9 ms, and there may be thousands.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date

from pydantic import SecretStr

from orchestrator import keys, secretsfile, vault
from orchestrator.errors import SecretsError, UsageError, printable
from orchestrator.explain import closest
from orchestrator.files import sync_folder
from orchestrator.model import Node
from orchestrator.secret_graph import PASSWORDS, Secret, affected, declared


def _uid(name: str) -> str | None:
    """Whose first password a secret is, or None if it is another secret."""
    place, _, uid = name.partition(".")
    return uid if place == PASSWORDS else None


def ensure(node: Node) -> dict[str, str]:
    """Give the ciphertexts of every declared secret.

    A lab territory's missing ones are made here. Those of a real territory are made when somebody asks for it, because
    what is made must be committed to the partner's repository.

    Raises:
        SecretsError: some are missing; says which, and which command makes them.
    """
    stored = secretsfile.read(secretsfile.path_of(node))
    missing = _missing(node, stored)
    if given := [secret.name for secret in missing if secret.generate is None]:
        raise SecretsError(f"{node.name}: {given[0]} is for you to give: `credentials {node.name} {given[0]} --set`")
    if missing and not node.territory.is_lab:
        names_of = ", ".join(secret.name for secret in missing[:3]) + (", …" if missing[3:] else "")
        raise SecretsError(
            f"{node.name} lacks {len(missing)} of its secrets ({names_of}); `credentials {node.name} --make` makes them"
        )
    if missing:
        stored = create_missing(node)
    wanted = {secret.name for secret in declared(node)} | {PASSWORDS}
    return {name: ciphertext for name, ciphertext in stored.items() if name in wanted}


def _missing(node: Node, stored: Mapping[str, str]) -> list[Secret]:
    known = _passwords(node, stored, load_key(node)) if PASSWORDS in stored else {}

    def is_missing(name: str) -> bool:
        uid = _uid(name)
        return name not in stored if uid is None else uid not in known

    return [secret for secret in declared(node) if is_missing(secret.name)]


def _passwords(node: Node, stored: Mapping[str, str], key: SecretStr) -> dict[str, str]:
    """The first passwords by login name."""
    if PASSWORDS not in stored:
        return {}
    opened: dict[str, str] = json.loads(_opened(node, PASSWORDS, stored[PASSWORDS], key).get_secret_value())
    return opened


def create_missing(node: Node) -> dict[str, str]:
    """Make what is declared and not there yet, the key too, and give all ciphertexts."""
    return _generate(node, lambda stored: [secret for secret in _missing(node, stored) if secret.generate])


def renew(node: Node, name: str) -> list[str]:
    """Make one secret anew, and what depends on it; give their names.

    Raises:
        UsageError: no such secret is declared.
    """
    chosen = affected(declared(node), name)
    if not chosen:
        raise UsageError(f"{node.name} has no secret {printable(name)!r}; {closest(name, names(node))}")
    if chosen[0].generate is None:
        raise UsageError(f"{name} is for you to give: `credentials {node.name} {name} --set`")
    _generate(node, lambda _stored: chosen)
    return [secret.name for secret in chosen]


def give(node: Node, name: str, value: str) -> None:
    """Store a secret that only the partner knows.

    Raises:
        UsageError: no such secret is declared, or it is not for the partner to give.
    """
    found = next((secret for secret in declared(node) if secret.name == name), None)
    if found is None:
        raise UsageError(f"{node.name} has no secret {printable(name)!r}; {closest(name, names(node))}")
    if found.generate is not None:
        raise UsageError(f"{name} is made by the node's own commands: --renew makes another one")
    _generate(node, lambda _stored: [Secret(name, lambda: value)])


def forget(node: Node, name: str) -> None:
    """Drop one stored secret, such as a removed subscriber's; nothing happens if there is none."""
    path = secretsfile.path_of(node)
    with secretsfile.locked(path):
        stored = secretsfile.read(path)
        if (uid := _uid(name)) is None:
            found = stored.pop(name, None)
        else:
            key = load_key(node)
            passwords = _passwords(node, stored, key)
            found = passwords.pop(uid, None)
            stored |= {PASSWORDS: vault.encrypt(json.dumps(passwords), key, node.name)}
        if found is not None:
            secretsfile.write(path, node.name, stored)


def names(node: Node) -> list[str]:
    """The names of the declared secrets."""
    return [secret.name for secret in declared(node)]


def reveal(node: Node, name: str) -> SecretStr:
    """Decrypt one secret.

    Raises:
        UsageError: no such secret is declared.
        SecretsError: it is not made yet, or the key does not open it.
    """
    if name not in names(node):
        raise UsageError(f"{node.name} has no secret {printable(name)!r}; {closest(name, names(node))}")
    if (value := stored_value(node, name)) is None:
        maker = f"deploy {node.name}" if node.territory.is_lab else f"credentials {node.name} --make"
        raise SecretsError(f"{name} of {node.name} is not made yet; `{maker}` makes it")
    return value


def stored_value(node: Node, name: str) -> SecretStr | None:
    """Decrypt one secret, or give None when it is not made yet.

    Raises:
        SecretsError: the key does not open it.
    """
    stored, uid = secretsfile.read(secretsfile.path_of(node)), _uid(name)
    if (name if uid is None else PASSWORDS) not in stored:
        return None
    key = load_key(node)
    if uid is None:
        return _opened(node, name, stored[name], key)
    password = _passwords(node, stored, key).get(uid)
    return None if password is None else SecretStr(password)


def load_key(node: Node) -> SecretStr:
    """Find the node's key, after finishing a `rekey` that was killed.

    Raises:
        SecretsError: there is none; names the three ways to give it.
    """
    pending = keys.file(node.territory).with_suffix(".new")
    if not keys.given_elsewhere(node.territory) and pending.exists():
        with secretsfile.locked(secretsfile.path_of(node)):
            _settle(node)
    return keys.load(node.territory)


def rekey(node: Node) -> int:
    """Give the node a new key and encrypt all its secrets with it; give their number.

    At every moment one of the two key files opens what stands in the secrets file.

    Raises:
        SecretsError: the key is not in a file of this machine, or does not open a secret; nothing is changed then.
    """
    if source := keys.given_elsewhere(node.territory):
        raise SecretsError(
            f"{source} gives the key of {node.name}; unset it, rekey where the key is a file, then give the new one"
        )
    key_file = keys.file(node.territory)
    pending = key_file.with_suffix(".new")
    path = secretsfile.path_of(node)
    with secretsfile.locked(path):
        _settle(node)
        old = keys.load(node.territory)
        values = {name: _opened(node, name, text, old) for name, text in secretsfile.read(path).items()}
        new = keys.create(pending)
        encrypted = {name: vault.encrypt(value.get_secret_value(), new, node.name) for name, value in values.items()}
        secretsfile.write(path, node.name, encrypted)
        pending.replace(key_file)
        sync_folder(key_file.parent)
    return len(values)


def _settle(node: Node) -> None:
    """Finish or undo what a killed `rekey` left: the key that opens the secrets stays."""
    key_file = keys.file(node.territory)
    pending = key_file.with_suffix(".new")
    if not pending.exists():
        return
    stored = secretsfile.read(secretsfile.path_of(node))
    try:
        for ciphertext in stored.values():
            vault.decrypt(ciphertext, keys.read(pending))
            break
    except SecretsError:
        pending.unlink()
        return
    pending.replace(key_file) if stored else pending.unlink()


def _generate(node: Node, choose: Callable[[dict[str, str]], list[Secret]]) -> dict[str, str]:
    path = secretsfile.path_of(node)
    key_file = keys.file(node.territory)
    with secretsfile.locked(path):
        _settle(node)
        stored = secretsfile.read(path)
        chosen = choose(stored)
        if not chosen:
            return stored
        if not stored and not keys.given_elsewhere(node.territory) and not key_file.exists():
            keys.create(key_file)
        key = keys.load(node.territory)
        for name, ciphertext in stored.items():  # one is enough to see that the key fits
            _opened(node, name, ciphertext, key)
            break
        made = {}
        for secret in chosen:
            if secret.renew and secret.name in stored:
                value = _opened(node, secret.name, stored[secret.name], key).get_secret_value()
                made[secret.name] = secret.renew(value, date.today())
            elif secret.generate:
                made[secret.name] = secret.generate()
        values = {name: value for name, value in made.items() if _uid(name) is None}
        passwords = {uid: value for name, value in made.items() if (uid := _uid(name)) is not None}
        if passwords:
            values[PASSWORDS] = json.dumps(_passwords(node, stored, key) | passwords)
        stored |= {name: vault.encrypt(value, key, node.name) for name, value in values.items()}
        secretsfile.write(path, node.name, stored)
    return stored


def _opened(node: Node, name: str, ciphertext: str, key: SecretStr) -> SecretStr:
    try:
        return vault.decrypt(ciphertext, key)
    except SecretsError as error:
        raise SecretsError(f"{secretsfile.path_of(node)}: {name}: {error}") from None
