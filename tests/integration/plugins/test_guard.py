"""A firewall that cuts the way to the host is put back by the host itself; one that does not is confirmed."""

from __future__ import annotations

import os
import time

import pytest
from playbook import Playbook, names
from plugin_host import on_host

from orchestrator.providers.lab import Lab

pytestmark = [pytest.mark.lab, pytest.mark.skipif(os.geteuid() != 0, reason="a lab host needs root")]

RULES = """#!/usr/sbin/nft -f
flush ruleset
table inet filter {
  chain input {
    type filter hook input priority 0;
    ct state established accept
    {{ '' if open else 'tcp dport 22 drop' }}
    tcp dport {{ port }} accept
  }
}
"""
FIREWALL = {
    "tree": {
        "component": "firewall",
        "guard": True,
        "check": [["nft", "-c", "-f", "/etc/nftables.conf"]],
        "services": [{"name": "nftables.service", "on_change": "reload"}],
    }
}


def test_guarded_change(lab: Lab, play: Playbook) -> None:
    play.template("firewall", "/etc/nftables.conf.j2", RULES)
    played = play.play([{"packages": {"names": ["nftables"]}}, FIREWALL], open=True, port=80)
    assert played.code == 0, played.output
    assert names(played.of("tree")) == {
        ("file", "/etc/nftables.conf", "change"),
        ("service", "nftables.service", "start"),
    }
    assert "systemctl" not in on_host(lab, "systemctl list-timers --all | grep maillage-guard || true")
    journal = on_host(lab, "cat /var/lib/maillage/tree/firewall/journal.json")
    assert '"change": {}' in journal
    assert "/etc/nftables.conf" in journal
    assert play.play([FIREWALL], open=True, port=80).of("tree")["changed"] is False

    before, began = on_host(lab, "nft list ruleset; cat /etc/nftables.conf"), time.monotonic()
    played = play.play([FIREWALL], open=False, port=81)
    assert played.code == 2
    assert "no new connection came through; the host has put the previous files back" in played.of("tree")["msg"]
    assert 85 < time.monotonic() - began < 140
    assert on_host(lab, "nft list ruleset; cat /etc/nftables.conf") == before

    played = play.play([FIREWALL], open=True, port=82)
    assert played.code == 0, played.output
    assert "dport 82" in on_host(lab, "nft list ruleset")
