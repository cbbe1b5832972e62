"""The keys of a territory's mail, opened for the zone."""

from __future__ import annotations

from orchestrator import mail_keys, secrets
from orchestrator.model import Node


def published(node: Node) -> mail_keys.Published | None:
    """What the zone says of the node's keys of mail; None where they are not made yet, or there is no mail.

    Raises:
        SecretsError: the node's key is absent, or does not open them.
    """
    if node.territory.services.mail is None:
        return None
    dkim, tls = secrets.stored_value(node, "mail.dkim"), secrets.stored_value(node, "mail.tls")
    return mail_keys.published(dkim.get_secret_value(), tls.get_secret_value()) if dkim and tls else None
