from ipaddress import ip_address

import dns.dnssec
import dns.name
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from orchestrator import contract, mail_keys
from orchestrator import dns as zones
from orchestrator.dns import Record

PLACE = zones.Place("orne.test", ("club.test",), "flers", (ip_address("192.0.2.10"), ip_address("2001:db8::10")))


@pytest.fixture
def roles(tmp_path, monkeypatch):
    """One role with records of every shape."""
    meta = tmp_path / "sample" / "meta"
    meta.mkdir(parents=True)
    (meta / "contract.yml").write_text(
        """
dns:
  - {name: "@", type: HOST, certificate: true, reason: the page}
  - {name: cloud, type: HOST, certificate: true, reason: the service}
  - {name: setup, type: HOST, certificate: true, each_domain: true, when: sample_calendar, reason: programs}
  - {name: "@", type: MX, data: 10 mail, each_domain: true, when: sample_calendar, reason: mail}
  - {name: "@", type: TXT, data: '"reports: dmarc@{domain}"', each_domain: true, when: sample_calendar, reason: reports}
  - {name: _caldavs._tcp, type: SRV, data: 0 1 443 cloud, reason: phones, when: sample_calendar}
"""
    )
    load = contract.load
    monkeypatch.setattr(contract, "load", lambda role: load(role, tmp_path))
    return lambda calendar: {"sample": {"sample_calendar": calendar}}


def test_zone_holds_both_families_of_every_name(roles):
    zone = zones.zone(PLACE, roles(False))
    assert {(record.name, record.type, record.data) for record in zone} == {
        (name, kind, data)
        for name in ("orne.test", "flers.orne.test", "cloud.orne.test")
        for kind, data in (("A", "192.0.2.10"), ("AAAA", "2001:db8::10"))
    }
    assert all(record.reason for record in zone)


def test_entry_follows_its_option_and_names_become_absolute(roles):
    zone = zones.zone(PLACE, roles(True))
    assert ("_caldavs._tcp.orne.test", "SRV", "0 1 443 cloud.orne.test.") in {
        (record.name, record.type, record.data) for record in zone
    }


def test_each_domain_has_its_own_certificate(roles):
    assert zones.certificates(PLACE, roles(True)) == [
        {"name": "orne.test", "names": ["orne.test", "cloud.orne.test", "setup.orne.test"]},
        {"name": "setup.club.test", "names": ["setup.club.test"]},
    ]


def test_what_is_for_each_domain_leads_to_the_territory_s_host(roles):
    found = {(record.name, record.type, record.data) for record in zones.zone(PLACE, roles(True))}
    assert ("club.test", "MX", "10 mail.orne.test.") in found
    assert ("orne.test", "TXT", '"reports: dmarc@orne.test"') in found
    assert ("club.test", "TXT", '"reports: dmarc@club.test"') in found
    assert ("setup.club.test", "AAAA", "2001:db8::10") in found
    assert "club.test" not in {name for name, kind, _ in found if kind == "A"}


def test_keys_of_mail_are_named_in_every_domain(roles):
    keys = mail_keys.published(mail_keys.dkim_ring(), mail_keys.tls_ring())
    found = {(record.name, record.type): record.data for record in zones.zone(PLACE, roles(True), keys)}
    assert {name for name, kind in found if kind == "TLSA"} == {"_25._tcp.mail.orne.test"}
    assert sum(kind == "TLSA" for kind in (record.type for record in zones.zone(PLACE, roles(True), keys))) == 2
    for selector in ("rsa1", "ed1", "rsa2", "ed2"):
        assert found[f"{selector}._domainkey.orne.test", "TXT"].startswith('"v=DKIM1; k=')
        assert found[f"{selector}._domainkey.club.test", "CNAME"] == f"{selector}._domainkey.orne.test."


def test_reverse_names_point_back_to_the_host(roles):
    zone = zones.zone(PLACE, roles(False))
    reverse = zones.reverse(zone, "flers.orne.test")
    assert [(record.type, record.data) for record in reverse] == [("PTR", "flers.orne.test.")] * 2
    assert reverse[1].name == "10.2.0.192.in-addr.arpa"


def test_delegation_signer_is_the_digest_of_the_key():
    key = ec.generate_private_key(ec.SECP256R1())
    text = zones.delegation_signer("orne.test", key)
    published = dns.dnssec.make_dnskey(key.public_key(), 13, flags=257)
    assert text.split()[0] == str(dns.dnssec.key_id(published))
    assert text == dns.dnssec.make_ds(dns.name.from_text("orne.test"), published, "SHA256").to_text()
    assert text != zones.delegation_signer("manche.test", key)


def test_records_sort_and_compare_by_value():
    assert Record("a", "A", "1", "x") < Record("b", "A", "1", "x")
