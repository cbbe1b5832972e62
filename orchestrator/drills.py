"""Whether a node's backups have proven themselves lately: asked before what risks its data. Pure."""

from __future__ import annotations

import argparse

from orchestrator.preflight import Facts

DAYS = 14  # a drill is made each week: one may fail


def add_argument(parser: argparse.ArgumentParser) -> None:
    """Declare how somebody who knows better says so."""
    parser.add_argument(
        "--without-drill", action="store_true", help="also when no restore of the backups was practised lately"
    )


def refusal(facts: Facts, territory: str, what: str) -> str | None:
    """Why something must wait, and the way out; None when a drill was good lately, or the node makes no backups.

    Args:
        facts: what the host says of itself.
        territory: its name.
        what: would be done, in words.
    """
    if facts.drill is None or facts.drill <= DAYS * 86400:
        return None
    age = f"was {facts.drill / 86400:.0f} days ago" if facts.drill != float("inf") else "was never made"
    return (
        f"{what} risks data, and the last good restore for practice {age}: `backup run {territory}` and "
        f"`backup drill {territory}` first; or say --without-drill"
    )
