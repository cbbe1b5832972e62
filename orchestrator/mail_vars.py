"""The variables of the roles that make mail. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping

from orchestrator import vaulted
from orchestrator.model import Node
from orchestrator.vaulted import Variables


def mail(node: Node, secrets: Mapping[str, str], others: Iterable[Node], on: Container[str]) -> Variables:
    """Those of role `mail`; see `ansible_vars.node_variables`."""
    territory, mail = node.territory, node.territory.services.mail
    smarthost = mail.smarthost if mail else None
    return {
        "mail_enabled": "mail" in on,
        "mail_domain": territory.domain,
        "mail_name": territory.partner.name,
        "mail_cloud": territory.services.cloud is not None,
        "mail_further_domains": list(territory.mail_domains[1:]),
        "mail_aliases": {address: list(targets) for address, targets in (mail.aliases if mail else {}).items()},
        "mail_contact": territory.partner.contact,
        "mail_locale": territory.partner.locale,
        "mail_peers": peers(node, others),
        "mail_internet": not territory.is_lab,
        "mail_smarthost": smarthost.model_dump(include={"host", "port", "user"}) if smarthost else {},
        **(vaulted.secret(secrets, "mail.smarthost", "mail_smarthost_password") if smarthost else {}),
        **vaulted.of_role("mail", secrets, on, "directory.mail", "mail_directory_password"),
        **vaulted.of_role("mail", secrets, on, "mail.dkim", "mail_dkim_ring"),
    }


def webmail(node: Node, secrets: Mapping[str, str], on: Container[str]) -> Variables:
    """Those of role `webmail`, likewise."""
    return {
        "webmail_enabled": "webmail" in on,
        "webmail_alone": "webmail" in on and "nextcloud" not in on,
        "webmail_domain": node.territory.domain,
        "webmail_name": node.territory.partner.name,
        "webmail_contact": node.territory.partner.contact,
        **vaulted.of_role("webmail", secrets, on, "directory.webmail", "webmail_directory_password"),
        **vaulted.of_role("webmail", secrets, on, "mail.webmail", "webmail_session_key"),
    }


def peers(node: Node, others: Iterable[Node]) -> list[str]:
    """The domains whose mail other territories of the mesh keep, where this one can reach them."""
    chosen = [other.territory for other in others if other.name != node.name]
    return [domain for other in chosen if other.is_lab == node.territory.is_lab for domain in other.mail_domains]
