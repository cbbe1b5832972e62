"""A territory's records are published by RFC 2136 to a real server, knot; what somebody else put there stays."""

from __future__ import annotations

import base64
import json
import os
import re
import secrets as chance
from collections.abc import Iterator
from pathlib import Path

import pytest
from borrowed import borrowed

from orchestrator import dns_update, mesh, secrets
from orchestrator.cli import main
from orchestrator.dns import Record
from orchestrator.dns_publish import Step
from orchestrator.errors import DnsRefused
from orchestrator.model import Node
from orchestrator.providers.lab import HostSpec
from orchestrator.ssh import Connection

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(os.geteuid() != 0, reason="a lab host needs root"),
]
ADDRESS = "10.99.0.95"
HOST = HostSpec("essai-dns", (ADDRESS,), ("fd4d:6169:6c6c::95",), 2 * 10**9)
ZONE = "montagne.example"
TERRITORY = f"""\
territory: montagne
domain: {ZONE}
partner: {{name: Partenaire d'exemple, contact: contact@exterieur.example}}
hosts:
  - {{name: noeud, provider: existing, address: {{ipv4: 203.0.113.11}}}}
services:
  cloud: {{engine: radicale, default_plan: essentiel}}
plans:
  essentiel: {{quota: 10 GB, price: 3.00}}
dns: {{server: {ADDRESS}, key: maillage}}
"""
SECRET = base64.b64encode(chance.token_bytes(32)).decode()
KNOT = f"""
server:
    listen: 0.0.0.0@53
key:
  - id: maillage
    algorithm: hmac-sha256
    secret: {SECRET}
  - id: reader
    algorithm: hmac-sha256
    secret: {SECRET}
acl:
  - id: ours
    key: maillage
    action: update
zone:
  - domain: {ZONE}
    storage: /var/lib/knot
    file: {ZONE}.zone
    acl: ours
"""
FOREIGN = f"www.{ZONE}. 300 IN A 198.51.100.9"
APEX = f"""{ZONE}. 300 IN SOA ns.{ZONE}. hostmaster.{ZONE}. 1 3600 600 86400 60
{ZONE}. 300 IN NS ns.{ZONE}.
ns.{ZONE}. 300 IN A {ADDRESS}
{FOREIGN}
{ZONE}. 300 IN TXT "site-verification=abc"
"""
INSTALL = """
set -e
apt-get update -q > /dev/null
DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends knot > /dev/null
"""
# With the zone as it was, and nothing of earlier updates.
START = f"""
set -e
systemctl stop knot
rm -rf /var/lib/knot/*
cat > /etc/knot/knot.conf <<'END'
{KNOT}
END
cat > /var/lib/knot/{ZONE}.zone <<'END'
{APEX}
END
chown knot:knot /etc/knot/knot.conf /var/lib/knot/{ZONE}.zone
systemctl reset-failed knot
systemctl start knot
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Connection]:
    with borrowed(HOST.name) as lab:
        lab.up([HOST])
        done = lab.connection(HOST.name).run(INSTALL, timeout=600)
        assert done.returncode == 0, done.stderr
        yield lab.connection(HOST.name)


@pytest.fixture
def node(server: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    """A territory that names it, with the key; nothing is published yet."""
    done = server.run(START)
    assert done.returncode == 0, done.stderr
    monkeypatch.setenv("MAILLAGE_MESH", str(tmp_path / "mesh"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    folder = tmp_path / "mesh" / "montagne"
    folder.mkdir(parents=True)
    (folder / "territory.yml").write_text(TERRITORY, encoding="utf-8")
    assert main(["credentials", "montagne", "--make"]) == 0
    found = mesh.load(folder.parent).nodes["montagne"]
    secrets.give(found, "dns.tsig", SECRET)
    return mesh.load(folder.parent).nodes["montagne"]


def steps(capsys: pytest.CaptureFixture[str], *how: str, code: int = 0) -> set[tuple[str, str, str]]:
    """What a run says that it does: action, name below the zone, data."""
    capsys.readouterr()
    assert main(["dns", "montagne", "--json", *how]) == code
    found = json.loads(capsys.readouterr().out)["steps"]
    return {
        (each["action"], each["record"]["name"].removesuffix(ZONE).rstrip("."), each["record"]["data"])
        for each in found
        if each["action"] != "leave"
    }


def ask(node: Node, name: str, kind: str) -> tuple[str, ...]:
    assert node.territory.dns
    return dns_update.Server(node.territory.dns, secrets.reveal(node, "dns.tsig")).ask(name, kind)


def edit(node: Node, old: str, new: str) -> None:
    path = node.folder / "territory.yml"
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


def test_created_changed_deleted_and_nothing_else(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    planned = steps(capsys, "--plan")
    assert ("create", "cloud", "203.0.113.11") in planned
    assert ask(node, f"cloud.{ZONE}", "A") == ()
    assert steps(capsys, "--publish") == planned
    assert ask(node, f"cloud.{ZONE}", "A") == ("203.0.113.11",)
    assert steps(capsys, "--publish") == steps(capsys, "--plan") == set()

    edit(node, "203.0.113.11", "203.0.113.12")
    changed = steps(capsys, "--publish")
    assert {("create", "cloud", "203.0.113.12"), ("delete", "cloud", "203.0.113.11")} <= changed
    assert ask(node, f"cloud.{ZONE}", "A") == ("203.0.113.12",)

    edit(node, "  cloud: {engine: radicale, default_plan: essentiel}\n", "  {}\n")
    assert ("delete", "cloud", "203.0.113.12") in steps(capsys, "--publish")
    assert ask(node, f"cloud.{ZONE}", "A") == ()
    assert ask(node, f"www.{ZONE}", "A") == ("198.51.100.9",)
    assert ask(node, ZONE, "TXT") == ('"site-verification=abc"',)


def test_what_is_in_the_way_is_said_and_left(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    edit(node, "name: noeud", "name: www2")
    server = dns_update.Server(node.territory.dns, secrets.reveal(node, "dns.tsig"))  # type: ignore[arg-type]
    other = Record(f"www2.{ZONE}", "A", "198.51.100.8", "somebody else's")
    server.update(ZONE, [Step("create", other)])
    assert ("conflict", "www2", "203.0.113.11") in steps(capsys, "--publish", code=7)
    assert ask(node, f"www2.{ZONE}", "A") == ("198.51.100.8",)


def test_a_run_that_ends_before_it_is_written_down_is_gone_on_with(
    node: Node, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Right before the server is told, and right after: nothing is there that is nobody's."""
    honest = dns_update.Server.update
    for before in (True, False):

        def interrupted(self, zone, of_zone, before=before):
            if not before:
                honest(self, zone, of_zone)
            raise KeyboardInterrupt

        monkeypatch.setattr(dns_update.Server, "update", interrupted)
        assert main(["dns", "montagne", "--publish"]) == 130
        monkeypatch.setattr(dns_update.Server, "update", honest)
        steps(capsys, "--publish")
        assert steps(capsys, "--plan") == set()
        edit(node, "  cloud: {engine: radicale, default_plan: essentiel}\n", "  {}\n")
        assert any(action == "delete" for action, *_ in steps(capsys, "--publish"))
        assert ask(node, f"cloud.{ZONE}", "A") == ()
        edit(node, "  {}\n", "  cloud: {engine: radicale, default_plan: essentiel}\n")


