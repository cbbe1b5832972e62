#!/usr/bin/python3
"""The module of `certificates`: its documentation, and the start of maillage.certificates."""

from __future__ import annotations

import base64
import json
import zlib

DOCUMENTATION = r"""
module: certificates
short_description: Has the certificates issued that are due
description:
  - Runs the program that role C(certificates) has put on the node. When nothing is due, the authority is not contacted.
  - In check mode it names what would be issued; on a node that has no such program yet, that is everything.
options:
  wanted:
    description: Each certificate's C(name), and all the host C(names) on it.
    type: list
    elements: dict
    required: true
  key:
    description: Private key (PEM) of the first one, where the territory brings it.
    type: str
    default: ""
"""
EXAMPLES = r"""
- certificates:
    wanted:
      - name: exemple.test
        names: [exemple.test, cloud.exemple.test]
"""
RETURN = r"""
changes:
  description: Certificates issued or renewed, each with C(kind), C(name) and C(action).
  type: list
  returned: success
"""
if __name__ == "__main__":
    ARGUMENTS = json.loads(r"""<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>""")
    PAYLOAD = json.loads(zlib.decompress(base64.b64decode(ARGUMENTS["payload"])))
    exec(PAYLOAD["sources"]["maillage.runtime"])  # noqa: S102 - our own source, sent by the action plugin
    run("certificates", PAYLOAD, ARGUMENTS)  # noqa: F821 # type: ignore[name-defined]
