"""What no single field can say of backups: that there is a place for them. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.findings import TERRITORY, Finding
from orchestrator.model import Node


def check(node: Node) -> Iterator[Finding]:
    """Find every contradiction about backups within a node."""
    backup, at = node.territory.services.backup, ("services", "backup")
    if backup is None:
        return
    if node.territory.mesh is None and backup.own is None and backup.sftp is None:
        message = (
            "has nowhere to go: write `mesh: {name: …}` for backups at peers, `own: /mnt/…` for another disk, "
            "or `sftp:` for a server of yours"
        )
        yield Finding(node, TERRITORY, at, message, at_key=True)
    for index, name in enumerate(backup.to):
        if node.territory.mesh is None:
            yield Finding(node, TERRITORY, (*at, "to", index), "is in no mesh with this territory: write `mesh:` first")
        elif name == node.name:
            yield Finding(node, TERRITORY, (*at, "to", index), "is this territory itself; name a peer")
        elif name in backup.to[:index]:
            yield Finding(node, TERRITORY, (*at, "to", index), "is named twice")
