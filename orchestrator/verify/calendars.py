"""A calendar event's whole life, with the real client library `caldav`."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Protocol, cast
from uuid import uuid4

import niquests
from caldav.davclient import DAVClient
from caldav.lib.error import NotFoundError

from orchestrator.verify.check import CheckFailedError, stage
from orchestrator.verify.network import IPV4, IPV6, Family, Network

NO_BIN = {"X-NC-CalDAV-No-Trashbin": "1"}  # Nextcloud would keep what is deleted for a month
SUMMARY = "Vérification : un rendez-vous"  # not ASCII, as a subscriber's own are
CHANGED = "Vérification : déplacé à Bayeux"


class _Event(Protocol):
    """What is used of caldav's events: the library itself types every method as perhaps a coroutine."""

    url: object
    icalendar_component: MutableMapping[str, object]

    def save(self) -> object: ...

    def delete(self) -> object: ...


class _Calendar(Protocol):
    """What is used of its calendars."""

    def add_event(self, ical: str) -> _Event: ...

    def event_by_url(self, href: object) -> _Event: ...

    def get_events(self) -> Sequence[_Event]: ...

    def search(self, *, event: bool, start: datetime, end: datetime) -> Sequence[_Event]: ...

    def delete(self) -> object: ...


def round_trip(network: Network, family: Family, url: str, name: str) -> str:
    """Make a calendar, write an event, read it, change it, list it, delete both.

    Args:
        network: the way to the target.
        family: over which to go.
        url: where the service is, as discovery found it.
        name: of the calendar to make.
    """
    start = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    identifier = str(uuid4())
    with _client(network, family, url) as client:
        with stage("making the calendar"):
            calendar = cast("_Calendar", client.get_principal().make_calendar("Vérification", cal_id=name))
        with stage("writing the event"):
            event = calendar.add_event(_event(identifier, start))
        with stage("reading the event back"):
            _same(calendar, event.url, SUMMARY)
        with stage("changing the event"):
            event.icalendar_component["SUMMARY"] = CHANGED
            event.save()
            _same(calendar, event.url, CHANGED)
        with stage("listing the day's events"):
            found = calendar.search(event=True, start=start - timedelta(hours=1), end=start + timedelta(hours=2))
            _count([str(each.icalendar_component["UID"]) for each in found], [identifier])
        with stage("deleting the event"):
            event.delete()
            _count([str(each.url) for each in calendar.get_events()], [])
        with stage("deleting the calendar"):
            calendar.delete()
    return "calendar made, event written, read, changed, listed, deleted, calendar deleted"


def _client(network: Network, family: Family, url: str) -> DAVClient:
    target = network.target
    client = DAVClient(
        url,
        username=target.user,
        password=target.password.get_secret_value(),
        auth_type="basic",
        timeout=ceil(network.timeout),
        ssl_verify_cert=str(target.authority) if target.authority else True,
        enable_rfc6764=False,
        headers=NO_BIN,
    )
    client.session.close()
    # The library's own session would ask this machine's resolver, look for .netrc and proxies, and try HTTP/3.
    client.session = niquests.Session(
        resolver=f"in-memory://default/?hosts={target.cloud}:{network.address(str(target.cloud), family)}",
        disable_ipv4=family is not IPV4,
        disable_ipv6=family is not IPV6,
        disable_http3=True,
        revocation_configuration=None,
    )
    client.session.trust_env = False
    return client


def _event(identifier: str, start: datetime) -> str:
    moment = "%Y%m%dT%H%M%SZ"
    return "\r\n".join(
        [
            "BEGIN:VCALENDAR",
            "VERSION:2.0",
            "PRODID:-//Maillage//verify//FR",
            "BEGIN:VEVENT",
            f"UID:{identifier}",
            f"DTSTAMP:{datetime.now(UTC):{moment}}",
            f"DTSTART:{start:{moment}}",
            f"DTEND:{start + timedelta(hours=1):{moment}}",
            f"SUMMARY:{SUMMARY}",
            "END:VEVENT",
            "END:VCALENDAR",
            "",
        ]
    )


def _same(calendar: _Calendar, url: object, summary: str) -> None:
    try:
        read = calendar.event_by_url(url)
    except NotFoundError:
        raise CheckFailedError("it was accepted and is not there") from None
    seen = str(read.icalendar_component["SUMMARY"])
    if seen != summary:
        raise CheckFailedError(f"it reads “{seen}” where “{summary}” was written")


def _count(seen: list[str], expected: list[str]) -> None:
    if seen != expected:
        raise CheckFailedError(f"{len(seen)} found instead of {len(expected)}")
