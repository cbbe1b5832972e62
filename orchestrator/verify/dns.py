"""The zone, as the resolver gives it: every expected record, and whether the answers were validated."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import partial

import dns.flags
import dns.name
import dns.rdata
import dns.resolver

from orchestrator.verify.check import CheckFailedError, CheckSkippedError, Step
from orchestrator.verify.network import Network, NoRecordError


def steps(network: Network) -> Iterator[Step]:
    """One step for each name and type, then one for the signature of the zone."""
    expected: dict[tuple[str, str], set[dns.rdata.Rdata]] = defaultdict(set)
    for name, kind, data in network.target.records:
        record = dns.rdata.from_text("IN", kind, data, origin=dns.name.root, relativize=False)
        expected[name.rstrip("."), kind].add(record)
    for (name, kind), records in expected.items():
        yield Step(f"DNS {name} {kind}", partial(_records, network, name, kind, records))
    yield Step(f"DNSSEC {network.target.domain}", partial(_signature, network))


def _records(network: Network, name: str, kind: str, expected: set[dns.rdata.Rdata]) -> str:
    answer = network.ask(name, kind)
    seen = set(answer)
    # A partner may have other TXT records beside ours; another address or mail host would lead subscribers astray.
    if expected - seen if kind == "TXT" else expected ^ seen:
        raise CheckFailedError(f"{_text(seen)} instead of {_text(expected)}")
    if not _validated(answer) and network.target.signed:
        raise CheckFailedError(f"{_text(expected)}, but not validated (no AD flag)")
    return _text(expected) + (", validated" if _validated(answer) else "")


def _signature(network: Network) -> str:
    """Strict where the zone must be signed; elsewhere that, and a resolver that validates, is the partner's choice."""
    domain = network.target.domain
    try:
        network.ask(domain, "DS")
    except NoRecordError as error:
        if network.target.signed:
            raise
        raise CheckSkippedError(f"the zone is not signed ({error})") from error
    if _validated(network.ask(domain, "SOA")):
        return "signed, and validated by the resolver"
    if network.target.signed:
        raise CheckFailedError("signed, but not validated (no AD flag)")
    raise CheckSkippedError(f"signed, but {network.asked} does not say whether it validates")


def _validated(answer: dns.resolver.Answer) -> bool:
    return bool(answer.response.flags & dns.flags.AD)


def _text(records: Iterable[dns.rdata.Rdata]) -> str:
    return ", ".join(sorted(record.to_text() for record in records))
