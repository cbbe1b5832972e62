import json

import pytest
from sample_territories import SAMPLE

from orchestrator import cli
from orchestrator.commands import dns

pytestmark = pytest.mark.usefixtures("own_folders")


def run(capsys, *arguments, code=0):
    assert cli.main(["--mesh", str(SAMPLE), "dns", "calvados", *arguments]) == code
    return capsys.readouterr().out


def test_every_record_has_its_reason(capsys):
    lines = run(capsys).splitlines()
    assert all("  ; " in line for line in lines)
    assert any(" IN MX 10 mail.calvados.maillage.test." in line for line in lines)
    assert any("._domainkey.calvados.maillage.test. 3600 IN TXT" in line for line in lines)
    assert any(" IN PTR mail.calvados.maillage.test." in line for line in lines)


def test_what_the_live_zone_lacks_is_said(capsys, monkeypatch):
    wanted = json.loads(run(capsys, "--json"))["records"]
    there = {(each["name"], each["type"]): (each["data"],) for each in wanted if each["type"] == "MX"}
    monkeypatch.setattr(dns, "_asker", lambda _node: lambda name, kind: there.get((name, kind), ()))
    found = json.loads(run(capsys, "--check", "--json", code=7))["differences"]
    assert {each["type"] for each in found if each["action"] == "leave"} == {"MX"}
    assert len([each for each in found if each["action"] == "create"]) == len(wanted) - len(there)


def test_a_zone_that_is_as_it_should_be(capsys, monkeypatch):
    live = {}
    for each in json.loads(run(capsys, "--json"))["records"]:
        live.setdefault((each["name"], each["type"]), []).append(each["data"])
    monkeypatch.setattr(dns, "_asker", lambda _node: lambda name, kind: tuple(live.get((name, kind), ())))
    assert all(line.startswith("leave ") for line in run(capsys, "--check").splitlines())
