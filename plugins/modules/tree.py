#!/usr/bin/python3
"""The module of `tree`: its documentation, and the start of maillage.tree."""

from __future__ import annotations

import binascii
import json
import zlib

DOCUMENTATION = r"""
module: tree
short_description: Makes a component's files and services so, in one task
description:
  - Renders every template of C(roles/<role>/templates/<component>/) on the controller; the path below that folder,
    without C(.j2), is the destination. A C(.j2) that renders to white space only means that the destination is
    absent; files without C(.j2) are copied byte for byte.
  - Writes only what differs, each file whole or not at all, with its owner and mode. Files of the component that are
    no longer among the templates are removed.
  - When files changed, runs O(check); then starts, enables, reloads or restarts O(services), and makes sure that they
    stay up. When a checker objects or a service fails, the previous files are put back and the task fails.
  - A journal in C(/var/lib/maillage/tree/<component>) makes a kill at any moment harmless. The next run finishes the
    work, restarts included; for that reason there are no handlers.
  - In check mode the same changes are named, and nothing is touched; it also works where packages, users and units
    are still missing.
  - A file whose mode gives nothing to other users is secret. Its content is never shown, and words that rendering
    brought into it are masked in what checkers say.
options:
  component:
    description: Name of the folder of templates, unique on a host; letters, digits, C(-) and C(_).
    type: str
    required: true
  state:
    description:
      - V(absent) stops and disables O(services) and removes what the component wrote; O(directories) stay, for they
        hold what subscribers stored. No template is rendered then. Where the component never was, nothing is done.
    type: str
    choices: [present, absent]
    default: present
  attributes:
    description:
      - C(owner), C(group) and C(mode) of destinations. Not named ones are C(root), C(root), C("0644"), and C("0755")
        below C(/usr/lib/maillage/).
    type: dict
    default: {}
  directories:
    description: Directories with C(owner), C(group) and C(mode) (default C(root), C(root), C("0755")).
    type: dict
    default: {}
  links:
    description: Symbolic links, each with where it leads.
    type: dict
    default: {}
  absent:
    description: Files, links and empty directories that must not be there.
    type: list
    elements: str
    default: []
  check:
    description: Commands that must end well on the new files, each a list of arguments.
    type: list
    elements: list
    default: []
  live:
    description:
      - Commands that end well when what runs is what the files say. When one does not, O(services) get their
        C(on_change) although no file changed. A command that is not on the host yet is left out.
    type: list
    elements: list
    default: []
  services:
    description:
      - Units of this component, always enabled and active, in the order in which they are touched.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The unit's whole name.
        type: str
        required: true
      on_change:
        description: What is done when a file or link changed.
        type: str
        choices: [none, reload, restart]
        default: none
  reload:
    description: Units of other components that read files of this one; reloaded when these changed and they run.
    type: list
    elements: str
    default: []
  guard:
    description:
      - For firewall and SSH daemon. A timer on the node puts the previous files back after 90 seconds, unless a new
        connection comes through before.
    type: bool
    default: false
"""
EXAMPLES = r"""
- name: Run the web server
  tree:
    component: web
    attributes:
      /etc/nginx/secret.conf: {group: www-data, mode: "0640"}
    absent: [/etc/nginx/sites-enabled/default]
    check: [[nginx, -t, -q]]
    services:
      - {name: nginx.service, on_change: reload}
"""
RETURN = r"""
changes:
  description:
    - What changed, or would change. Each entry has C(kind) (file, directory, link, service), C(name) (path or unit) and
      C(action) (create, change, remove; start, enable, reload, restart, stop).
  type: list
  returned: success
"""
if __name__ == "__main__":
    ARGUMENTS = json.loads(r"""<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>""")
    PAYLOAD = json.loads(zlib.decompress(binascii.a2b_base64(ARGUMENTS["payload"])))
    exec(PAYLOAD["sources"]["maillage.runtime"])  # noqa: S102 - our own source, sent by the action plugin
    run("tree", PAYLOAD, ARGUMENTS)  # noqa: F821 # type: ignore[name-defined]
