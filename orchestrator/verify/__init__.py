"""Use a node from outside, as a subscriber would, and say what was seen.

Everything goes through the target's public names, so that a mistake in what the orchestrator believes of the host
cannot hide. Only what nobody sees from outside is asked of the host itself, at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import chain

from orchestrator.verify import cloud, dav, dns, http, inside, mail, mail_clients, ports, tls, webmail
from orchestrator.verify.check import Check, CheckFailedError, CheckSkippedError, Step, cleaner
from orchestrator.verify.network import Network
from orchestrator.verify.run import Limits, run
from orchestrator.verify.target import Target

__all__ = ["Check", "Limits", "Target", "verify"]


def verify(target: Target, limits: Limits | None = None) -> Iterator[Check]:
    """Look at everything that a subscriber relies on; whatever is wrong is in the checks, nothing is raised.

    The account is left as it was found; what an earlier run that was killed left in it is removed.

    Args:
        target: the node, as it is promised to be.
        limits: bounds of time.

    Yields:
        The checks, group by group, each as soon as it is known.
    """
    limits = limits or Limits()
    network = Network(target, limits.operation)
    groups: dict[str, Iterable[Step]] = {
        "reach": _reach(network),
        "DNS": dns.steps(network),
        "TLS": tls.steps(network),
        "HTTP": http.steps(network),
        "ports": ports.steps(network),
    }
    if target.cloud:
        groups["contacts and calendars"] = dav.steps(network)
    if target.files:
        # After the others: of two first logins of an account at once, Nextcloud answers one with 503.
        groups["contacts and calendars"] = chain(dav.steps(network), cloud.steps(network))
    if target.mail:
        clients = mail_clients.steps(network, target.mail.accounts[0].server)
        browsers = webmail.steps(network, target.mail.accounts[0])
        groups["mail"] = chain(mail.steps(network, target.mail, target.ask), clients, browsers)
    if target.files and target.ask:
        groups["inside"] = inside.steps(target.ask)
    yield from run(groups, limits, cleaner(target.user, target.password.get_secret_value()))


def _reach(network: Network) -> Iterator[Step]:
    """Say from the start over which families this machine can look at all."""
    for family, reason in network.unreachable.items():
        yield Step(f"{family} from here", partial(_route, reason, alone=not network.families))


def _route(reason: str | None, *, alone: bool) -> str:
    if reason is None:
        return "there is a route to the node"
    if alone:
        raise CheckFailedError(f"no route ({reason}), and no other way: nothing could be verified")
    raise CheckSkippedError(f"no route from this machine ({reason}): nothing was verified over it")
