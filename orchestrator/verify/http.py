"""What a browser meets: the redirect to HTTPS, the headers, the page at the apex, the probes, an unknown name."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from functools import partial

from orchestrator.contract import Probe
from orchestrator.verify.check import CheckFailedError, Step
from orchestrator.verify.network import Family, Network

STRANGER = "no-such-name.example"
SHORTEST_HSTS = 15_552_000  # seconds: 180 days, below which browsers' and auditors' advice calls it too short


def steps(network: Network) -> Iterator[Step]:
    """For each family: two steps for each name, the apex page, the probes, and a name that is not served."""
    for family in network.families:
        for name in network.target.names:
            yield Step(f"redirect to HTTPS {name} ({family})", partial(_redirect, network, name, family))
            yield Step(f"headers {name} ({family})", partial(_headers, network, name, family))
        yield Step(f"page {network.target.domain} ({family})", partial(_page, network, family))
        for probe in network.target.probes:
            yield Step(f"probe {probe.name} ({family})", partial(_probe, network, probe, family))
        yield Step(f"unknown name refused ({family})", partial(_unknown_name, network, family))


def _redirect(network: Network, name: str, family: Family) -> str:
    port = network.target.http_port
    with network.client(family) as client:
        response = client.get(f"http://{name}{'' if port == 80 else f':{port}'}/")
    location = response.headers.get("location", "nowhere")
    if response.status_code not in (301, 308) or location != network.target.url(name):
        raise CheckFailedError(f"port {port} answers {response.status_code} and leads to {location}")
    return f"{response.status_code} to {location}"


def _strict_transport(value: str) -> bool:
    age = re.search(r"max-age\s*=\s*\"?(\d+)", value, re.IGNORECASE)
    return age is not None and int(age[1]) >= SHORTEST_HSTS


HEADERS: Mapping[str, Callable[[str], bool]] = {
    "Strict-Transport-Security": _strict_transport,
    "X-Content-Type-Options": lambda value: value.lower() == "nosniff",
    "Referrer-Policy": lambda value: value != "" and "unsafe-url" not in value.lower(),
    # A version would tell an attacker which holes are open.
    "Server": lambda value: not re.search(r"\d", value),
}


def _headers(network: Network, name: str, family: Family) -> str:
    with network.client(family) as client:
        received = client.get(network.target.url(name)).headers
    wrong = [
        f"{header}: {received[header]}" if header in received else f"no {header}"
        for header, right in HEADERS.items()
        if not right(received.get(header, ""))
    ]
    # Nobody may show our pages inside theirs: the modern way to say it, or the older one.
    framing = received.get("Content-Security-Policy", ""), received.get("X-Frame-Options", "").upper()
    if "frame-ancestors" not in framing[0] and framing[1] not in ("DENY", "SAMEORIGIN"):
        wrong.append(f"Content-Security-Policy: {framing[0]}" if framing[0] else "no Content-Security-Policy")
    if wrong:
        raise CheckFailedError("; ".join(wrong))
    return f"Strict-Transport-Security: {received['Strict-Transport-Security']}, and the others as they should be"


def _page(network: Network, family: Family) -> str:
    with network.client(family) as client:
        response = client.get(network.target.url(network.target.domain))
    kind = response.headers.get("content-type", "no type")
    if response.status_code != 200 or not kind.startswith("text/html") or "<title>" not in response.text.lower():
        raise CheckFailedError(f"{response.status_code}, {kind}: not a page with a title")
    return f"200, a page of {len(response.content)} bytes"


def _probe(network: Network, probe: Probe, family: Family) -> str:
    domain = network.target.domain
    url = network.target.url(domain if probe.host == "@" else f"{probe.host}.{domain}", probe.path or "/")
    with network.client(family) as client:
        status = client.get(url).status_code
    if status != probe.status:
        raise CheckFailedError(f"{url} answers {status} instead of {probe.status}")
    return f"{url} answers {status}"


def _unknown_name(network: Network, family: Family) -> str:
    """A stranger's name that leads here must not be served this node's site, over HTTP or HTTPS."""
    target = network.target
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # No certificate can be right for a name that is not served; what is asked is whether it is served all the same.
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with network.connect(target.domain, target.http_port, family) as plain:
        seen = [f"port {target.http_port}: {_refusal(plain, STRANGER)}"]
    with network.connect(target.domain, target.https_port, family) as connection:
        try:
            with context.wrap_socket(connection, server_hostname=STRANGER) as secured:
                seen.append(f"port {target.https_port}: {_refusal(secured, STRANGER)}")
        except (ssl.SSLError, ConnectionResetError):
            seen.append(f"port {target.https_port}: no TLS for it")
    return "; ".join(seen)


def _refusal(connection: socket.socket, name: str) -> str:
    """Ask for a page of the name, and say how it was refused.

    Raises:
        CheckFailedError: it was served or redirected.
    """
    connection.sendall(f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
    try:
        first_line = connection.makefile("rb").readline(200).decode("latin-1").strip()
    except ConnectionResetError:
        first_line = ""
    if not first_line:
        return "connection closed"
    if not re.match(r"HTTP/1\.[01] 4\d\d ", first_line):
        raise CheckFailedError(f"a page of {name}, which is not served here, was answered with {first_line}")
    return first_line.removeprefix("HTTP/1.1 ")
