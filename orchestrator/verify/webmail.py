"""Webmail as a browser uses it: the page, in French too, a login, the pages of filters and of the password."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from urllib.parse import urljoin

import httpx

from orchestrator.verify.check import CheckFailedError, Step, stage
from orchestrator.verify.network import Family, Network
from orchestrator.verify.target import Account

# What is there once somebody has logged in, and a word that only that page holds.
PAGES = {
    "mail": ("?_task=mail&_mbox=INBOX", 'id="messagelist"'),
    "filters": ("?_task=settings&_action=plugin.managesieve", "managesieve"),
    "absences": ("?_task=settings&_action=plugin.managesieve-vacation", "vacation"),
    "password": ("?_task=settings&_action=plugin.password", "_curpasswd"),
}


def steps(network: Network, account: Account) -> Iterator[Step]:
    """One look at each family's page, then a session over the first.

    Args:
        network: the way to the node.
        account: who logs in.
    """
    for family in network.families:
        yield Step(f"webmail page ({family})", partial(_page, network, family))
    for family in network.families[:1]:
        yield Step("webmail session", partial(_session, network, account, family))
        yield Step("wrong webmail password refused", partial(_refused, network, account, family))


def _base(network: Network) -> str:
    return network.target.url(f"webmail.{network.target.domain}")


def _page(network: Network, family: Family) -> str:
    with network.client(family) as browser:
        answer = browser.get(_base(network), headers={"Accept-Language": "fr"})
        if answer.status_code != 200 or '<html lang="fr"' not in answer.text:
            raise CheckFailedError(f"{answer.status_code}, not a page in French")
        styles = re.findall(r'<link rel="stylesheet" href="(skins/[^"]+)"', answer.text)
        codes = {browser.get(urljoin(_base(network), style)).status_code for style in styles}
    if codes != {200}:
        raise CheckFailedError(f"its styles answer {', '.join(map(str, sorted(codes))) or 'nothing: there are none'}")
    return f"in French, with {len(styles)} styles"


def _log_in(network: Network, browser: httpx.Client, account: Account, password: str) -> httpx.Response:
    """Fill in the form, as a person does."""
    page = browser.get(_base(network)).text
    token = re.search(r'name="_token" value="([A-Za-z0-9]+)"', page)
    if token is None:
        raise CheckFailedError("there is no form to log in with")
    fields = {"_token": token[1], "_task": "login", "_action": "login", "_user": account.address, "_pass": password}
    return browser.post(f"{_base(network)}?_task=login", data=fields)


def change_password(network: Network, account: Account, new: str, family: Family) -> None:
    """Change a password on the page for it.

    Raises:
        CheckFailedError: it was not changed.
    """
    old = account.password.get_secret_value()
    with network.client(family) as browser:
        _log_in(network, browser, account, old)
        page = browser.get(urljoin(_base(network), PAGES["password"][0])).text
        token = re.search(r'"request_token":"([A-Za-z0-9]+)"', page)
        fields = {"_token": token[1] if token else "", "_curpasswd": old, "_newpasswd": new, "_confpasswd": new}
        answer = browser.post(f"{_base(network)}?_task=settings&_action=plugin.password-save", data=fields)
        if answer.status_code != 200 or '"confirmation"' not in answer.text:
            said = re.search(r'display_message\("([^"]*)"', answer.text)
            raise CheckFailedError(f"{answer.status_code}: {said[1] if said else 'the password was not changed'}")


def _session(network: Network, account: Account, family: Family) -> str:
    with network.client(family) as browser:
        with stage("login"):
            answer = _log_in(network, browser, account, account.password.get_secret_value())
            if answer.status_code != 302 or "_task=mail" not in answer.headers.get("location", ""):
                raise CheckFailedError(f"{answer.status_code}: name and password were not accepted")
        for name, (place, word) in PAGES.items():
            with stage(name):
                page = browser.get(urljoin(_base(network), place))
                if page.status_code != 200 or word not in page.text:
                    raise CheckFailedError(f"{page.status_code}, not the page that it should be")
        token = re.search(r'"request_token":"([A-Za-z0-9]+)"', page.text)
        browser.get(f"{_base(network)}?_task=logout&_token={token[1] if token else ''}")
        after = browser.get(urljoin(_base(network), PAGES["mail"][0]))
        if PAGES["mail"][1] in after.text:
            raise CheckFailedError("logging out leaves the session open")
    return f"logged in, {', '.join(PAGES)}, logged out"


def _refused(network: Network, account: Account, family: Family) -> str:
    with network.client(family) as browser:
        answer = _log_in(network, browser, account, "not the password")
    if answer.status_code == 302:
        raise CheckFailedError("a wrong password was accepted")
    return str(answer.status_code)
