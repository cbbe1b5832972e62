"""Where hosts come from: each provider makes a host exist and says how to reach it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from orchestrator.host_model import Host
from orchestrator.ssh import Connection

Report = Callable[[str], None]
"""Receives one line about long work that is under way."""


class Provider(Protocol):
    """One way to have a host; `territory` is the name of the territory that the host belongs to."""

    def exists(self, territory: str, host: Host) -> bool:
        """Whether the host is there, without making or starting it."""

    def ensure(self, territory: str, host: Host, report: Report) -> None:
        """Make the host exist, run, and answer by SSH.

        Raises:
            HostError: it cannot, in one sentence.
        """

    def connection(self, territory: str, host: Host) -> Connection:
        """How to reach the host; it need not answer."""


def provider(host: Host) -> Provider:
    """The provider that a host's `provider:` names."""
    if host.provider == "lab":
        from orchestrator.providers.lab_provider import LabProvider

        return LabProvider()
    # What is rented (provider hcloud) is made beforehand, by `provisioning`, and is then a machine like any other.
    from orchestrator.providers.existing import ExistingProvider

    return ExistingProvider()
