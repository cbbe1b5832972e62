"""TLS on every name and over every family, as a phone does it, and what a modern server must refuse."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from functools import partial

from orchestrator.verify.check import CheckFailedError, CheckSkippedError, Step
from orchestrator.verify.network import Family, Network

FEWEST_DAYS = 10  # renewal comes weeks before: with fewer days left it has failed several times
OLD = {"TLS 1.0": ssl.TLSVersion.TLSv1, "TLS 1.1": ssl.TLSVersion.TLSv1_1}


def steps(network: Network) -> Iterator[Step]:
    """Three steps for each family and name: the certificate, the old protocols, HTTP/2."""
    for family in network.families:
        for name in network.target.names:
            yield Step(f"TLS {name} ({family})", partial(_certificate, network, name, family))
            yield Step(f"old TLS refused {name} ({family})", partial(_old_protocols, network, name, family))
            yield Step(f"HTTP/2 {name} ({family})", partial(_http2, network, name, family))


def _certificate(network: Network, name: str, family: Family) -> str:
    with _handshake(network, name, family, network.tls) as connection:
        certificate, protocol = connection.getpeercert(), connection.version()
    days = int((ssl.cert_time_to_seconds(str((certificate or {})["notAfter"])) - time.time()) // 86400)
    if days < FEWEST_DAYS:
        raise CheckFailedError(f"only {days} days left: the certificate is not being renewed")
    if protocol not in ("TLSv1.2", "TLSv1.3"):
        raise CheckFailedError(f"{protocol}: older than TLS 1.2")
    return f"{protocol}, {days} days left, chain verified"


def _old_protocols(network: Network, name: str, family: Family) -> str:
    for title, version in OLD.items():
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # Only whether the server agrees to speak is asked; nothing is sent to it.
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")  # Debian's default level forbids this machine to ask
        context.minimum_version = context.maximum_version = version
        if not _can_ask(context):
            raise CheckSkippedError(f"this machine's OpenSSL cannot ask for {title}")
        try:
            _handshake(network, name, family, context).close()
        except (ssl.SSLError, ConnectionResetError):
            continue
        raise CheckFailedError(f"{title} was accepted")
    return "TLS 1.0 and 1.1 refused"


def _can_ask(context: ssl.SSLContext) -> bool:
    """Whether this machine's OpenSSL would send a greeting with these settings; nothing is sent."""
    try:
        context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO()).do_handshake()
    except ssl.SSLWantReadError:
        return True
    except ssl.SSLError:
        return False
    return False


def _http2(network: Network, name: str, family: Family) -> str:
    context = ssl.create_default_context(cafile=network.target.authority)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with _handshake(network, name, family, context) as connection:
        chosen = connection.selected_alpn_protocol()
    if chosen != "h2":
        raise CheckFailedError(f"the server chose {chosen or 'nothing'} where h2 was offered")
    return "h2 chosen"


def _handshake(network: Network, name: str, family: Family, context: ssl.SSLContext) -> ssl.SSLSocket:
    connection = network.connect(name, network.target.https_port, family, context)
    assert isinstance(connection, ssl.SSLSocket)
    return connection
