"""The variables of the role that watches a node. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from orchestrator import contract
from orchestrator.model import Node
from orchestrator.vaulted import Variables

STOPPED = ("[name] ne fonctionne pas.", "[name] does not run.")


def monitoring(node: Node, on: Mapping[str, Variables]) -> Variables:
    """Those of role `monitoring`; see `ansible_vars.node_variables`."""
    territory = node.territory
    declared, mail = territory.services.monitoring, "mail" in on
    return {
        "monitoring_enabled": "monitoring" in on,
        "monitoring_territory": node.name,
        "monitoring_domain": territory.domain,
        "monitoring_contact": territory.partner.contact,
        "monitoring_locale": territory.partner.locale,
        "monitoring_mail": mail,
        "monitoring_units": sorted(each.unit for each in _watched(on)),
        "monitoring_rules": list(rules(on)),
        "monitoring_addresses": [str(each) for each in territory.host.address.all] if mail else [],
        "monitoring_blacklists": list(declared.blacklists) if declared and not territory.is_lab else [],
    }


def _watched(on: Mapping[str, Variables]) -> Iterator[contract.Watched]:
    for role, known in on.items():
        yield from contract.active(contract.load(role).watched, known)


def rules(on: Mapping[str, Variables]) -> Iterator[Variables]:
    """One for each unit that must run, and those that the roles declare."""
    for each in _watched(on):
        yield {
            "name": "ServiceDown",
            "expr": f'node_systemd_unit_state{{name="{each.unit}",state="active"}} == 0',
            "after": 2,
            "fr": {"wrong": STOPPED[0], "noticed": each.fr},
            "en": {"wrong": STOPPED[1], "noticed": each.en},
            "first": "systemctl status [name]",
        }
    for role, known in on.items():
        for alert in contract.active(contract.load(role).alerts, known):
            yield alert.model_dump(exclude={"when"})
