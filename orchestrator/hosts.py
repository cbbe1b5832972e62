"""The hosts of a run: made if need be, fit to be nodes, held by nobody else."""

from __future__ import annotations

import getpass
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from orchestrator import ansible_vars, mail_preflight, preflight, ssh
from orchestrator.errors import HostError, HostLocked, HostUnreachable
from orchestrator.model import Node
from orchestrator.preflight import Facts
from orchestrator.progress import note
from orchestrator.providers import provider
from orchestrator.ssh import Connection

INTERNET_WAIT = 600  # seconds that a deployment waits for another one that configures the lab's internet


def connection(node: Node) -> Connection:
    """How to reach the node's host."""
    return provider(node.territory.host).connection(node.name, node.territory.host)


def exists(node: Node) -> bool:
    """Whether the node's host was made already."""
    return provider(node.territory.host).exists(node.name, node.territory.host)


def made(node: Node) -> Connection:
    """How to reach the node's host, which was made already.

    Raises:
        HostError: it was not.
    """
    if not exists(node):
        raise HostError(
            f"{node.name} has no host: `deploy {node.name}` makes a new one; if one was lost, "
            f"`restore {node.name}` brings it back from its backups"
        )
    return connection(node)


def ensure(nodes: Sequence[Node], *, move: bool = False) -> tuple[dict[str, Facts], dict[str, HostError]]:
    """Have every host up and fit to be a node; one that is not stands in no other's way.

    Args:
        nodes: the chosen ones.
        move: what another engine holds will be moved to the territory's own.

    Returns:
        By the node's name: what its host says of itself; or why it cannot be used.

    Raises:
        HostError: none of them can; all the reasons at once.
    """
    facts: dict[str, Facts] = {}
    refused: dict[str, HostError] = {}
    for node in nodes:
        try:
            provider(node.territory.host).ensure(node.name, node.territory.host, note)
            facts[node.name] = check(node, move=move)
        except HostError as error:
            refused[node.name] = _named(node, error)
    if len(refused) == len(nodes):
        require(refused)
    return facts, refused


def require(refused: Mapping[str, HostError]) -> None:
    """Raise why hosts cannot be used, if there are any: one error with all the reasons."""
    errors = list(refused.values())
    if errors:
        raise errors[0] if len(errors) == 1 else HostError("\n".join(map(str, errors)))


def _named(node: Node, error: HostError) -> HostError:
    """The same error, with the host's name in front of each reason."""
    name = f"{ansible_vars.host_name(node)}: "
    return type(error)("\n".join(line if line.startswith(name) else name + line for line in str(error).splitlines()))


def check(node: Node, *, move: bool = False) -> Facts:
    """See that a host is fit, and that no data would be out of reach; give what it says of itself.

    Raises:
        HostError: it cannot be reached, or is not fit.
    """
    engine = None if move else node.territory.engine
    return preflight.check(
        ansible_vars.host_name(node),
        connection(node),
        lambda facts: (
            preflight.too_small(facts, engine)
            or preflight.orphans(facts, node.name, engine, mail=node.territory.services.mail is not None)
            or mail_preflight.refusal(node.territory, facts, connection(node))
        ),
    )


def mail_notices(node: Node) -> list[str]:
    """What would have other servers refuse the host's mail, as this machine's resolver says; a sentence each."""
    name = ansible_vars.public_name(node.territory)
    return list(mail_preflight.notices(node.territory, name, mail_preflight.live))


@contextmanager
def locked(nodes: Sequence[Node], *, internet: bool = False) -> Iterator[dict[str, HostError]]:
    """Hold the deployment lock of every host, in one order for everybody.

    Args:
        nodes: the nodes that are about to be changed.
        internet: the lab's internet is changed with them, if they are of the lab; it is waited for.

    Yields:
        Why, by the node's name, hosts cannot be reached any more.

    Raises:
        HostLocked: somebody else changes one of the nodes; names who.
        HostError: none of them can be reached.
    """
    holder = f"{getpass.getuser()}@{socket.gethostname()}"
    lost: dict[str, HostError] = {}
    with ExitStack() as stack:
        for node in sorted(nodes, key=lambda node: node.name):
            try:
                stack.enter_context(ssh.lock(connection(node), holder))
            except HostUnreachable as error:
                lost[node.name] = _named(node, error)
        if len(lost) == len(nodes):
            require(lost)
        if internet and any(node.territory.is_lab for node in nodes):
            from orchestrator import lab_services

            stack.enter_context(_patiently(lab_services.connection(), holder))
        yield lost


@contextmanager
def _patiently(host: Connection, holder: str) -> Iterator[None]:
    """Hold a lock that others hold only for a short while."""
    deadline = time.monotonic() + INTERNET_WAIT
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(ssh.lock(host, holder))
                break
            except HostLocked as error:
                if time.monotonic() > deadline:
                    raise
                note(f"waiting: {error}")
                time.sleep(3)
        yield
