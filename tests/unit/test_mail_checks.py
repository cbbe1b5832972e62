from dataclasses import replace

import pytest
import yaml
from sample_territories import REAL

from orchestrator.checks import check
from orchestrator.model import Node, Subscriptions, Territory

SUBSCRIBER = {"name": "Exemple", "mail": "exemple@montagne.example", "plan": "famille"}


@pytest.fixture
def node(tmp_path):
    """A territory with mail, a club's domain, and a plan for five."""
    content = yaml.safe_load(REAL)
    domain = content["domain"]
    content["services"]["mail"] = {"domains": ["club.example"]}
    content["plans"] = {
        **{label: {**plan, "mail_quota": "1 GB"} for label, plan in content["plans"].items()},
        "famille": {"quota": "10 GB", "mail_quota": "1 GB", "mailboxes": 2, "price": 8},
        "sans": {"quota": "10 GB", "mailboxes": 0, "price": 1},
    }
    folder = tmp_path / content["territory"]
    return domain, Node(folder, Territory.model_validate(content), Subscriptions())


def found(node, subscribers, mail=None):
    domain, node = node
    text = {uid: {**SUBSCRIBER, "mail": f"{uid}@{domain}", **entry} for uid, entry in subscribers.items()}
    territory = node.territory
    if mail is not None:
        content = territory.services.mail.model_dump() | mail
        services = territory.services.model_copy(update={"mail": type(territory.services.mail).model_validate(content)})
        territory = territory.model_copy(update={"services": services})
    node = replace(node, territory=territory, subscriptions=Subscriptions.model_validate({"subscribers": text}))
    return [(".".join(map(str, each.location)), each.message) for each in check([node])]


def one(findings):
    [(where, sentence)] = findings
    return where, sentence


def test_addresses_in_every_domain_are_fine(node):
    assert found(node, {"exemple": {"mail": "exemple@club.example", "aliases": ["bonjour@club.example"]}}) == []


@pytest.mark.parametrize(
    ("alias", "sentence"),
    [
        ("exemple@elsewhere.example", "must be an address of the territory"),
        ("postmaster@club.example", "kept for whoever runs the node"),
        ("a+b@club.example", "must have no +"),
        ("autre@club.example", "already the address of autre"),
    ],
)
def test_an_alias_that_cannot_be(node, alias, sentence):
    where, said = one(found(node, {"autre": {"mail": "autre@club.example"}, "exemple": {"aliases": [alias]}}))
    assert where == "subscribers.exemple.aliases.0"
    assert sentence in said


def test_a_plan_without_a_size(node):
    domain, inner = node
    plans = {**inner.territory.plans, "nu": inner.territory.plans["famille"].model_copy(update={"mail_quota": None})}
    bare = replace(inner, territory=inner.territory.model_copy(update={"plans": plans}))
    where, said = one(found((domain, bare), {}))
    assert (where, "needs mail_quota" in said) == ("plans.nu", True)


@pytest.mark.parametrize(
    ("aliases", "where", "sentence"),
    [
        ({"bureau@club.example": ["personne@club.example"]}, ".0", "no address of a subscriber"),
        ({"bureau@elsewhere.example": []}, "bureau@elsewhere.example", "must be an address of the territory"),
        ({"bureau@club.example": []}, "bureau@club.example", "leads nowhere"),
        ({"exemple@DOMAIN": ["exemple@DOMAIN"]}, "exemple@DOMAIN", "already the address of exemple"),
    ],
)
def test_a_shared_address_that_cannot_be(node, aliases, where, sentence):
    named = {key.replace("DOMAIN", node[0]): [each.replace("DOMAIN", node[0]) for each in value]
             for key, value in aliases.items()}  # fmt: skip
    findings = found(node, {"exemple": {}}, {"aliases": named})
    assert any(place.endswith(where.replace("DOMAIN", node[0])) and sentence in said for place, said in findings)


def test_a_catch_all_is_fine(node):
    assert found(node, {"exemple": {}}, {"aliases": {"@club.example": [f"exemple@{node[0]}"]}}) == []


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        ({"enfant": {"member_of": "personne"}}, "must name a subscriber"),
        ({"enfant": {"member_of": "exemple", "plan": "sans"}}, "has another plan"),
        ({"enfant": {"member_of": "exemple"}, "autre": {"member_of": "exemple"}}, "is one too many"),
    ],
)
def test_members(node, entries, sentence):
    findings = found(node, {"exemple": {}, **entries})
    assert findings
    assert all(sentence in said for _, said in findings)


def test_two_share_a_plan_for_two(node):
    assert found(node, {"exemple": {}, "enfant": {"member_of": "exemple"}}) == []


def test_a_domain_of_mail_belongs_to_one_territory(node):
    where, said = one(found(node, {}, {"domains": ["club.example", "club.example"]}))
    assert (where, "belongs to one territory, once" in said) == ("services.mail.domains.1", True)
    where, said = one(found(node, {}, {"domains": [f"club.{node[0]}"]}))
    assert (where, "is inside" in said) == ("services.mail.domains.0", True)
