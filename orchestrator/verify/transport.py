"""HTTP over connections to the address that the target's nameservers give."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from orchestrator.verify.network import Family, Network

PORTS = {"http": 80, "https": 443}


class Transport(httpx.BaseTransport):
    """Connects to the address that the network gives; TLS and the Host header keep the name."""

    def __init__(self, network: Network, family: Family) -> None:
        self.network = network
        self.family = family
        # One per name: connections are kept by address, and one opened for a name must not serve another.
        self.transports: dict[str, httpx.HTTPTransport] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request and give the answer."""
        name = request.url.host
        address = self.network.address(name, self.family)
        if name not in self.transports:
            self.transports[name] = httpx.HTTPTransport(verify=self.network.tls, trust_env=False)
        addressed = httpx.Request(
            request.method,
            request.url.copy_with(host=address),
            headers=request.headers,
            stream=request.stream,
            extensions=request.extensions | {"sni_hostname": name},
        )
        with self.network.once(f"{address} {request.url.port or PORTS[request.url.scheme]}"):
            return self.transports[name].handle_request(addressed)

    def close(self) -> None:
        """Close every connection."""
        for transport in self.transports.values():
            transport.close()