def test_a_zone_that_changed_meanwhile_is_not_changed(node: Node) -> None:
    place, secret = node.territory.dns, secrets.reveal(node, "dns.tsig")
    assert place
    one, other = dns_update.Server(place, secret), dns_update.Server(place, secret)
    record = Record(f"race.{ZONE}", "A", "203.0.113.11", "ours")
    assert one.ask(record.name, "A") == ()
    other.update(ZONE, [Step("create", Record(f"race.{ZONE}", "A", "198.51.100.7", "somebody else's"))])
    with pytest.raises(DnsRefused, match="the zone has changed meanwhile"):
        one.update(ZONE, [Step("create", record)])
    assert ask(node, record.name, "A") == ("198.51.100.7",)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("key: maillage", "key: unknown", "does not accept the key"),
        ("key: maillage", "key: reader", "does not accept the key"),
        ("key: maillage", "key: maillage, algorithm: hmac-sha512", "does not accept the key"),
        (f"server: {ADDRESS}", f"server: {ADDRESS}, port: 54", "does not answer as it should"),
        ("domain: montagne.example", "domain: autre.example", "REFUSED|does not serve the zone"),
    ],
)
def test_each_refusal_is_one_sentence(
    node: Node, capsys: pytest.CaptureFixture[str], old: str, new: str, sentence: str
) -> None:
    edit(node, old, new)
    assert main(["dns", "montagne", "--publish"]) == 4
    said = capsys.readouterr().err
    assert re.search(sentence, said), said
    assert "Traceback" not in said
    assert SECRET not in said
