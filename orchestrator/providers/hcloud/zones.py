"""Hetzner's DNS, as one that takes a territory's records: the same questions and updates as to any name server."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING

from orchestrator.dns_publish import Step
from orchestrator.errors import DnsRefused
from orchestrator.providers.hcloud import said

if TYPE_CHECKING:
    from hcloud import Client
    from hcloud.zones import BoundZone, ZoneRecord


class Zones:
    """The zones of the project that the token belongs to.

    Args:
        client: of the API.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._zones: dict[str, BoundZone] | None = None
        self._records: dict[str, dict[tuple[str, str], tuple[str, ...]]] = {}

    def ask(self, name: str, kind: str) -> tuple[str, ...]:
        """Live data of a name and type, as in a zone file, every name absolute; as they were when first asked for.

        Raises:
            DnsRefused: no zone of the project holds the name.
            CloudRefused: no usable answer.
        """
        return self._of(self.zone_of(name)).get((name, kind), ())

    def zone_of(self, name: str) -> str:
        """The zone of the project that a name is in.

        Raises:
            DnsRefused: there is none.
            CloudRefused: no usable answer.
        """
        labels = name.split(".")
        for start in range(len(labels) - 1):
            if (zone := ".".join(labels[start:])) in self._all():
                return zone
        raise DnsRefused(f"{self}: the project has no zone for {name}; make it in their console (DNS), and delegate it")

    def update(self, zone: str, steps: Iterable[Step]) -> None:
        """Do steps of one zone, name by name; each adds or removes single records, so that others' stay.

        Raises:
            CloudRefused: not all of it was done, or that is not known; the same again finds out.
        """
        from hcloud.zones import ZoneRecord, ZoneRRSet

        groups: dict[tuple[str, str, str], list[Step]] = defaultdict(list)
        for step in sorted(steps, key=_order):
            groups[step.record.name, step.record.type, step.action].append(step)
        with said(f"the zone {zone}"):
            for (name, kind, action), chosen in groups.items():
                label = name.removesuffix(zone).removesuffix(".") or "@"
                rrset = ZoneRRSet(zone=self._all()[zone], name=label, type=kind)  # type: ignore[arg-type]
                records: list[ZoneRecord] = [ZoneRecord(step.record.data) for step in chosen]
                if action == "create":
                    lives = None if self.ask(name, kind) else chosen[0].record.ttl  # one for all records of a set
                    done = self._client.zones.add_rrset_records(rrset, records, ttl=lives)
                else:
                    done = self._client.zones.remove_rrset_records(rrset, records)
                done.wait_until_finished()

    def __str__(self) -> str:
        return "Hetzner's DNS"

    def _all(self) -> dict[str, BoundZone]:
        if self._zones is None:
            with said("the zones"):
                self._zones = {str(each.name): each for each in self._client.zones.get_all(mode="primary")}
        return self._zones

    def _of(self, zone: str) -> dict[tuple[str, str], tuple[str, ...]]:
        """What a zone holds, by absolute name and type."""
        import dns.name
        import dns.rdata

        if zone not in self._records:
            with said(f"the zone {zone}"):
                found = self._client.zones.get_rrset_all(self._all()[zone])
            origin = dns.name.from_text(zone)
            self._records[zone] = {
                (zone if each.name == "@" else f"{each.name}.{zone}", str(each.type)): tuple(
                    dns.rdata.from_text("IN", str(each.type), record.value, origin=origin, relativize=False).to_text()
                    for record in each.records or ()
                )
                for each in found
            }
        return self._records[zone]


def _order(step: Step) -> tuple[str, str, bool]:
    """What is new comes before what goes, but for aliases, of which a name has one."""
    return step.record.name, step.record.type, (step.action == "delete") is not (step.record.type == "CNAME")
