"""What a node is watched for, from the contracts of the roles that are on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from test_card import made

from orchestrator import ansible_vars, monitoring_vars
from orchestrator.card import Card
from orchestrator.mail_model import Mail
from orchestrator.model import Node
from orchestrator.monitoring_model import Monitoring
from orchestrator.vaulted import Variables


def watched(node: Node, **services: object) -> Node:
    changed = node.territory.services.model_copy(update={"monitoring": Monitoring(), **services})
    return replace(node, territory=node.territory.model_copy(update={"services": changed}))


def variables_of(node: Node, cards: Sequence[Card] = ()) -> Variables:
    return monitoring_vars.monitoring(node, cards, ansible_vars.roles(node.territory))


def test_only_what_is_on_is_watched(lab_node: Node) -> None:
    with_mail, without = watched(lab_node, mail=Mail()), watched(lab_node, mail=None)
    variables = [variables_of(node) for node in (with_mail, without)]
    units = [set(each["monitoring_units"]) for each in variables]
    assert {"postfix.service", "dovecot.service", "rspamd.service"} < units[0] - units[1]
    assert "nginx.service" in units[1]
    names = [{rule["name"] for rule in each["monitoring_rules"]} for each in variables]
    assert {"MailQueueStuck", "AddressBlacklisted"} == names[0] - names[1]
    assert [each["monitoring_mail"] for each in variables] == [True, False]


def test_the_lab_asks_no_blacklist_of_the_world(lab_node: Node, real_node: Node) -> None:
    lab, real = watched(lab_node, mail=Mail()), watched(real_node, mail=Mail())
    asked = [variables_of(node) for node in (lab, real)]
    assert [bool(each["monitoring_blacklists"]) for each in asked] == [False, True]
    assert asked[1]["monitoring_addresses"]


PROBE = {"kind": "https", "host": "cloud", "path": "/verify/", "status": 401, "fr": "Contacts", "en": "Contacts"}


def peer_of(node: Node, **wireguard: str | None) -> dict[str, Any]:
    card = made("manche", wireguard=wireguard, probes={"cloud": PROBE}, offers={"watches": True})
    return dict(variables_of(watched(node), [card])["monitoring_peers"][0])


def test_a_peer_is_looked_at_below_its_own_domain(lab_node: Node) -> None:
    found = peer_of(lab_node, ipv4="10.99.0.12")
    assert (found["address"], found["watches"], found["locale"]) == ("10.99.0.12", True, "fr_FR")
    assert found["probes"] == [PROBE | {"name": "cloud", "host": "cloud.manche.example"}]


@pytest.mark.parametrize("address", ["10.0.0.1", "192.168.1.1", "100.64.0.1", "172.16.0.1", "198.18.0.1", "10.99.0.12"])
def test_nothing_is_asked_inside_of_somebody_s_network(real_node: Node, address: str) -> None:
    """Loopback, link-local and multicast addresses are refused with the card already."""
    assert peer_of(real_node, ipv4=address)["probes"] == []


def test_nor_over_ipv6(real_node: Node) -> None:
    assert peer_of(real_node, ipv4=None, ipv6="fd4d:6169:6c6c::12")["probes"] == []


def test_an_address_of_the_world_is_asked(real_node: Node, lab_node: Node) -> None:
    assert peer_of(real_node, ipv4="193.0.14.129")["probes"]
    assert not peer_of(lab_node, ipv4="193.0.14.129")["probes"]
    assert peer_of(real_node, ipv4=None, ipv6="2001:7fd::1")["address"] == "2001:7fd::1"
