"""A contact's whole life over CardDAV, the cards made and read with vobject."""

from __future__ import annotations

from uuid import uuid4

import httpx
import vobject

from orchestrator.verify.check import CheckFailedError, stage
from orchestrator.verify.webdav import XML, expect, resources

NAME = "Éloïse d'Exemple"  # not ASCII, as a subscriber's own are
CHANGED = "Éloïse d'Exemple-Lavoisier"
MAKE = """<?xml version="1.0" encoding="utf-8"?>
<mkcol xmlns="DAV:" xmlns:card="urn:ietf:params:xml:ns:carddav"><set><prop>
<resourcetype><collection/><card:addressbook/></resourcetype><displayname>Vérification</displayname>
</prop></set></mkcol>"""
LIST = """<?xml version="1.0" encoding="utf-8"?>
<card:addressbook-query xmlns="DAV:" xmlns:card="urn:ietf:params:xml:ns:carddav"><prop><getetag/></prop>
<card:filter><card:prop-filter name="UID"/></card:filter></card:addressbook-query>"""


def round_trip(client: httpx.Client, home: str, name: str) -> str:
    """Make an address book, write a contact, read it, change it, list it, delete both.

    Args:
        client: logged in.
        home: URL of the address-book home.
        name: of the address book to make.
    """
    book = f"{home.rstrip('/')}/{name}/"
    identifier = str(uuid4())
    url = f"{book}{identifier}.vcf"
    with stage("making the address book"):
        expect(client.request("MKCOL", book, content=MAKE.encode(), headers=XML), 201)
    with stage("writing the contact"):
        _write(client, url, _card(identifier, NAME), {"If-None-Match": "*"})
    with stage("reading the contact back"):
        tag = _same(client, url, NAME)
    with stage("changing the contact"):
        _write(client, url, _card(identifier, CHANGED), {"If-Match": tag})
        _same(client, url, CHANGED)
    with stage("listing the contacts"):
        _listed(client, book, 1)
    with stage("deleting the contact"):
        expect(client.delete(url), 200, 204)
        _listed(client, book, 0)
    with stage("deleting the address book"):
        expect(client.delete(book), 200, 204)
    return "address book made, contact written, read, changed, listed, deleted, address book deleted"


def _card(identifier: str, full_name: str) -> str:
    card = vobject.vCard()
    card.add("uid").value = identifier
    card.add("fn").value = full_name
    card.add("n").value = vobject.vcard.Name(family="d'Exemple", given="Éloïse")
    card.add("email").value = "exemple@exterieur.test"
    return str(card.serialize())


def _write(client: httpx.Client, url: str, card: str, condition: dict[str, str]) -> None:
    headers = {"Content-Type": "text/vcard; charset=utf-8"} | condition
    expect(client.put(url, content=card.encode(), headers=headers), 200, 201, 204)


def _same(client: httpx.Client, url: str, full_name: str) -> str:
    response = client.get(url)
    if response.status_code == 404:
        raise CheckFailedError("it was accepted and is not there")
    seen = str(vobject.readOne(expect(response, 200).content.decode()).fn.value)
    if seen != full_name:
        raise CheckFailedError(f"it reads “{seen}” where “{full_name}” was written")
    return str(response.headers.get("etag", "*"))


def _listed(client: httpx.Client, book: str, expected: int) -> None:
    found = resources(client.request("REPORT", book, content=LIST.encode(), headers=XML | {"Depth": "1"}))
    if len(found) != expected:
        raise CheckFailedError(f"{len(found)} found instead of {expected}")
