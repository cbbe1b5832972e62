"""The sample node of these tests, and ways to look at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from loopback import Front, FrontRequest
from sample_nameserver import Nameserver

from orchestrator.verify import Check, Limits, Target, verify
from orchestrator.verify.check import Step, cleaner
from orchestrator.verify.network import Network
from orchestrator.verify.run import attempt

DOMAIN = "exemple.test"
CLOUD = f"cloud.{DOMAIN}"
USERS = {"verify": "mot de passe/échantillon&1", "exemple": "autre"}
LOGIN = ("verify", USERS["verify"])
LIMITS = Limits(operation=5, step=20, total=60)


@dataclass
class Node:
    """The sample node: what can be spoilt of it, and how it is promised to be."""

    nameserver: Nameserver
    plain: list[Front]
    secured: list[Front]
    target: Target
    data: Path

    def checks(self, limits: Limits = LIMITS, **changes: Any) -> dict[str, Check]:
        """Verify it, and give the checks by name."""
        checks = list(verify(replace(self.target, **changes), limits))
        by_name = {check.name: check for check in checks}
        assert len(by_name) == len(checks), "two checks bear the same name"
        return by_name

    def look(self, group: Callable[[Network], Iterator[Step]], timeout: float = 5, **changes: Any) -> dict[str, Check]:
        """Make the checks of one group only."""
        network = Network(replace(self.target, **changes), timeout)
        clean = cleaner(self.target.user, self.target.password.get_secret_value())
        return {step.name: attempt(step, 30, clean) for step in group(network)}

    def collections(self) -> set[str]:
        """What stands on the disk in the account's folder."""
        folder = self.data / "data" / "collection-root" / self.target.user
        return {path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")}


def before(node: Node, act: Callable[[FrontRequest], bool]) -> None:
    """Let every request to the node meet `act` first; it gives True when it has answered."""
    for front in node.secured:
        front.before = act
