"""What Nextcloud is like on this host, read from its files and its database: a call of `occ` would cost 0.3 s."""

from __future__ import annotations

import json
import os
import re

from maillage import files
from maillage.command import NodeError, run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

CODE = "/var/lib/maillage/nextcloud"
LINK = "/usr/share/maillage/nextcloud"
CONFIG = "/srv/maillage/nextcloud/config"
UNDER_WAY = f"{CODE}/under-way.json"
DATABASE = "nextcloud"
IMPORTED = "/srv/maillage/nextcloud/data/files_external/uploads"
# Everything at once; the tables of the directory's people and of the peers come with their apps.
QUESTION = r"""
SELECT 'setting', appid, configkey, configvalue FROM oc_appconfig;
SELECT 'disabled', userid, '', '' FROM oc_preferences
    WHERE appid = 'core' AND configkey = 'enabled' AND configvalue = 'false';
SELECT 'quota', userid, configvalue, '' FROM oc_preferences WHERE appid = 'files' AND configkey = 'quota';
SELECT to_regclass('oc_ldap_user_mapping') IS NOT NULL AS mapped \gset
\if :mapped
SELECT 'known', owncloud_name, '', '' FROM oc_ldap_user_mapping;
\endif
SELECT to_regclass('oc_trusted_servers') IS NOT NULL AS federated \gset
\if :federated
SELECT 'trusted', url, '', '' FROM oc_trusted_servers;
\endif
"""


class State:
    """What is there.

    Attributes:
        releases: the versions that are unpacked.
        current: the version that the link leads to, or "".
        shipped: apps that are part of the current release.
        code: the current code's own version, such as (32, 0, 1, 2).
        installed: the version of the data, () when nothing is installed.
        under_way: what a run that was killed was doing: `action` (install, upgrade, roll back), releases `old`, `new`.
        settings: app to key to value; an app's own key `enabled` says whether it is on.
        disabled: login names that Nextcloud itself shuts out.
        known: login names that have come through the directory.
        quotas: login name to quota, as Nextcloud writes it.
        trusted: addresses of the peers that it exchanges with.
        authorities: name to PEM: those that Nextcloud trusts besides those of its code.
    """

    def __init__(self) -> None:
        self.releases = sorted(name for name in listed(CODE) if re.fullmatch(r"\d+\.\d+\.\d+", name))
        self.current = os.path.basename(os.readlink(LINK)) if os.path.islink(LINK) else ""
        self.shipped = set(listed(f"{LINK}/apps"))
        self.code = code_version(LINK) if self.current in self.releases else ()
        self.installed = installed_version()
        self.under_way: dict[str, Any] = json.loads(text_of(UNDER_WAY) or "{}")
        self.settings: dict[str, dict[str, str]] = {}
        self.disabled: set[str] = set()
        self.known: set[str] = set()
        self.quotas: dict[str, str] = {}
        self.trusted: set[str] = set()
        self.authorities = {name: text_of(f"{IMPORTED}/{name}") for name in listed(IMPORTED)}

    def read_database(self) -> State:
        """Add what the database says.

        Raises:
            NodeError: it cannot be read.
        """
        for kind, name, key, value in query(QUESTION):
            if kind == "setting":
                self.settings.setdefault(name, {})[key] = value
            elif kind == "disabled":
                self.disabled.add(name)
            elif kind == "quota":
                self.quotas[name] = key
            else:
                (self.trusted if kind == "trusted" else self.known).add(name)
        return self

    def enabled(self, app: str) -> bool:
        """Say whether an app is on, for everybody or for some."""
        return self.settings.get(app, {}).get("enabled", "no") != "no"


def note_under_way(action: str, old: str, new: str) -> None:
    """Write down what is about to be done, so that a run that is killed can be finished by the next one."""
    text = json.dumps({"action": action, "old": old, "new": new})
    files.write(UNDER_WAY, text.encode(), os.geteuid(), os.getegid(), 0o600)


def nothing_under_way() -> None:
    """All is done."""
    files.remove(UNDER_WAY)


def listed(folder: str) -> list[str]:
    """Name what is in a folder; one that is not there has nothing."""
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


def text_of(path: str) -> str:
    """Read a file; one that is not there is empty."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def code_version(folder: str) -> tuple[int, ...]:
    """Read the version of unpacked code; () when its version.php says none."""
    found = re.search(r"\$OC_Version\s*=\s*(?:array\(|\[)([\d,\s]+)", text_of(f"{folder}/version.php"))
    return numbers(found[1].split(",")) if found else ()


def upgradable_from(folder: str) -> set[str]:
    """Read from which lines (`31.0`) unpacked code can take over."""
    text = text_of(f"{folder}/version.php")
    block = re.search(
        r"\$OC_VersionCanBeUpgradedFrom.*?'nextcloud'\s*=>\s*(?:array\s*\(|\[)(.*?)[\])]", text, re.DOTALL
    )
    return set(re.findall(r"'(\d+\.\d+)'\s*=>\s*true", block[1])) if block else set()


def installed_version() -> tuple[int, ...]:
    """Read from config.php which version the data are of; () when nothing is installed."""
    text = text_of(f"{CONFIG}/config.php")
    found = re.search(r"'version' => '([\d.]+)'", text)
    return numbers(found[1].split(".")) if found and re.search(r"'installed' => true", text) else ()


def numbers(words: Iterable[str]) -> tuple[int, ...]:
    """Turn words into numbers."""
    return tuple(int(word) for word in words if word.strip())


def query(text: str) -> list[list[str]]:
    """Ask the database, as Nextcloud's own user.

    Raises:
        NodeError: there is no answer.
    """
    client = ["psql", "-XAtq0", "-F", "\x1f", "--set=ON_ERROR_STOP=1", "-d", DATABASE, "-f", "-"]
    outcome = run(["runuser", "-u", "nextcloud", "--", *client], stdin=text)
    if outcome.code:
        raise NodeError(f"Nextcloud's database does not answer:\n{outcome.text}")
    return [row.split("\x1f") for row in outcome.output.split("\0") if row]
