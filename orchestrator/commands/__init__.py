"""The commands, one module each; what several of them share stands here."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping

from orchestrator.errors import MaillageError


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
