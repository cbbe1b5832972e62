"""How an app gets in: the person logs in on a web page and grants access, the app gets a password of its own."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

import httpx

from orchestrator.verify.check import CheckFailedError, stage
from orchestrator.verify.network import Family, Network
from orchestrator.verify.webdav import REDIRECTS, expect, join

CLIENT = "maillage-verify"  # the name under which the session is listed
OCS = {"OCS-APIRequest": "true", "Accept": "application/json"}


@dataclass(frozen=True)
class AppPassword:
    """What the app was given."""

    login: str
    password: str = field(repr=False)


def log_in(network: Network, family: Family) -> AppPassword:
    """Go the whole way (Login Flow v2), as an app and its user do.

    Raises:
        CheckFailedError: a step was not answered as it should be.
    """
    target = network.target
    base = target.url(str(target.cloud))
    with network.client(family) as app, network.client(family) as browser:
        app.headers["User-Agent"] = browser.headers["User-Agent"] = CLIENT
        with stage("beginning"):
            begun = expect(app.post(f"{base}index.php/login/v2"), 200).json()
            place, ticket = join(base, begun["poll"]["endpoint"]), {"token": begun["poll"]["token"]}
            expect(app.post(place, data=ticket), 404)
        with stage("the page that an app opens"):
            page = _page(browser, join(base, begun["login"]))
            state = _found(r"stateToken=([A-Za-z0-9]{20,})", page)
        with stage("the login form"):
            grant = f"/login/v2/grant?stateToken={state}"
            form = _page(browser, f"{base}login?redirect_url={grant}")
            fields = {
                "user": target.user,
                "password": target.password.get_secret_value(),
                "requesttoken": _request_token(form),
                "redirect_url": grant,
            }
            answer = expect(browser.post(f"{base}login", data=fields, headers={"Origin": base[:-1]}), 303)
            if "/login/v2/grant" not in answer.headers.get("location", ""):
                raise CheckFailedError("name and password were not accepted")
        with stage("granting access"):
            granted = _page(browser, urljoin(base, grant))
            fields = {"stateToken": state, "requesttoken": _request_token(granted)}
            expect(browser.post(f"{base}login/v2/grant", data=fields), 200)
        with stage("fetching the app's password"):
            given = expect(app.post(place, data=ticket), 200).json()
    if urlsplit(given["server"]).hostname != target.cloud:
        raise CheckFailedError(f"the app is told to use {given['server']}")
    return AppPassword(given["loginName"], given["appPassword"])


def log_out(client: httpx.Client, base: str) -> None:
    """Have the app's own password forgotten; the client is logged in with it."""
    expect(client.delete(f"{base}ocs/v2.php/core/apppassword", headers=OCS), 200)


def _page(browser: httpx.Client, url: str) -> str:
    for _ in range(5):
        answer = browser.get(url)
        if answer.status_code not in REDIRECTS:
            return expect(answer, 200).text
        url = join(url, answer.headers.get("location", ""))
    raise CheckFailedError("more than 5 redirects")


def _request_token(page: str) -> str:
    return _found(r'data-requesttoken="([^"]+)"', page)


def _found(pattern: str, page: str) -> str:
    if found := re.search(pattern, page):
        return found[1]
    raise CheckFailedError("the page is not the one that was expected")
