"""What a check of the inventory finds."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.model import Node
from orchestrator.yamlfile import Location

TERRITORY = "territory.yml"
SUBSCRIPTIONS = "subscriptions.yml"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to correct in one file of one node; `at_key` when the name of the entry is at fault, not its value."""

    node: Node
    file: str
    location: Location
    message: str
    at_key: bool = False
