"""What is to be done in a live zone, so that it holds a territory's records and nobody else's is touched. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from orchestrator.dns import Record
from orchestrator.zone_check import Ask, normal, tag

Owned = tuple[str, str, str]  # name, type and data of a record that was published from here
# Types that a name may have besides a CNAME of somebody else's: none. These are asked for where we want one.
FAMILIES = {"A": "AAAA", "AAAA": "A"}
BESIDE = ("A", "AAAA", "MX", "TXT", "SRV", "CAA", "TLSA")


@dataclass(frozen=True)
class Step:
    """One thing to do, or not to do.

    Attributes:
        action: `create`, `delete` (of what was created from here), `leave`, or `conflict`: somebody else's record is in
            the way, and neither is touched.
        record: what is wanted, or was.
        live: somebody else's data, of a conflict.
    """

    action: Literal["create", "delete", "leave", "conflict"]
    record: Record
    live: str = ""


def steps(wanted: Iterable[Record], owned: Collection[Owned], ask: Ask) -> list[Step]:
    """Compare what is wanted with what is there.

    Args:
        wanted: the records of the territory.
        owned: those that were published from here before.
        ask: gives the live data of a name and type, from the server that takes the updates.
    """
    sets: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in wanted:
        sets[record.name, record.type].append(record)
    for name, kind, _ in owned:
        sets.setdefault((name, kind), [])
    ours = {(name, kind, normal(data)) for name, kind, data in owned}
    ours |= {(record.name, record.type, normal(record.data)) for records in sets.values() for record in records}
    return [step for (name, kind), records in sorted(sets.items()) for step in _of(name, kind, records, ours, ask)]


def _of(name: str, kind: str, records: list[Record], ours: Collection[Owned], ask: Ask) -> Iterator[Step]:
    """The steps of one name and type; `ours` is what belongs to us there, or will."""
    live = {normal(data): data for data in ask(name, kind)}
    known = {normal(record.data) for record in records}
    others = _foreign(name, kind, ours, ask)
    for record in records:
        if normal(record.data) in live:
            yield Step("leave", record)
        elif against := _against(record, others, ours, ask):
            yield Step("conflict", record, against)
        else:
            yield Step("create", record)
    for text, data in live.items():
        if text not in known and (name, kind, text) in ours:
            yield Step("delete", Record(name, kind, data, "not needed any more"))


def _foreign(name: str, kind: str, ours: Collection[Owned], ask: Ask) -> list[str]:
    """Live data that is somebody else's."""
    return [data for data in ask(name, kind) if (name, kind, normal(data)) not in ours]


def _against(record: Record, others: Iterable[str], ours: Collection[Owned], ask: Ask) -> str:
    """What of somebody else's is in a record's way; empty for nothing.

    Of texts several may stand at one name, about different things; of all others a second one would lead some astray.
    So would an address beside somebody else's of the other family.
    """
    same = [data for data in others if record.type != "TXT" or tag(data) == tag(record.data)]
    if same:
        return f"{record.type} {', '.join(same)}"
    if (family := FAMILIES.get(record.type)) and (same := _foreign(record.name, family, ours, ask)):
        return f"{family} {', '.join(same)}"
    if record.type == "CNAME":
        beside = [f"{kind} {data}" for kind in BESIDE for data in ask(record.name, kind)]
        return ", ".join(beside)
    alias: tuple[str, ...] = ask(record.name, "CNAME")
    return f"CNAME {', '.join(alias)}" if alias else ""


def owned_after(owned: Collection[Owned], done: Iterable[Step]) -> set[Owned]:
    """What belongs to us once steps are done; a record that is there already by somebody else's hand does not."""
    found = set(owned)
    for step in done:
        entry = step.record.name, step.record.type, step.record.data
        if step.action == "create":
            found.add(entry)
        elif step.action == "delete":
            found = {each for each in found if (*each[:2], normal(each[2])) != (*entry[:2], normal(entry[2]))}
    return found


def by_zone(chosen: Iterable[Step], zone_of: Callable[[str], str]) -> dict[str, list[Step]]:
    """Steps by the zone that their names are in: one update each."""
    found: dict[str, list[Step]] = defaultdict(list)
    for step in chosen:
        found[zone_of(step.record.name)].append(step)
    return dict(found)
