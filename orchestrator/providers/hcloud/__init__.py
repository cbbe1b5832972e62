"""Hetzner Cloud's API, by their own library, which is known in this folder alone; what it refuses, in a sentence."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import SecretStr

from orchestrator import __version__
from orchestrator.errors import CloudRefused, UsageError, printable

if TYPE_CHECKING:
    import hcloud

ENDPOINT = "HCLOUD_ENDPOINT"  # as in Hetzner's own program: another place of the API
SECONDS = (10.0, 60.0)  # to connect, and for an answer
AGAIN = "the same command goes on where this one ended"
# Code of an error (https://docs.hetzner.cloud/reference/cloud#errors) -> what to do; their own words come before.
WAYS = {
    "unauthorized": "the token is not one of theirs, or was withdrawn: make one in the project (Security, API tokens)",
    "forbidden": "the token may not do this: make one that may read and write",
    "token_readonly": "the token may only read: make one that may read and write (Security, API tokens)",
    "rate_limit_exceeded": f"too many requests in this hour: wait some minutes; {AGAIN}",
    "resource_limit_exceeded": f"the account's limit is reached: ask them for a higher one (Limits); {AGAIN}",
    "resource_unavailable": f"it is out of stock there: wait, or write another `type` into territory.yml; {AGAIN}",
    "placement_error": f"no room for it there now: wait, or write another `type` into territory.yml; {AGAIN}",
    "uniqueness_error": "something of that name, not made from here, is in the project: rename it, or take another "
    "project",
    "protected": "it is protected against this: take the protection off in their console",
    "locked": f"something else is being done to it: wait a minute; {AGAIN}",
    "conflict": f"something else has changed it meanwhile; {AGAIN}",
    "maintenance": f"they are at work on it: wait; {AGAIN}",
    "timeout": f"their service is slow: wait; {AGAIN}",
}


def client(token: SecretStr) -> hcloud.Client:
    """A client of the API.

    Raises:
        UsageError: HCLOUD_ENDPOINT would send the token in clear.
    """
    import hcloud

    given = os.environ.get(ENDPOINT)
    if given and urlsplit(given).scheme != "https" and urlsplit(given).hostname not in ("127.0.0.1", "::1"):
        raise UsageError(f"{ENDPOINT} must be an https:// address: the token is sent there")
    made = hcloud.Client(
        token.get_secret_value(),
        api_endpoint=(given or "https://api.hetzner.cloud/v1").rstrip("/"),
        application_name="maillage",
        application_version=__version__,
        poll_interval=lambda number: float(min(0.1 * 1.5**number, 5)),
        timeout=SECONDS,
    )
    # Without one, `requests` takes what ~/.netrc has for that host in place of the token.
    made._client._session.auth = lambda request: request
    return made


@contextmanager
def said(what: str) -> Iterator[None]:
    """Turn what the API or the way to it refuses into one sentence that begins with `what`.

    Raises:
        CloudRefused: with the way out.
    """
    import requests
    from hcloud import APIException
    from hcloud.actions.domain import ActionFailedException, ActionTimeoutException

    try:
        yield
    except APIException as error:
        way = WAYS.get(str(error.code), AGAIN)
        raise CloudRefused(f"Hetzner: {what}: {printable(error.message)} ({error.code}); {way}") from None
    except ActionFailedException as error:
        found = error.action.error
        code, words = (found["code"], found["message"]) if found else ("?", "no reason given")
        raise CloudRefused(f"Hetzner: {what}: {printable(words)} ({code}); {WAYS.get(code, AGAIN)}") from None
    except ActionTimeoutException:
        raise CloudRefused(f"Hetzner: {what}: not done in good time; {AGAIN}") from None
    except (KeyError, TypeError):
        raise CloudRefused(f"Hetzner: {what}: the answer is not one of theirs; is there a proxy in between?") from None
    except requests.exceptions.RequestException as error:
        raise CloudRefused(
            f"Hetzner: {what}: no answer ({type(error).__name__}); check this machine's way to the internet; {AGAIN}"
        ) from None
