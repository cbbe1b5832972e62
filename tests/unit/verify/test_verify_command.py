"""The command, and the target that it derives from a node's files."""

import json
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest
from pydantic import SecretStr
from sample_node import USERS

from orchestrator import engines, mesh
from orchestrator.cli import main
from orchestrator.commands import verify as command
from orchestrator.locations import CLONE
from orchestrator.verify import target

pytestmark = pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
TERRITORY = """\
territory: exemple
domain: exemple.test
partner: {name: Partenaire d'exemple, contact: partenaire@exterieur.test}
hosts: [{name: hote, provider: existing, address: {ipv4: 192.0.2.1}, ssh: {port: 2222}}]
services: {cloud: {engine: radicale, default_plan: essentiel}}
plans: {essentiel: {quota: 10 GB, price: 3.00}}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A mesh of one real territory, and no key or secret anywhere."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("MAILLAGE_STATE", str(tmp_path / "state"))
    (tmp_path / "mesh" / "exemple").mkdir(parents=True)
    (tmp_path / "mesh" / "exemple" / "territory.yml").write_text(TERRITORY)
    return tmp_path / "mesh"


def run(folder, *arguments):
    return main(["--mesh", str(folder), "verify", *arguments])


def test_all_is_well(folder, node, monkeypatch, capsys):
    # Without names there is no HTTP/2 to miss, the one thing that the sample's web server does not speak.
    monkeypatch.setattr(command, "target_of", lambda _: replace(node.target, names=()))
    assert run(folder, "exemple") == 0
    lines = capsys.readouterr().out.splitlines()
    assert "ok   wrong password refused: 401" in lines
    assert lines[-1] == f"{len(lines) - 1} checks, 0 failed, 0 skipped"


def test_something_fails(folder, node, monkeypatch, capsys):
    node.nameserver.records["cloud.exemple.test", "A"] = ["127.0.0.2"]
    monkeypatch.setattr(command, "target_of", lambda _: replace(node.target, names=()))
    assert run(folder, "exemple") == 7
    captured = capsys.readouterr()
    assert "FAIL DNS cloud.exemple.test A: 127.0.0.2 instead of 127.0.0.1" in captured.out.splitlines()
    assert captured.err.startswith("exemple: ")
    assert "see FAIL above" in captured.err


def test_json_is_one_document_whatever_happens(folder, node, monkeypatch, capsys):
    monkeypatch.setattr(command, "target_of", lambda _: node.target)
    assert run(folder, "exemple", "--json") == 7
    captured = capsys.readouterr()
    report = json.loads(captured.out)
    assert report["ok"] is False
    failed = [check for check in report["checks"] if check["failed"]]
    assert failed
    assert all(check["name"].startswith("HTTP/2 ") for check in failed)
    assert set(failed[0]) == {"territory", "name", "ok", "seen", "seconds", "skipped", "failed"}
    assert USERS["verify"] not in captured.out + captured.err


def test_unknown_territory(folder, capsys):
    assert run(folder, "ailleurs") == 2
    assert "has no territory 'ailleurs'" in capsys.readouterr().err


def test_password_not_there(folder, capsys):
    assert run(folder, "exemple") == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "directory.verify" in captured.err


def test_target_of_a_real_node(folder):
    [node] = mesh.load(folder).select(["exemple"])
    found = target.of(node, SecretStr("secret"))
    assert found.names == ("exemple.test", "cloud.exemple.test")
    assert found.cloud == "cloud.exemple.test"
    assert found.addresses == (ip_address("192.0.2.1"),)
    assert found.open_ports == (80, 443, 2222)
    assert 389 in found.closed_ports
    assert ("cloud.exemple.test", "A", "192.0.2.1") in found.records
    assert ("hote.exemple.test", "A", "192.0.2.1") in found.records
    assert not [record for record in found.records if record[1] == "PTR"], "the reverse zone is the provider's"
    assert not found.signed
    assert found.neighbour is None
    assert "secret" not in repr(found)


def test_target_of_the_samples():
    for node in engines.load(CLONE / "inventories" / "normandie").nodes.values():
        found = target.of(
            node,
            SecretStr("secret"),
            nameservers=["192.0.2.53"],
            trust_anchors=["test. IN DS 1 13 2 00"],
            authority=Path("x"),
        )
        assert found.signed
        assert {address.version for address in found.addresses} == {4, 6}
        assert len([record for record in found.records if record[1] == "PTR"]) == 2
        webmail = {"webmail"} if node.territory.services.mail else set()
        assert {probe.host for probe in found.probes} == {"@", "cloud"} | webmail
        assert (found.nameservers, found.authority) == (("192.0.2.53",), Path("x"))


def test_target_without_contacts_and_calendars(folder):
    text = TERRITORY.replace("{cloud: {engine: radicale, default_plan: essentiel}}", "{}")
    (folder / "exemple" / "territory.yml").write_text(text)
    [node] = mesh.load(folder).select(["exemple"])
    found = target.of(node, SecretStr("secret"))
    assert found.cloud is None
    assert found.names == ("exemple.test",)
