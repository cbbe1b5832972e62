#!/usr/bin/python3
"""The module of `packages`: its documentation, and the start of maillage.packages."""

from __future__ import annotations

import binascii
import json
import zlib

DOCUMENTATION = r"""
module: packages
short_description: Installs all packages of a host in one apt transaction
description:
  - One C(dpkg-query) tells whether anything is missing; when nothing is, apt is not called.
  - Recommended packages are left out. A contract names all that a role needs, nothing comes along unseen.
  - Daemons do not start before they are configured (C(policy-rc.d), there only during the transaction, and never in
    place of somebody else's); a unit that runs already may be restarted by its upgrade.
  - A dpkg that was killed is repaired first, and another package manager at work is waited for, ten minutes at most.
  - Configuration files that are there are kept.
options:
  names:
    description: Names of Debian packages.
    type: list
    elements: str
    required: true
  debconf:
    description:
      - Answers, one line each as in C(debconf-set-selections); given before packages are installed, and again when
        they change.
    type: list
    elements: str
    default: []
"""
EXAMPLES = r"""
- packages:
    names: [slapd, nginx]
    debconf: ["slapd slapd/no_configuration boolean true"]
"""
RETURN = r"""
changes:
  description:
    - What changed, or would change. Each entry has C(kind) (package, debconf, file), C(name), C(action) (install, set,
      remove).
  type: list
  returned: success
"""
if __name__ == "__main__":
    ARGUMENTS = json.loads(r"""<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>""")
    PAYLOAD = json.loads(zlib.decompress(binascii.a2b_base64(ARGUMENTS["payload"])))
    exec(PAYLOAD["sources"]["maillage.runtime"])  # noqa: S102 - our own source, sent by the action plugin
    run("packages", PAYLOAD, ARGUMENTS)  # noqa: F821 # type: ignore[name-defined]
