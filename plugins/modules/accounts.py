#!/usr/bin/python3
"""The module of `accounts`: its documentation, and the start of maillage.accounts."""

from __future__ import annotations

import binascii
import json
import zlib

DOCUMENTATION = r"""
module: accounts
short_description: Converges all accounts of the directory in one task
description:
  - One search, one comparison, one C(ldapmodify), as root over the local socket (SASL EXTERNAL).
  - Makes the entries C(ou=people) and C(ou=services) below the suffix, and the suffix itself, when they are missing.
  - A subscriber who is no longer listed is suspended, never removed; O(remove) alone does that. When nobody is listed
    any more, as after the loss of a file, the task fails instead.
  - A subscriber's password is written when the account is made and for O(reset) only, so their own change stays. The
    passwords of services always agree; services that are no longer listed are removed.
  - Passwords are hashed (Argon2id) in this module, by the library that slapd uses; they appear in no argument list.
options:
  suffix:
    description: Distinguished name that all accounts are below.
    type: str
    required: true
  services:
    description: C(name) and C(password) of the accounts that services log in with.
    type: list
    elements: dict
    required: true
  subscribers:
    description:
      - C(uid), C(name), C(mail), C(state) (V(active) or V(suspended)), and if need be C(cloud_quota) and C(mail_quota)
        in bytes. A C(password) here is the partner's own and is always made to agree.
    type: list
    elements: dict
    required: true
  first_passwords:
    description: First password by C(uid), written when the account is made; later it belongs to its owner.
    type: dict
    default: {}
  remove:
    description: Names (C(uid)) of subscribers to remove.
    type: list
    elements: str
    default: []
  reset:
    description: Names (C(uid)) of subscribers who get their first password again.
    type: list
    elements: str
    default: []
"""
EXAMPLES = r"""
- accounts:
    suffix: dc=exemple,dc=test
    services:
      - {name: radicale, password: "{{ radicale_directory_password }}"}
    subscribers:
      - uid: exemple
        name: Personne d'exemple
        mail: exemple@exemple.test
        cloud_quota: 10000000000
        state: active
    first_passwords: {exemple: "{{ first_password }}"}
"""
RETURN = r"""
changes:
  description:
    - What changed, or would change. Each entry has C(kind) account, C(name) (the C(uid), or C(services/<name>)) and
      C(action) (create, change, suspend, resume, reset, remove).
  type: list
  returned: success
"""
if __name__ == "__main__":
    ARGUMENTS = json.loads(r"""<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>""")
    PAYLOAD = json.loads(zlib.decompress(binascii.a2b_base64(ARGUMENTS["payload"])))
    exec(PAYLOAD["sources"]["maillage.runtime"])  # noqa: S102 - our own source, sent by the action plugin
    run("accounts", PAYLOAD, ARGUMENTS)  # noqa: F821 # type: ignore[name-defined]
