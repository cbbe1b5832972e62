"""What a plan means for those who use the node: what stops for how long, and which data is at risk. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestrator import drills
from orchestrator.model import Node
from orchestrator.outcome import Outcome
from orchestrator.preflight import Facts
from orchestrator.rented import Step

DAY = 86400  # seconds


def downtime(host: str, outcome: Outcome, steps: Sequence[Step], *, release: bool) -> Iterator[tuple[str, str]]:
    """What will be interrupted on a host, and for how long.

    Args:
        host: its name in the inventory.
        outcome: the plan.
        steps: what is to be done where it is rented.
        release: Nextcloud gets another release.
    """
    yield from (
        (step.title, "all of it, for one or two minutes: the server is switched off") for step in steps if step.off
    )
    if release:
        yield "Nextcloud", "in maintenance while its database is brought to the new release: minutes"
    seen = set()
    for change in outcome.changes:
        if change.host == host and change.kind == "service" and change.name not in seen:
            seen.add(change.name)
            if change.action == "restart":
                yield change.name, "seconds: it is restarted"
            elif change.action == "stop":
                yield change.name, "from then on: it is stopped"


def risk(node: Node, facts: Facts | None, *, release: bool, volume: bool = False) -> str:
    """Which data the plan risks, and when a restore was practised last.

    Args:
        node: whose.
        facts: what its host says of itself; None where there is none.
        release: Nextcloud gets another release.
        volume: data of an earlier server is on a volume that is kept.
    """
    if facts is None:
        return "none: the volume of the earlier server is used" if volume else "none: there is no data yet"
    what = "Nextcloud's data, by another release" if release else "none"
    if facts.drill is None:
        drill = "it makes no backups" if not node.territory.services.backup else "backups begin with this deployment"
    elif facts.drill == float("inf"):
        drill = "a restore was never practised"
    else:
        drill = f"a restore was last practised {facts.drill / DAY:.0f} days ago"
    late = drills.refusal(facts, node.name, "another release") if release else None
    return f"{what}; {drill}" + (f"; deploy will refuse: {late}" if late else "")
