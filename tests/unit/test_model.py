from typing import Any

import pytest
import yaml
from pydantic import ValidationError
from sample_territories import REAL

from orchestrator import fields
from orchestrator.explain import explain
from orchestrator.host_model import Host, Ssh
from orchestrator.model import Subscriptions, Territory

ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE8w3Vd5RkQm0Cw0C0Gq3m8kqkS0r1m5rWl2m0nXQy1G"


def territory(**changes: Any) -> Territory:
    return Territory.model_validate({**yaml.safe_load(REAL), **changes})


def test_a_territory_never_changes() -> None:
    made = territory()
    with pytest.raises(ValidationError):
        made.domain = "autre.example"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("written", "size"), [("1 MB", 10**6), ("10 GB", 10**10), ("10GB", 10**10), ("9999 TB", 9999 * 10**12)]
)
def test_sizes_are_decimal_bytes(written: str, size: int) -> None:
    made = territory(plans={"essentiel": {"quota": written, "price": 0}})
    assert made.plans["essentiel"].quota == size < 2**63


@pytest.mark.parametrize("name", ["a", "seine-maritime", "a1", "c" * 63])
def test_territory_names(name: str) -> None:
    assert territory(territory=name).name == name


@pytest.mark.parametrize("domain", ["a.b", "xn--vreux-9ra.example", "1.2.example", f"{'a' * 63}.example"])
def test_domains(domain: str) -> None:
    assert territory(domain=domain).domain == domain


@pytest.mark.parametrize("uid", ["a", "jean.dupont", "club-de-voile", "a1_b"])
def test_subscriber_names(uid: str) -> None:
    entry = {"name": "Éloïse d'Œ", "mail": "a+b@x.example", "plan": "essentiel"}
    assert Subscriptions.model_validate({"subscribers": {uid: entry}}).subscribers[uid].state == "active"


@pytest.mark.parametrize(
    "uid", [*sorted(fields.RESERVED_SUBSCRIBERS), "a..b", ".a", "a.", "-a", "1a", "a" * 33, "é", "a b", ""]
)
def test_names_that_no_subscriber_has(uid: str) -> None:
    entry = {"name": "x", "mail": "a@x.example", "plan": "essentiel"}
    with pytest.raises(ValidationError):
        Subscriptions.model_validate({"subscribers": {uid: entry}})


@pytest.mark.parametrize("comment", ["", " partenaire@poste"])
def test_public_keys(comment: str) -> None:
    assert Ssh.model_validate({"host_key": ED25519 + comment}).port == 22
    with pytest.raises(ValidationError, match="damaged or cut short"):
        Ssh.model_validate({"host_key": ED25519.replace("ssh-ed25519", "ssh-rsa")})


def test_addresses_in_their_order() -> None:
    host = Host.model_validate(
        {"name": "a", "provider": "lab", "address": {"ipv6": "2001:db8::1", "ipv4": "203.0.113.1"}}
    )
    assert [str(address) for address in host.address.all] == ["203.0.113.1", "2001:db8::1"]


@pytest.mark.parametrize("value", [None, True, 3, 3.5, "\n", "{{ x }}", [], [[]], {}, {"x": {}}, b"x"], ids=repr)
def test_every_field_explains_every_wrong_value(value: Any) -> None:
    """No sentence of pydantic's own reaches a partner, and none repeats the value."""
    for model in (Territory, Subscriptions):
        for name in model.model_fields:
            content = {**(yaml.safe_load(REAL) if model is Territory else {}), name: value}
            try:
                model.model_validate(content)
            except ValidationError as error:
                for location, message, _ in explain(model, error):
                    assert location[0] == name
                    assert message.startswith(("must ", "is ", "this ", "no other"))
                    assert "{{" not in message
