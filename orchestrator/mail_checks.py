"""What no single field can say of mail: whose address is whose, and whether it has a place to be kept. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from orchestrator.fields import RESERVED_SUBSCRIBERS
from orchestrator.findings import SUBSCRIPTIONS, TERRITORY, Finding
from orchestrator.model import Node
from orchestrator.yamlfile import Location

LONGEST_LOCAL_PART = 64  # RFC 5321, section 4.5.3.1.1


def check(node: Node) -> Iterator[Finding]:
    """Find every contradiction about mail within a node."""
    yield from _quotas(node)
    yield from _members(node)
    owners: dict[str, str] = {}
    yield from _subscribers(node, owners)
    yield from _shared_addresses(node, owners)


def _quotas(node: Node) -> Iterator[Finding]:
    if node.territory.services.mail is None:
        return
    for label, plan in node.territory.plans.items():
        if plan.mailboxes and plan.mail_quota is None:
            message = 'needs mail_quota, the size of its mailbox, for example mail_quota: "5 GB"; or mailboxes: 0'
            yield Finding(node, TERRITORY, ("plans", label), message, at_key=True)


def _members(node: Node) -> Iterator[Finding]:
    """A plan with several mailboxes is for one who pays, and for others named as members."""
    subscribers = node.subscriptions.subscribers
    sizes = Counter(each.member_of for each in subscribers.values() if each.member_of)
    for uid, subscriber in subscribers.items():
        if (payer := subscriber.member_of) is None:
            continue
        at: Location = ("subscribers", uid, "member_of")
        if payer not in subscribers or subscribers[payer].member_of or payer == uid:
            yield Finding(node, SUBSCRIPTIONS, at, "must name a subscriber who is nobody's member")
        elif subscribers[payer].plan != subscriber.plan:
            message = f"has another plan than {payer}; members share the plan of who pays for it"
            yield Finding(node, SUBSCRIPTIONS, ("subscribers", uid, "plan"), message)
        else:
            plan = node.territory.plans.get(subscriber.plan)
            if plan and sizes[payer] + 1 > plan.mailboxes:
                message = f"is one too many: the plan has {plan.mailboxes} mailboxes for {payer} and members together"
                yield Finding(node, SUBSCRIPTIONS, at, message)


def _subscribers(node: Node, owners: dict[str, str]) -> Iterator[Finding]:
    """Look at each subscriber's addresses; note in `owners` whose they are."""
    domains = node.territory.mail_domains or (node.territory.domain,)
    for uid, subscriber in node.subscriptions.subscribers.items():
        at: Location = ("subscribers", uid)
        if subscriber.aliases and node.territory.services.mail is None:
            message = "are for a territory with mail; switch it on in territory.yml, or remove them"
            yield Finding(node, SUBSCRIPTIONS, (*at, "aliases"), message, at_key=True)
        places: list[Location] = [(*at, "mail"), *((*at, "aliases", index) for index in range(len(subscriber.aliases)))]
        for address, location in zip((subscriber.mail, *subscriber.aliases), places, strict=True):
            if message := _refused(address, domains):
                yield Finding(node, SUBSCRIPTIONS, location, message)
            if address in owners:
                message = f"is already the address of {owners[address]}; give each its own"
                yield Finding(node, SUBSCRIPTIONS, location, message)
            owners.setdefault(address, uid)


def _refused(address: str, domains: tuple[str, ...]) -> str:
    """Why an address cannot be a subscriber's, or nothing."""
    local, _, domain = address.partition("@")
    if domain not in domains:
        also = f" (or {', '.join(domains[1:])})" if len(domains) > 1 else ""
        return f"must be an address of the territory, name@{domains[0]}{also}"
    if local in RESERVED_SUBSCRIBERS:
        return "this address is kept for whoever runs the node; choose another"
    if len(local) > LONGEST_LOCAL_PART:
        return f"must have at most {LONGEST_LOCAL_PART} characters before the @ (RFC 5321)"
    if "+" in local:
        return "must have no +: what follows it is for each subscriber to choose"
    return ""


def _shared_addresses(node: Node, owners: dict[str, str]) -> Iterator[Finding]:
    """Those of territory.yml: ours, nobody else's, and leading to mailboxes that are here."""
    mail = node.territory.services.mail
    if mail is None:
        return
    domains = node.territory.mail_domains
    if mail.smarthost and any(mail.smarthost.host == own or mail.smarthost.host.endswith(f".{own}") for own in domains):
        at_host: Location = ("services", "mail", "smarthost", "host")
        yield Finding(
            node, TERRITORY, at_host, "is below a domain that is kept here: mail would come back to this node"
        )
    for address, targets in mail.aliases.items():
        at: Location = ("services", "mail", "aliases", address)
        if message := _refused(address, domains):
            yield Finding(node, TERRITORY, at, message, at_key=True)
        if address in owners:
            message = f"is already the address of {owners[address]}; choose another"
            yield Finding(node, TERRITORY, at, message, at_key=True)
        if not targets:
            yield Finding(node, TERRITORY, at, "leads nowhere; name the addresses that it stands for", at_key=True)
        for index, target in enumerate(targets):
            if target not in owners:
                message = "is no address of a subscriber here; mail is not sent on to other places"
                yield Finding(node, TERRITORY, (*at, index), message)
