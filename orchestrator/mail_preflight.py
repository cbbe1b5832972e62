"""Before mail is promised: does the host reach other mail servers at all? Many hosting companies close port 25."""

from __future__ import annotations

import shlex

from orchestrator.model import Territory
from orchestrator.preflight import Facts
from orchestrator.ssh import Connection

SECONDS = 8  # for one server, and for one answer of the DNS
MOST = 3  # servers that are tried
# Prints the first word that each server says.
SCRIPT = """
for server in {servers}; do
    timeout {seconds} bash -c 'exec 3<> "/dev/tcp/$1/25" && head -c 3 <&3 && echo' - "$server" 2> /dev/null
done
true
"""


def refusal(territory: Territory, facts: Facts, connection: Connection) -> str | None:
    """Why a host cannot send mail to the world, and the ways out; None when it can, or when that cannot be told.

    A host that keeps mail already is not asked: an outage elsewhere must not stand in the way of its deployments. It
    tries the servers that take the partner's own mail: somebody whom the host must be able to write to.
    """
    mail = territory.services.mail
    if mail is None or mail.smarthost or territory.is_lab or facts.mailboxes:
        return None
    servers = exchangers(territory.partner.contact.partition("@")[2])
    if not servers:
        return None
    script = SCRIPT.format(servers=" ".join(map(shlex.quote, servers)), seconds=SECONDS)
    if "220" in connection.run(script, timeout=SECONDS * (MOST + 2)).stdout.split():
        return None
    return (
        f"cannot reach port 25 of {' or '.join(servers)}, so that no mail would go out: ask your hosting company to "
        "open port 25, or name a `smarthost` below services.mail"
    )


def exchangers(domain: str) -> list[str]:
    """The servers that take a domain's mail, as this machine's resolver names them; none when it does not."""
    import dns.exception
    import dns.resolver

    try:
        answer = dns.resolver.resolve(domain, "MX", lifetime=SECONDS)
    except dns.exception.DNSException:
        return []
    found = sorted((record.preference, record.exchange.to_text(omit_final_dot=True)) for record in answer)
    return [name for _, name in found if name][:MOST]
