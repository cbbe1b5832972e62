"""The firewall from outside: the ports that the contracts declare answer, a few others do not."""

from __future__ import annotations

import errno
import os
import selectors
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from functools import partial

from orchestrator.verify.check import CheckFailedError, Step
from orchestrator.verify.network import Family, Network

PATIENCE = 2.0  # seconds: a port that the firewall drops never answers


def steps(network: Network) -> Iterator[Step]:
    """Two steps for each family: what must be open, what must be closed."""
    target = network.target
    for family in network.families:
        if target.open_ports:
            yield Step(f"open ports ({family})", partial(_open, network, family))
        if target.closed_ports:
            yield Step(f"closed ports ({family})", partial(_closed, network, family))


def _open(network: Network, family: Family) -> str:
    ports = network.target.open_ports
    answers = knock(network.address(network.target.domain, family), ports, family, network.timeout)
    wrong = [f"{port} {answers[port]}" for port in ports if answers[port] != "open"]
    if wrong:
        raise CheckFailedError(", ".join(wrong))
    return f"{', '.join(map(str, ports))} open"


def _closed(network: Network, family: Family) -> str:
    ports = network.target.closed_ports
    answers = knock(network.address(network.target.domain, family), ports, family, min(PATIENCE, network.timeout))
    wrong = [str(port) for port in ports if answers[port] == "open"]
    if wrong:
        raise CheckFailedError(f"open, though nothing declares it: {', '.join(wrong)}")
    return f"{', '.join(map(str, ports))} closed"


def knock(address: str, ports: Iterable[int], family: Family, patience: float) -> dict[int, str]:
    """Try all the ports at once and say of each: open, refused, silent, or the error met."""
    answers: dict[int, str] = {}
    deadline = time.monotonic() + patience
    with ExitStack() as sockets, selectors.DefaultSelector() as selector:
        for port in ports:
            attempt = sockets.enter_context(socket.socket(family.number, socket.SOCK_STREAM))
            attempt.setblocking(False)
            error = attempt.connect_ex((address, port))
            answers[port] = "silent" if error == errno.EINPROGRESS else _meaning(error)
            if error == errno.EINPROGRESS:
                selector.register(attempt, selectors.EVENT_WRITE, (port, attempt))
        while selector.get_map() and (left := deadline - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                port, attempt = key.data
                answers[port] = _meaning(attempt.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
                selector.unregister(attempt)
    return answers


def _meaning(error: int) -> str:
    if error == 0:
        return "open"
    return "refused" if error == errno.ECONNREFUSED else os.strerror(error).lower()
