"""Names and connections as the target's nameservers give them, over one address family at a time.

This machine's own resolver is not asked unless the target says so: a lab's names, or a zone that has just changed, may
be unknown to it, and a subscriber's phone does not read this machine's /etc/hosts.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import dns.exception
import dns.flags
import dns.nameserver
import dns.resolver
import httpx

from orchestrator.verify.check import CheckFailedError
from orchestrator.verify.target import Target
from orchestrator.verify.transport import Transport

UDP_PAYLOAD = 1232  # bytes, what DNS flag day 2020 recommends


class NoRecordError(CheckFailedError):
    """The nameservers answered that there is no such name or no such record."""


@dataclass(frozen=True)
class Family:
    """IPv4 or IPv6: how it is called, its type of DNS record, its number in the socket API."""

    name: str
    record: str
    number: socket.AddressFamily

    def __str__(self) -> str:
        return self.name


IPV4 = Family("IPv4", "A", socket.AF_INET)
IPV6 = Family("IPv6", "AAAA", socket.AF_INET6)


def no_route(family: Family, address: str) -> str | None:
    """Why this machine cannot send to the address at all, or None.

    Nothing is sent: the kernel only looks for a route.
    """
    with socket.socket(family.number, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((address, 9))
        except OSError as error:
            return error.strerror or str(error)
    return None


class Network:
    """The way from here to one target.

    Attributes:
        target: what is verified.
        timeout: bound of each operation, in seconds.
        unreachable: for each family that the target has an address of, why it is out of reach from here, or None.
    """

    def __init__(self, target: Target, timeout: float) -> None:
        self.target = target
        self.timeout = timeout
        addresses = {(IPV4 if address.version == 4 else IPV6): str(address) for address in target.addresses}
        self.unreachable = {family: no_route(family, address) for family, address in addresses.items()}
        self._silent: set[str] = set()

    @property
    def families(self) -> list[Family]:
        """The families over which the target can be reached from here."""
        return [family for family, reason in self.unreachable.items() if reason is None]

    @contextmanager
    def once(self, whom: str, *, remember: bool = True) -> Iterator[None]:
        """Wait in vain for somebody only once: a host that is down would cost every check its whole patience.

        Args:
            whom: the nameservers, or an address and a port.
            remember: False where the question is unusual, so that no answer says nothing of the usual ones.

        Raises:
            TimeoutError: there was no answer from there, now or earlier.
        """
        if whom in self._silent:
            raise TimeoutError
        try:
            yield
        except (TimeoutError, httpx.ConnectTimeout, dns.resolver.LifetimeTimeout):
            if remember:
                self._silent.add(whom)
            raise

    @cached_property
    def resolver(self) -> dns.resolver.Resolver:
        """Asks the target's nameservers, wants to know whether an answer was validated, remembers answers."""
        resolver = dns.resolver.Resolver(configure=not self.target.nameservers)
        if self.target.nameservers:
            resolver.nameservers = [
                dns.nameserver.Do53Nameserver(address, int(port or 53))
                for address, _, port in (entry.partition("@") for entry in self.target.nameservers)
            ]
        resolver.use_edns(0, dns.flags.DO, UDP_PAYLOAD)
        resolver.lifetime = self.timeout
        resolver.cache = dns.resolver.LRUCache()
        return resolver

    def ask(self, name: str, kind: str) -> dns.resolver.Answer:
        """Ask for records; a failure is said in one sentence.

        Raises:
            NoRecordError: no such name, or no such record.
            CheckFailedError: no usable answer.
        """
        try:
            with self.once(self.asked):
                return self.resolver.resolve(f"{name}.", kind, search=False)
        except dns.resolver.NXDOMAIN:
            raise NoRecordError(f"the name {name} does not exist (NXDOMAIN)") from None
        except dns.resolver.NoAnswer:
            raise NoRecordError(f"{name} has no {kind} record") from None
        except (dns.resolver.LifetimeTimeout, TimeoutError):
            raise CheckFailedError(f"no answer from {self.asked} in {self.timeout:g} s") from None
        except dns.resolver.NoNameservers as error:
            codes = {dns.rcode.to_text(entry[4].rcode()) for entry in error.kwargs["errors"] if entry[4] is not None}
            raise CheckFailedError(f"{self.asked} answered {', '.join(sorted(codes)) or 'nothing usable'}") from None

    @property
    def asked(self) -> str:
        """Whom `ask` asks, for a sentence."""
        return ", ".join(self.target.nameservers) or "this machine's resolver"

    def address(self, name: str, family: Family) -> str:
        """The address that the name resolves to.

        Raises:
            CheckFailedError: it does not resolve.
        """
        return str(next(iter(self.ask(name, family.record))).address)

    def connect(self, name: str, port: int, family: Family, tls: ssl.SSLContext | None = None) -> socket.socket:
        """Open a TCP connection to the address of the name, and do the TLS handshake for the name if asked to."""
        address = self.address(name, family)
        with self.once(f"{address} {port}", remember=tls in (None, self.tls)):
            connection = socket.create_connection((address, port), timeout=self.timeout)
            if tls is None:
                return connection
            try:
                return tls.wrap_socket(connection, server_hostname=name)
            except BaseException:
                connection.close()
                raise

    @cached_property
    def tls(self) -> ssl.SSLContext:
        """Verifies the chain against the target's authority, and the name."""
        return ssl.create_default_context(cafile=self.target.authority)

    def client(self, family: Family, *, auth: tuple[str, str] | None = None) -> httpx.Client:
        """An HTTP client that goes through this network, follows no redirect, and reads no proxy or .netrc."""
        return httpx.Client(transport=Transport(self, family), auth=auth, timeout=self.timeout, trust_env=False)
