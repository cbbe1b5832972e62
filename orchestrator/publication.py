"""A territory's records, at whoever takes them: what is to be done there, and doing it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from orchestrator import ansible_vars, cloud_token, dns_publish, dns_update, mail_secrets, secrets
from orchestrator.dns_publish import Owned, Step
from orchestrator.errors import VerificationFailed
from orchestrator.model import Node


class Keeper(Protocol):
    """Whoever holds the zones; `str` of it is its name."""

    def ask(self, name: str, kind: str) -> tuple[str, ...]:
        """Live data of a name and type, as in a zone file, every name absolute."""

    def zone_of(self, name: str) -> str:
        """The zone that a name is in."""

    def update(self, zone: str, steps: Iterable[Step]) -> None:
        """Do steps of one zone."""


@dataclass(frozen=True)
class Publication:
    """What is to be done, so that a territory's records are where it has them published.

    Attributes:
        node: whose.
        steps: all of them, also what is left as it is.
    """

    node: Node
    steps: Sequence[Step]
    _keeper: Keeper
    _owned: Collection[Owned]

    @property
    def chosen(self) -> list[Step]:
        """The steps that change something."""
        return [step for step in self.steps if step.action in ("create", "delete")]

    def publish(self) -> None:
        """Do the steps; the same again goes on where a kill has ended it.

        Raises:
            DnsRefused, CloudRefused: not all of it was done, or that is not known.
        """
        owned, zones = self._owned, dns_publish.by_zone(self.chosen, self._keeper.zone_of)
        # First what will be ours, so that a run that ends in between leaves nothing that nobody knows of.
        creating = [step for step in self.chosen if step.action == "create"]
        dns_update.remember(self.node, dns_publish.owned_after(owned, creating))
        for zone, of_zone in zones.items():
            self._keeper.update(zone, of_zone)
            owned = dns_publish.owned_after(owned, of_zone)
        dns_update.remember(self.node, owned)

    def error(self) -> VerificationFailed | None:
        """What stays undone, if anything does."""
        conflicts = sum(step.action == "conflict" for step in self.steps)
        if not conflicts:
            return None
        return VerificationFailed(
            f"{self.node.name}: {conflicts} records are in the way that were not published from here: see above; "
            "remove them where they were made, if they are not needed"
        )


def keeper(node: Node) -> Keeper | None:
    """Whoever holds a territory's zone; None where its records are published by hand.

    Raises:
        SecretsError: the key or the token is missing.
        DnsRefused, CloudRefused: no usable answer, or the zone is not there.
    """
    place = node.territory.dns
    if place is None:
        return None
    found: Keeper
    if place.provider == "hcloud":
        from orchestrator.providers import hcloud
        from orchestrator.providers.hcloud.zones import Zones

        found = Zones(hcloud.client(cloud_token.load()))
    else:
        found = dns_update.Server(place, secrets.reveal(node, "dns.tsig"))
    found.zone_of(node.territory.domain)
    return found


def look(node: Node, *, none: bool = False) -> Publication | None:
    """See what there is, and what is to be done; None where a territory's records are published by hand.

    Args:
        node: whose records.
        none: it needs none any more.

    Raises:
        SecretsError, DnsRefused, CloudRefused: see `keeper`.
    """
    held_by = keeper(node)
    if held_by is None:
        return None
    wanted = [] if none else ansible_vars.zone(node.territory, mail_secrets.published(node))
    owned = dns_update.published(node)
    return Publication(node, dns_publish.steps(wanted, owned, held_by.ask), held_by, owned)


def words(step: Step) -> str:
    """A step, for people."""
    record = step.record
    against = f"  ; in the way: {step.live}" if step.live else ""
    return f"{step.action:8} {record.name}. {record.type} {record.data}{against}  ; {record.reason}"
