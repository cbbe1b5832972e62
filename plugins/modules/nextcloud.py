#!/usr/bin/python3
"""The module of `nextcloud`: its documentation, and the start of maillage.nextcloud."""

from __future__ import annotations

import binascii
import json
import zlib

DOCUMENTATION = r"""
module: nextcloud
short_description: Installs, upgrades and sets up Nextcloud, and lets subscribers in or shuts them out
description:
  - What is there is read from files and database; C(occ) is called only for what differs.
  - A release is unpacked beside the others and switched to. An archive that is damaged, holds another version, is too
    large or has entries outside its folder is refused, and what runs goes on running.
  - Before an upgrade, database and config.php are saved; when it fails, all three are put back.
  - What a killed run has left is finished by the next one.
  - In check mode the same changes are named, also on a bare host, and nothing is touched.
options:
  release:
    description:
      - C(version) to run, C(path) of its archive on the controller (sent only when this host lacks that version), its
        C(sha256), C(proof) of what it is. Without it, only O(subscribers) are looked at.
    type: dict
    default: {}
  apps:
    description: Apps C(enabled), C(disabled), and from the C(store), if it is C(store_reached).
    type: dict
    default: {}
  settings:
    description: App to key to value, a string as C(occ config:import) takes it, or a list of strings.
    type: dict
    default: {}
  authorities:
    description: File name to PEM; trusted besides the authorities that its code brings.
    type: dict
    default: {}
  peers:
    description: Addresses of the Nextclouds of other territories that this one exchanges with; others are removed.
    type: list
    elements: str
    default: []
  subscribers:
    description: C(uid), C(state) (V(active) or V(suspended)) and C(cloud_quota) in bytes.
    type: list
    elements: dict
    required: true
"""
EXAMPLES = r"""
- nextcloud:
    release: {version: 32.0.1, path: /tmp/nextcloud-32.0.1.tar.bz2, sha256: "…"}
    apps: {enabled: [user_ldap], disabled: [survey_client], store: [], store_reached: false}
    settings: {core: {backgroundjobs_mode: cron}}
    subscribers:
      - {uid: exemple, state: active, cloud_quota: 10000000000}
"""
RETURN = r"""
changes:
  description:
    - What changed, or would change. Each entry has C(kind) (release, app, setting, authority, peer, account), C(name),
      C(action) (install, upgrade; enable, disable; set; trust; create, remove; suspend, resume, change).
  type: list
  returned: success
notices:
  description: What could not be done here, and why; one sentence each.
  type: list
  returned: success
"""
if __name__ == "__main__":
    ARGUMENTS = json.loads(r"""<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>""")
    PAYLOAD = json.loads(zlib.decompress(binascii.a2b_base64(ARGUMENTS["payload"])))
    exec(PAYLOAD["sources"]["maillage.runtime"])  # noqa: S102 - our own source, sent by the action plugin
    run("nextcloud", PAYLOAD, ARGUMENTS)  # noqa: F821 # type: ignore[name-defined]
