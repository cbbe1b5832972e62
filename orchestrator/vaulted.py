"""Ciphertexts as variables: Ansible opens them, we pass them on."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

Variables = dict[str, Any]


def secret(secrets: Mapping[str, str], name: str, variable: str = "password") -> Variables:
    """One secret as a variable; nothing where it is missing."""
    return {variable: {"__ansible_vault": secrets[name]}} if name in secrets else {}


def of_role(role: str, secrets: Mapping[str, str], on: Container[str], name: str, variable: str) -> Variables:
    """A secret that a role needs when it is on; an empty one when it is off."""
    return secret(secrets, name, variable) if role in on else {variable: ""}
