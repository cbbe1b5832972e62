"""Before mail is promised: does the host reach other mail servers, and will they take what comes from its addresses?

Many hosting companies close port 25; where nobody has set the reverse DNS, or where an address was a spammer's before,
other servers refuse mail.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator

from orchestrator.model import Territory
from orchestrator.monitoring_model import Monitoring
from orchestrator.preflight import Facts
from orchestrator.ssh import Connection

SECONDS = 8  # for one server, and for one answer of the DNS
MOST = 3  # servers that are tried
Ask = Callable[[str, str], "tuple[str, ...] | None"]
WHOM = {
    "hcloud": "Hetzner opens it on request once an account is some weeks old (console, Limits); ask them",
    "existing": "ask your hosting company",
}
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
        f"cannot reach port 25 of {' or '.join(servers)}, so that no mail would go out: "
        f"{WHOM[territory.host.provider]} to open port 25, or name a `smarthost` below services.mail"
    )


def notices(territory: Territory, name: str, ask: Ask) -> Iterator[str]:
    """What would have other servers refuse the host's mail, with what to ask for; a sentence each.

    Args:
        territory: whose host.
        name: what the host's addresses must lead back to.
        ask: gives the data of a name and type; None when that cannot be told.
    """
    mail = territory.services.mail
    if mail is None or mail.smarthost or territory.is_lab:
        return
    for address in territory.host.address.all:
        found = ask(f"{address.reverse_pointer}.", "PTR")
        if found is not None and f"{name}." not in found:
            now = " and ".join(each.rstrip(".") for each in found) or "no name"
            how = "`provision` sets it" if territory.host.provider == "hcloud" else "ask your hosting company to set it"
            yield f"{address} leads back to {now}, and must lead to {name} (reverse DNS, PTR): {how}"
        turned = address.reverse_pointer.removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa")
        for place in (territory.services.monitoring or Monitoring.model_validate({})).blacklists:
            answers = ask(f"{turned}.{place}.", "A") or ()
            # As RFC 5782 has it; 127.255.255.x says that the list does not answer whoever asks.
            listed = [each for each in answers if each.startswith("127.") and not each.startswith("127.255.255.")]
            if listed:
                yield (
                    f"{address} is on the blacklist {place} ({listed[0]}): ask there to be taken off, or your hosting "
                    "company for another address"
                )


def live(name: str, kind: str) -> tuple[str, ...] | None:
    """Ask this machine's resolver; see `notices`."""
    import dns.exception
    import dns.resolver

    try:
        return tuple(record.to_text() for record in dns.resolver.resolve(name, kind, lifetime=SECONDS, search=False))
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return ()
    except dns.exception.DNSException:
        return None


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
