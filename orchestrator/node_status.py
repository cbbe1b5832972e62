"""What a node's host says of itself: backups, drills, peers, certificates, disk. Asked in one go; told in words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from orchestrator import hosts
from orchestrator.errors import HostError, printable
from orchestrator.model import Node
from orchestrator.report import size
from orchestrator.ssh import PYTHON

QUESTION = r"""
import glob, json, os, re, shutil, socket, subprocess, time, urllib.request

def read(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""

def output(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout
    except OSError:
        return ""

peers = re.findall(r"# (\S+)\n\[Peer\]\nPublicKey = (\S+)\nAllowedIPs = (\S+)/", read("/etc/wireguard/mesh0.conf"))
# Something to say to each, so that those that are there are heard; nothing answers on that port.
with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as anything:
    for _, _, address in peers:
        try:
            anything.sendto(b"", (address, 9))
        except OSError:
            pass
time.sleep(1 if peers else 0)
seen = dict(line.split() for line in output("wg", "show", "mesh0", "latest-handshakes").splitlines())
ends = {}
for path in glob.glob("/srv/maillage/certificates/live/*/fullchain.pem"):
    said = output("openssl", "x509", "-in", path, "-noout", "-enddate", "-dateopt", "iso_8601")
    ends[path.split("/")[-2]] = said.strip().partition("=")[2]
alerts, pending = None, []
if os.path.exists("/etc/prometheus/maillage-rules.yml"):
    try:
        with urllib.request.urlopen("http://127.0.0.1:9090/api/v1/alerts", timeout=10) as answer:
            raised = json.load(answer)["data"]["alerts"]
        alerts, pending = ([each for each in raised if each["state"] == state] for state in ("firing", "pending"))
    except OSError:
        words = {"en": "The monitoring does not answer.", "first": "systemctl status prometheus"}
        alerts = [{"annotations": words, "labels": {}}]
disk = shutil.disk_usage("/srv")
print(json.dumps({
    "now": time.time(),
    "places": [each["name"] for each in json.loads(read("/etc/maillage/backup.json") or "{}").get("repositories", [])],
    "restoring": os.path.exists("/srv/maillage/backup/restoring.json"),
    **json.loads(read("/var/lib/maillage/backup/status.json") or "{}"),
    "peers": {name: int(seen.get(key, 0)) for name, key, _ in peers},
    "certificates": ends,
    "alerts": alerts,
    "pending": pending,
    "failed": [line.split()[0] for line in output("systemctl", "--failed", "--plain", "--no-legend").splitlines()],
    "disk": {"total": disk.total, "free": disk.free},
}))
"""
MINUTE, HOUR, DAY = 60, 3600, 86400  # seconds


def ask(node: Node) -> dict[str, Any]:
    """What the host says, as QUESTION has it.

    Times are in seconds since 1970, sizes in bytes; `peers` are the times at which they were heard, 0 for never;
    `alerts` are those that are raised, as Prometheus has them, None where nothing watches; `pending` may become some;
    `failed` are units of systemd's.

    Raises:
        HostError: it cannot be asked.
    """
    process = hosts.made(node).run(QUESTION, interpreter=PYTHON)
    if process.returncode:
        raise HostError(f"{node.name}: its host could not be asked: {process.stderr.strip()}")
    return dict(json.loads(process.stdout))


def told(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The same in words: what it is about, and a line.

    Args:
        found: what `ask` gives, and `cards`: the days on which those of the peers end.
    """
    now = found["now"]
    if found["restoring"]:
        yield "restore", "is not finished: the same `restore` again goes on"
    for name, entry in sorted(found.get("repositories", {}).items()):
        yield "backup", f"{name}: {_backup(entry, now)}"
    if found["places"] and not found.get("repositories"):
        yield "backup", "none by this host yet: `backup run` makes one"
    if len(found["places"]) < 2:
        copies = "one copy only" if found["places"] else "nowhere to go"
        yield "backup", f"WARNING {copies}: peers that offer space, or a place of one's own, make two"
    yield "drill", _drill(found.get("drill", {}), now)
    for name, seen in sorted(found["peers"].items()):
        yield "peer", f"{name}: {f'heard {_ago(now - seen)}' if seen else 'never heard'}"
    for what in ("card", "certificate"):
        for name, end in sorted(found[f"{what}s"].items()):
            yield what, f"{name}: {_days_left(end, now)}"
    for alert in found.get("alerts") or []:
        yield "alert", f"{filled(alert, 'en')} First: {filled(alert, 'first')}"
    yield "disk", f"{size(found['disk']['free'])} free of {size(found['disk']['total'])}"


def filled(alert: Mapping[str, Any], which: str) -> str:
    """A text of an alert: words in square brackets are its labels."""
    text = str(alert["annotations"][which])
    for name, value in alert["labels"].items():
        text = text.replace(f"[{name}]", str(value))
    return printable(re.sub(r"\[[a-z]+\]", "", text))


def _backup(entry: Mapping[str, Any], now: float) -> str:
    made = "never"
    if "made" in entry:
        made = f"{_ago(now - entry['made'])}, {entry['files']} files, {size(entry['bytes'])}"
        if "checked" in entry:
            made += f"; found whole {_ago(now - entry['checked'])}, part {entry['part']} read back"
    if entry.get("same_disk"):
        made += "; WARNING on the disk of the data itself"
    return (
        f"FAILED {_ago(now - entry['tried'])}: {entry['error']}; last good one {made}" if entry.get("error") else made
    )


def _drill(entry: Mapping[str, Any], now: float) -> str:
    good = "never"
    if "made" in entry:
        good = f"{_ago(now - entry['made'])}, {size(entry['bytes'])} from {entry['from']} in {entry['took']:.0f} s"
    return f"FAILED: {entry['error']}; last good one {good}" if entry.get("error") else good


def _ago(seconds: float) -> str:
    if seconds < -HOUR:
        return f"in {-seconds / DAY:.0f} days (a clock is wrong)"
    for unit, name in ((DAY, "days"), (HOUR, "h"), (MINUTE, "min")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.0f} {name} ago"
    return f"{max(0, seconds):.0f} s ago"


def _days_left(end: str, now: float) -> str:
    days = (datetime.fromisoformat(end).timestamp() - now) / DAY if end else 0
    return f"{days:.0f} days left" if days > 0 else "has ended"
