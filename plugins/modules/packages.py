#!/usr/bin/python3
"""The module of `packages`: its documentation, and the start of maillage.packages."""

from __future__ import annotations

import binascii
import json
import zlib

DOCUMENTATION = r"""
module: packages
"""
if __name__ == "__main__":
    ARGUMENTS = json.loads(r'''<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>''')
    PAYLOAD = json.loads(zlib.decompress(binascii.a2b_base64(ARGUMENTS["payload"])))
    exec(PAYLOAD["sources"]["maillage.runtime"])  # noqa: S102 - our own source, sent by the action plugin
    run("packages", PAYLOAD, ARGUMENTS)  # noqa: F821 # type: ignore[name-defined]
