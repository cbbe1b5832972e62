"""What serves the cloud of a lab territory whose file leaves it open; the lab's host remembers what it was given."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path

from orchestrator import archive, mesh
from orchestrator.errors import ArchiveMissing
from orchestrator.files import write_text
from orchestrator.mesh import Mesh
from orchestrator.model import Node

FULL, LIGHT = "nextcloud", "radicale"


def load(folder: Path) -> Mesh:
    """Load a mesh for use: an open engine is the one that the host was deployed with, before that the light one."""
    return _settled(mesh.load(folder), {})


def choose(
    loaded: Mesh, names: Collection[str], given: str | None, *, allow_unsigned: bool, say: Callable[[str], None]
) -> Mesh:
    """Decide for the named territories, too: Nextcloud where its archive can be had, else the light engine.

    Args:
        loaded: the mesh as its files are.
        names: the territories that are about to be deployed or planned.
        given: the archive that the partner names.
        allow_unsigned: accept it without proof.
        say: receives one line when it is the light engine, with the reason and the way to the other.

    Raises:
        ArchiveRefused: the archive that is given is not what it should be.
    """
    still_open = [name for name in names if _is_open(loaded.nodes[name])]
    undecided = [name for name in still_open if recorded(loaded.nodes[name]) is None]
    if archive.named(given):
        for name in still_open:
            if recorded(loaded.nodes[name]) == LIGHT:
                say(
                    f"{name} stays with {LIGHT}, which it was first deployed with; for Nextcloud write "
                    f"`engine: {FULL}` in its territory.yml, then `move {name}`"
                )
    if not undecided:
        return _settled(loaded, {})
    try:
        archive.choose(given, allow_unsigned=allow_unsigned, say=say)
    except ArchiveMissing as error:
        say(
            f"{', '.join(undecided)}: the light engine, {LIGHT} (contacts and calendar); "
            f"{str(error).splitlines()[0]} For Nextcloud: --nextcloud-archive PATH"
        )
        return _settled(loaded, {})
    return _settled(loaded, dict.fromkeys(undecided, FULL))


def recorded(node: Node) -> str | None:
    """What the node's lab host was last deployed with; None where there is no such host."""
    try:
        text = _record(node).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    return text if text in (FULL, LIGHT) else None


def record(node: Node) -> None:
    """Keep, beside a lab host and as long as it lives, what it is deployed with."""
    if node.territory.is_lab and node.territory.engine:
        write_text(_record(node), f"{node.territory.engine}\n", 0o600)


def _record(node: Node) -> Path:
    from orchestrator.providers.lab import Place
    from orchestrator.providers.lab_provider import name

    return Place().host(name(node.name, node.territory.host)) / "engine"


def _is_open(node: Node) -> bool:
    cloud = node.territory.services.cloud
    return cloud is not None and cloud.engine is None


def _settled(loaded: Mesh, decided: Mapping[str, str]) -> Mesh:
    nodes = {}
    for name, node in loaded.nodes.items():
        if _is_open(node):
            engine = decided.get(name) or recorded(node) or LIGHT
            node = replace(node, territory=node.territory.with_engine(engine))
        nodes[name] = node
    return Mesh(loaded.folder, nodes)
