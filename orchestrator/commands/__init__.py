"""The commands, one module each; what several of them share stands here."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from orchestrator.errors import MaillageError
from orchestrator.locations import mesh_folder

if TYPE_CHECKING:
    from orchestrator.mesh import Mesh
    from orchestrator.model import Node


def add_archive_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare where Nextcloud's archive comes from."""
    parser.add_argument(
        "--nextcloud-archive",
        metavar="PATH",
        help="Nextcloud's archive, nextcloud-X.Y.Z.tar.bz2; with its signature beside it, or of a known checksum",
    )
    parser.add_argument(
        "--allow-unsigned-archive", action="store_true", help="accept a given archive that nothing vouches for"
    )


def load_for_run(arguments: argparse.Namespace, *, again: bool = False) -> tuple[Mesh, list[Node]]:
    """The mesh and, of its territories, those that the arguments name (or all), each with a decided engine.

    Args:
        arguments: the command line's.
        again: the files were changed meanwhile; which engine was decided on is not said once more.

    Raises:
        UsageError: a territory is not in this mesh.
        ArchiveRefused: the archive that is given is not what it should be.
    """
    from orchestrator import engines, mesh
    from orchestrator.progress import note

    loaded = mesh.load(mesh_folder(arguments.mesh))
    names = [node.name for node in loaded.select(arguments.territories)]
    archive, unsigned = arguments.nextcloud_archive, arguments.allow_unsigned_archive
    loaded = engines.choose(loaded, names, archive, allow_unsigned=unsigned, say=(lambda _: None) if again else note)
    return loaded, loaded.select(names)


def conclude(answer: Mapping[str, object], error: MaillageError | None, *, as_json: bool) -> int:
    """End a command that reports: with `--json`, standard output holds one document whatever happened.

    Args:
        answer: the report.
        error: what went wrong, or None.
        as_json: print the report.

    Returns:
        The exit code.

    Raises:
        MaillageError: the error, where the report is not JSON.
    """
    if as_json:
        print(json.dumps({**answer, "error": str(error) if error else None}, indent=2, ensure_ascii=False))
        if error:
            print(error, file=sys.stderr)
    elif error:
        raise error
    return error.exit_code if error else 0
