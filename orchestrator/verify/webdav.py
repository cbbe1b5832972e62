"""The few requests of WebDAV that discovery, sweeping and contacts need (RFC 4918, 6764, 6352)."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import httpx

from orchestrator.verify.check import CheckFailedError

DAV = "{DAV:}"
CALDAV = "{urn:ietf:params:xml:ns:caldav}"
CARDDAV = "{urn:ietf:params:xml:ns:carddav}"
REDIRECTS = (301, 302, 303, 307, 308)
XML = {"Content-Type": 'application/xml; charset="utf-8"'}


@dataclass(frozen=True)
class Resource:
    """One resource that the server told of.

    Attributes:
        url: absolute.
        properties: what it has, by qualified name.
    """

    url: str
    properties: dict[str, ElementTree.Element]

    def href(self, name: str) -> str | None:
        """The absolute URL that a property holds, or None."""
        holder = self.properties.get(name)
        href = None if holder is None else holder.findtext(f"{DAV}href")
        return join(self.url, href) if href else None


def join(url: str, reference: str) -> str:
    """Resolve what the server refers to, but never away from it: whoever is asked gets the password.

    Raises:
        CheckFailedError: it leads elsewhere.
    """
    joined = urljoin(url, reference)
    if urlsplit(joined)[:2] != urlsplit(url)[:2]:
        raise CheckFailedError(f"{urlsplit(url).path} leads to another place, {joined}")
    return joined


def expect(response: httpx.Response, *statuses: int) -> httpx.Response:
    """Give the response back if its status is one of these.

    Raises:
        CheckFailedError: it is another.
    """
    if response.status_code not in statuses:
        path = urlsplit(str(response.request.url)).path
        raise CheckFailedError(f"{response.request.method} {path} answered {response.status_code}")
    return response


def request_properties(client: httpx.Client, url: str, *names: str, depth: int = 0) -> httpx.Response:
    """Ask for properties of a resource, and of its members with depth 1."""
    body = ElementTree.Element(f"{DAV}propfind")
    wanted = ElementTree.SubElement(body, f"{DAV}prop")
    for name in names:
        ElementTree.SubElement(wanted, name)
    return client.request(
        "PROPFIND", url, content=ElementTree.tostring(body, "utf-8"), headers=XML | {"Depth": str(depth)}
    )


def resources(response: httpx.Response) -> list[Resource]:
    """Read a multistatus answer, keeping the properties that were found.

    Raises:
        CheckFailedError: it is not one.
    """
    expect(response, 207)
    try:
        # Our own node's answer; expat (2.4.1 and later) bounds what entities may grow to.
        tree = ElementTree.fromstring(response.content)  # noqa: S314
    except ElementTree.ParseError as error:
        raise CheckFailedError(f"the answer is not XML ({error})") from error
    return [
        Resource(
            join(str(response.request.url), answer.findtext(f"{DAV}href") or ""),
            {
                found.tag: found
                for status in answer.iterfind(f"{DAV}propstat")
                if " 200" in (status.findtext(f"{DAV}status") or "")
                for found in status.iterfind(f"{DAV}prop/*")
            },
        )
        for answer in tree.iterfind(f"{DAV}response")
    ]


def follow(client: httpx.Client, url: str, *names: str) -> httpx.Response:
    """Ask for properties, following redirects as RFC 6764 wants.

    Raises:
        CheckFailedError: a redirect that leads elsewhere, or too many.
    """
    for _ in range(5):
        response = request_properties(client, url, *names)
        if response.status_code not in REDIRECTS:
            return response
        url = join(url, response.headers.get("location", ""))
    raise CheckFailedError("more than 5 redirects")
