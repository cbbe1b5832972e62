#!/usr/bin/python3
"""The module of `nextcloud_move`: its documentation, and the start of maillage.nextcloud_move."""

from __future__ import annotations

import base64
import json
import zlib

DOCUMENTATION = r"""
module: nextcloud_move
short_description: Moves radicale's calendars and address books into Nextcloud's accounts
description:
  - Every collection below C(/srv/maillage/radicale) is given to the account of the same name with its display name,
    colour, order, description and components, every item byte for byte. What is there already stays as it is.
  - When Nextcloud lists all that was given to it, radicale's data is set aside below C(/srv/maillage/removed), with a
    list of what Nextcloud refused. Until then it stays where it was; a killed run is gone on with by the next one.
  - In check mode the collections are named, and nothing is touched.
options:
  leave_out:
    description: Accounts whose collections do not matter.
    type: list
    elements: str
    default: []
"""
EXAMPLES = r"""
- nextcloud_move:
    leave_out: [verify]
"""
RETURN = r"""
changes:
  description:
    - Collections moved (C(kind) calendar or address book, C(action) move), items that Nextcloud does not have as they
      were (C(kind) item, C(action) keep aside, C(name) with the reason), and the folder where all of it is kept.
  type: list
  returned: success
"""
if __name__ == "__main__":
    ARGUMENTS = json.loads(r"""<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>""")
    PAYLOAD = json.loads(zlib.decompress(base64.b64decode(ARGUMENTS["payload"])))
    exec(PAYLOAD["sources"]["maillage.runtime"])  # noqa: S102 - our own source, sent by the action plugin
    run("nextcloud_move", PAYLOAD, ARGUMENTS)  # noqa: F821 # type: ignore[name-defined]
