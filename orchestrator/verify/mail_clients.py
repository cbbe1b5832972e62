"""What programs read before they write to us or set themselves up: autoconfig, Apple's profile, MTA-STS."""

from __future__ import annotations

import plistlib
import subprocess
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from xml.etree import ElementTree as ET

from orchestrator.verify.check import CheckFailedError, CheckSkippedError, Step
from orchestrator.verify.network import Family, Network


def steps(network: Network, server: str) -> Iterator[Step]:
    """One step for each, over the first family.

    Args:
        network: the way to the node.
        server: full name of the mail server.
    """
    for family in network.families[:1]:
        yield Step("set up by itself", partial(_autoconfig, network, server, family))
        yield Step("Apple profile", partial(_profile, network, family))
        yield Step("MTA-STS policy", partial(_policy, network, server, family))


def _autoconfig(network: Network, server: str, family: Family) -> str:
    """What Thunderbird and others ask for, in both places where they look."""
    places = (
        (f"autoconfig.{network.target.domain}", "/mail/config-v1.1.xml"),
        (
            network.target.domain,
            "/.well-known/autoconfig/mail/config-v1.1.xml",
        ),
    )
    seen = set()
    for name, path in places:
        with network.client(family) as client:
            answer = client.get(network.target.url(name, path))
        if answer.status_code != 200:
            raise CheckFailedError(f"https://{name}{path} answers {answer.status_code}")
        provider = ET.fromstring(answer.text).find("emailProvider")  # noqa: S314 - our own node's, bounded by nginx
        if provider is None or network.target.domain not in [each.text for each in provider.findall("domain")]:
            raise CheckFailedError(f"https://{name}{path} is not about {network.target.domain}")
        for each in (*provider.findall("incomingServer"), *provider.findall("outgoingServer")):
            seen.add(f"{each.get('type')} {each.findtext('hostname')}:{each.findtext('port')}")
    expected = {f"imap {server}:993", f"smtp {server}:465"}
    if seen != expected:
        raise CheckFailedError(f"{', '.join(sorted(seen))} instead of {', '.join(sorted(expected))}")
    return ", ".join(sorted(seen))


def _profile(network: Network, family: Family) -> str:
    """Apple's: signed by the domain's certificate, and about mail, contacts and calendars."""
    with network.client(family) as client:
        answer = client.get(network.target.url(network.target.domain, "/maillage.mobileconfig"))
    if answer.headers.get("content-type") != "application/x-apple-aspen-config":
        raise CheckFailedError(f"{answer.status_code}, {answer.headers.get('content-type')}")
    content = plistlib.loads(_signed(answer.content, network.target.authority))
    kinds = sorted(part["PayloadType"].removeprefix("com.apple.") for part in content["PayloadContent"])
    expected = ["mail.managed", *(["caldav.account", "carddav.account"] if network.target.cloud else [])]
    if kinds != sorted(expected):
        raise CheckFailedError(f"sets up {', '.join(kinds)}")
    return f"signature verified; sets up {', '.join(kinds)}"


def _policy(network: Network, server: str, family: Family) -> str:
    """What other servers are asked to do (MTA-STS)."""
    with network.client(family) as client:
        answer = client.get(network.target.url(f"mta-sts.{network.target.domain}", "/.well-known/mta-sts.txt"))
    lines = answer.text.split("\r\n")
    wanted = {"version: STSv1", "mode: enforce", f"mx: {server}"}
    if answer.status_code != 200 or wanted - set(lines):
        raise CheckFailedError(f"{answer.status_code}: {', '.join(lines)}")
    return ", ".join(sorted(wanted))


def _signed(content: bytes, authority: Path | None) -> bytes:
    """What a signature is about, once it is verified."""
    with tempfile.NamedTemporaryFile() as signed:
        signed.write(content)
        signed.flush()
        trust = ["-CAfile", str(authority)] if authority else []
        command = ["openssl", "cms", "-verify", "-inform", "DER", "-in", signed.name, "-purpose", "any", *trust]
        try:
            done = subprocess.run(command, capture_output=True, timeout=20, check=False)
        except FileNotFoundError:
            raise CheckSkippedError("openssl, which verifies the signature, is not on this machine") from None
    if done.returncode:
        raise CheckFailedError(f"signature: {done.stderr.decode(errors='replace').strip().splitlines()[-1]}")
    return done.stdout
