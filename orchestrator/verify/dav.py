"""The account, and contacts and calendars through it, as a phone that knows only a name and a password."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from urllib.parse import urljoin, urlsplit

from orchestrator.verify import calendars, contacts, leftovers
from orchestrator.verify.check import CheckFailedError, Step
from orchestrator.verify.network import Family, Network
from orchestrator.verify.webdav import CALDAV, CARDDAV, DAV, follow, request_properties, resources

PRINCIPAL = f"{DAV}current-user-principal"
HOMES = {"CalDAV": f"{CALDAV}calendar-home-set", "CardDAV": f"{CARDDAV}addressbook-home-set"}


def steps(network: Network) -> Iterator[Step]:
    """Discovery, login and round trips for each family; refusals and sweeping once, being the same for both.

    Each refusal costs one wrong login, which the node's own guard against guessing counts.
    """
    with ExitStack() as clients:
        accounts = [Account(network, family) for family in network.families]
        for account in accounts:
            clients.enter_context(account.client)
            for service in HOMES:
                yield Step(f"{service} discovery and login ({account.family})", partial(account.discover, service))
        for account in accounts[:1]:
            yield Step("wrong password refused", account.wrong_password)
            yield Step("no password refused", account.no_password)
            yield Step("another account closed", account.neighbour)
            yield Step("leftovers of earlier runs", account.sweep)
        for account in accounts:
            yield Step(f"CalDAV round trip ({account.family})", account.calendars)
            yield Step(f"CardDAV round trip ({account.family})", account.contacts)
        if accounts:
            yield Step("nothing left behind", partial(clean_up, accounts))


class Account:
    """The account over one family.

    Attributes:
        places: URL of each service, as discovery found it.
        homes: URL of each service's home, where its collections are.
        made: names of the collections that this run makes.
    """

    def __init__(self, network: Network, family: Family) -> None:
        self.network = network
        self.target = network.target
        self.family = family
        self.client = network.client(family, auth=(self.target.user, self.target.password.get_secret_value()))
        self.places: dict[str, str] = {}
        self.homes: dict[str, str] = {}
        self.made = {service: leftovers.name(f"{service}{family}".lower()) for service in HOMES}

    def discover(self, service: str) -> str:
        """From the well-known address (RFC 6764) to the place of the service, the principal, and its home."""
        start = self.target.url(str(self.target.cloud), f"/.well-known/{service.lower()}")
        response = follow(self.client, start, PRINCIPAL)
        if response.status_code == 401:
            raise CheckFailedError("the right password was refused (401)")
        place = str(response.request.url)
        if place == start:
            raise CheckFailedError(f"{urlsplit(start).path} leads nowhere (it answered {response.status_code})")
        principal = resources(response)[0].href(PRINCIPAL)
        if principal is None:
            raise CheckFailedError(f"{urlsplit(place).path} tells no principal")
        home = resources(request_properties(self.client, principal, HOMES[service]))[0].href(HOMES[service])
        if home is None:
            raise CheckFailedError(f"{urlsplit(principal).path} tells no {HOMES[service].rpartition('}')[2]}")
        self.places[service], self.homes[service] = place, home
        return f"{urlsplit(start).path} leads to {urlsplit(place).path}, logged in, home {urlsplit(home).path}"

    def wrong_password(self) -> str:
        """A password that nobody has is refused."""
        return self._refused((self.target.user, secrets.token_urlsafe(24)), "a wrong password")

    def no_password(self) -> str:
        """So is none at all."""
        return self._refused(None, "no password")

    def _refused(self, auth: tuple[str, str] | None, what: str) -> str:
        home = self._known(self.homes, "CalDAV")
        with self.network.client(self.family, auth=auth) as client:
            status = request_properties(client, home, PRINCIPAL).status_code
        if status != 401:
            raise CheckFailedError(f"{what} was answered {status} instead of 401")
        return "401"

    def neighbour(self) -> str:
        """Another account's collections are not shown; only a look is tried, nothing is written there."""
        home = self._known(self.homes, "CalDAV").rstrip("/")
        other = f"{urljoin(home, self.target.neighbour or 'no-such-account')}/"
        status = request_properties(self.client, other, PRINCIPAL, depth=1).status_code
        # Where nobody is, 404 says nothing of the rights; where somebody is, it hides them well.
        if status not in ((403, 404) if self.target.neighbour else (403,)):
            raise CheckFailedError(f"PROPFIND {urlsplit(other).path} answered {status} instead of 403")
        return f"{status} for {urlsplit(other).path}"

    def sweep(self) -> str:
        """Remove what a run that was killed left in the account."""
        old = [url for url in self._collections() if leftovers.is_abandoned(_last(url))]
        self._delete(old)
        return f"{len(old)} removed" if old else "none"

    def calendars(self) -> str:
        """See `calendars.round_trip`."""
        place = self._known(self.places, "CalDAV")
        return calendars.round_trip(self.network, self.family, place, self.made["CalDAV"])

    def contacts(self) -> str:
        """See `contacts.round_trip`."""
        home = self._known(self.homes, "CardDAV")
        return contacts.round_trip(self.client, home, self.made["CardDAV"])

    def _collections(self) -> list[str]:
        homes = {self._known(self.homes, service) for service in HOMES}
        return [
            each.url
            for home in sorted(homes)
            for each in resources(request_properties(self.client, home, f"{DAV}resourcetype", depth=1))
        ]

    def remove(self, names: set[str]) -> list[str]:
        """Delete those collections that are still there, and say which they were."""
        there = [url for url in self._collections() if _last(url) in names]
        self._delete(there)
        return there

    def _delete(self, urls: list[str]) -> None:
        for url in urls:
            status = self.client.delete(url, headers=calendars.NO_BIN).status_code
            if status not in (200, 204, 404):
                raise CheckFailedError(f"DELETE {urlsplit(url).path} answered {status}")

    def _known(self, found: dict[str, str], service: str) -> str:
        if service not in found:
            raise CheckFailedError(f"not tried: {service} was not discovered over {self.family}")
        return found[service]


def clean_up(accounts: list[Account]) -> str:
    """Remove what this run made and could not delete itself, whatever happened to it."""
    names = {name for account in accounts for name in account.made.values()}
    able = next((account for account in accounts if account.homes.keys() == HOMES.keys()), accounts[0])
    removed = able.remove(names)
    return f"{len(removed)} removed now" if removed else "the account is as it was"


def _last(url: str) -> str:
    return urlsplit(url).path.rstrip("/").rpartition("/")[2]
