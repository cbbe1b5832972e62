"""What a node is watched for, from the contracts of the roles that are on."""

from __future__ import annotations

from dataclasses import replace

from orchestrator import ansible_vars, monitoring_vars
from orchestrator.mail_model import Mail
from orchestrator.model import Node
from orchestrator.monitoring_model import Monitoring


def watched(node: Node, **services: object) -> Node:
    changed = node.territory.services.model_copy(update={"monitoring": Monitoring(), **services})
    return replace(node, territory=node.territory.model_copy(update={"services": changed}))


def test_only_what_is_on_is_watched(lab_node: Node) -> None:
    with_mail, without = watched(lab_node, mail=Mail()), watched(lab_node, mail=None)
    variables = [monitoring_vars.monitoring(node, ansible_vars.roles(node.territory)) for node in (with_mail, without)]
    units = [set(each["monitoring_units"]) for each in variables]
    assert {"postfix.service", "dovecot.service", "rspamd.service"} < units[0] - units[1]
    assert "nginx.service" in units[1]
    names = [{rule["name"] for rule in each["monitoring_rules"]} for each in variables]
    assert {"MailQueueStuck", "AddressBlacklisted"} == names[0] - names[1]
    assert [each["monitoring_mail"] for each in variables] == [True, False]


def test_the_lab_asks_no_blacklist_of_the_world(lab_node: Node, real_node: Node) -> None:
    lab, real = watched(lab_node, mail=Mail()), watched(real_node, mail=Mail())
    asked = [monitoring_vars.monitoring(node, ansible_vars.roles(node.territory)) for node in (lab, real)]
    assert [bool(each["monitoring_blacklists"]) for each in asked] == [False, True]
    assert asked[1]["monitoring_addresses"]
