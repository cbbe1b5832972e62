"""What the live DNS says, beside what it should say. Pure but for the question, which is handed in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from orchestrator.dns import Record

Ask = Callable[[str, str], tuple[str, ...]]  # name and type to data as in a zone file, every name absolute
# Asked for at each of our names, besides our own records there: what somebody else may have put.
OTHERS = ("A", "AAAA", "CAA", "MX", "TXT")


@dataclass(frozen=True)
class Difference:
    """One thing to do, or to leave, in the live zone.

    Attributes:
        action: `create`, `change`, `leave`, or `foreign` for what is not ours and never touched.
        name: absolute owner name, without the final dot.
        type: A, AAAA, SRV…
        data: as it should be; as it is where it is foreign.
        live: as it is, where it is to change.
        reason: why the record is there.
    """

    action: Literal["create", "change", "leave", "foreign"]
    name: str
    type: str
    data: str
    live: str = ""
    reason: str = ""


def compare(wanted: Iterable[Record], ask: Ask) -> Iterator[Difference]:
    """Compare record by record; records of one name and type together make what a resolver answers."""
    sets: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in wanted:
        sets[record.name, record.type].append(record)
    for (name, kind), records in sets.items():
        yield from _compared(name, kind, records, ask(name, kind))
    for name in sorted({name for name, _ in sets}):
        if any(label.startswith("_") for label in name.split(".")):
            continue  # names that say of themselves what they are for are nobody else's
        for kind in OTHERS:
            if (name, kind) not in sets and (name, "CNAME") not in sets:
                yield from (Difference("foreign", name, kind, data) for data in ask(name, kind))


def _compared(name: str, kind: str, records: list[Record], live: tuple[str, ...]) -> Iterator[Difference]:
    there = {normal(data): data for data in live}
    known = {normal(record.data) for record in records}
    # Of several texts at one name each is by itself; of all others our set is the whole one.
    rest = [data for text, data in there.items() if text not in known]
    for record in records:
        if normal(record.data) in there:
            yield Difference("leave", name, kind, record.data, reason=record.reason)
            continue
        instead = [data for data in rest if kind != "TXT" or tag(data) == tag(record.data)]
        action: Literal["create", "change"] = "change" if instead else "create"
        yield Difference(action, name, kind, record.data, ", ".join(instead), record.reason)
        rest = [data for data in rest if data not in instead]
    if kind == "TXT":
        tags = {tag(record.data) for record in records}
        yield from (Difference("foreign", name, kind, data) for data in rest if tag(data) not in tags)
        rest = [data for data in rest if tag(data) in tags]
    for data in rest:  # one too many: it would lead some subscribers or servers astray
        yield Difference("change", name, kind, ", ".join(r.data for r in records), data, records[0].reason)


def normal(data: str) -> str:
    """The same for all ways to write a record: strings of a text joined, letters of other data in lower case."""
    if data.startswith('"'):
        return "".join(data.split('"')[1::2])
    return data.lower()


def tag(text: str) -> str:
    """What a text record is about, such as `v=spf1`; its whole beginning where it does not say."""
    return normal(text).replace(";", " ").split(" ")[0].lower()
