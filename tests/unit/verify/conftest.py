from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import pytest
from loopback import Front, has_ipv6, radicale, serving
from pydantic import SecretStr
from sample_authority import Authority
from sample_nameserver import Nameserver
from sample_node import CLOUD, DOMAIN, USERS, Node

from orchestrator.contract import Probe
from orchestrator.verify import Target


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    folder = tmp_path_factory.mktemp("radicale")
    with radicale(folder, USERS) as port:
        yield port, folder


@pytest.fixture(scope="session")
def other_backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., tuple[int, Path]]]:
    """Radicale with other settings, one for each set of them."""
    with ExitStack() as stack:
        started: dict[tuple[tuple[str, str], ...], tuple[int, Path]] = {}

        def start(**settings: str) -> tuple[int, Path]:
            key = tuple(sorted(settings.items()))
            if key not in started:
                folder = tmp_path_factory.mktemp("radicale")
                started[key] = (stack.enter_context(radicale(folder, USERS, **settings)), folder)
            return started[key]

        yield start


@pytest.fixture
def make_node(authority: Authority, backend: tuple[int, Path]) -> Iterator[Callable[..., Node]]:
    """Start a sample node, right in everything but HTTP/2 (which its small web server does not speak)."""
    with ExitStack() as stack:

        def make(
            tls: ssl.SSLContext | None = None, behind: tuple[int, Path] | None = None, *, any_name: bool = False
        ) -> Node:
            port, data = behind or backend
            tls = tls or authority.server([DOMAIN, CLOUD])
            if not any_name:
                tls.sni_callback = _only_ours
            addresses = ["127.0.0.1", *(["::1"] if has_ipv6() else [])]
            secured, plain = _fronts(addresses, tls), _fronts(addresses, None)
            for front in secured + plain:
                front.domain, front.backend = DOMAIN, port
            for front in plain:
                front.redirect_to = secured[0].server_address[1]
            hosts = [("A", "127.0.0.1"), *([("AAAA", "::1")] if has_ipv6() else [])]
            records = {(name, kind): [data] for name in (DOMAIN, CLOUD) for kind, data in hosts}
            records[DOMAIN, "CAA"] = ['0 issue "autorite.test"']
            records[f"_caldavs._tcp.{DOMAIN}", "SRV"] = [f"0 1 443 {CLOUD}."]
            expected = tuple((name, kind, each) for (name, kind), found in records.items() for each in found)
            records[DOMAIN, "DS"] = ["1 13 2 " + "ab" * 32]
            records[DOMAIN, "SOA"] = [f"ns.{DOMAIN}. hostmaster.{DOMAIN}. 1 3600 900 604800 60"]
            nameserver = Nameserver(records)
            stack.enter_context(serving(nameserver, *secured, *plain))
            target = Target(
                territory="exemple",
                domain=DOMAIN,
                cloud=CLOUD,
                names=(DOMAIN, CLOUD),
                addresses=tuple(
                    IPv6Address(address) if ":" in address else IPv4Address(address) for address in addresses
                ),
                user="verify",
                password=SecretStr(USERS["verify"]),
                records=expected,
                probes=(Probe(name="calendar", host="cloud", path="/verify/", status=401),),
                open_ports=(plain[0].server_address[1], secured[0].server_address[1]),
                closed_ports=(1, 2),
                signed=True,
                nameservers=(nameserver.address,),
                authority=authority.bundle,
                neighbour="exemple",
                https_port=secured[0].server_address[1],
                http_port=plain[0].server_address[1],
            )
            return Node(nameserver, plain, secured, target, data)

        yield make


@pytest.fixture
def node(make_node: Callable[..., Node]) -> Node:
    return make_node()


def _fronts(addresses: list[str], tls: ssl.SSLContext | None) -> list[Front]:
    first = Front(addresses[0], 0, tls)
    return [first, *(Front(address, first.server_address[1], tls) for address in addresses[1:])]


def _only_ours(_: ssl.SSLObject, name: str | None, __: ssl.SSLContext) -> int | None:
    return None if name in (DOMAIN, CLOUD) else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
