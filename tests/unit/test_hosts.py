"""Hosts of a run of several: one that cannot be used stands in no other's way, and is named."""

import pytest
from sample_territories import SAMPLE

from orchestrator import cli, hosts, mesh, report
from orchestrator.commands import deploy
from orchestrator.errors import HostError, HostUnreachable, PreflightRefused
from orchestrator.outcome import Outcome


@pytest.fixture
def nodes(monkeypatch):
    """The sample's territories; what their hosts answer is in `answers`, by the territory's name."""

    class Present:
        def ensure(self, *_):
            pass

    def check(node, *, move=False):
        assert not move
        if isinstance(answer := nodes.answers.get(node.name, "fit"), Exception):
            raise answer
        return answer

    nodes = mesh.load(SAMPLE).select(["calvados", "manche", "orne"])
    nodes = type("Nodes", (list,), {"answers": {}})(nodes)
    monkeypatch.setattr(hosts, "provider", lambda _host: Present())
    monkeypatch.setattr(hosts, "check", check)
    return nodes


def test_the_others_go_on(nodes):
    nodes.answers["calvados"] = HostUnreachable("root@10.99.0.11: no SSH connection (timed out)")
    facts, refused = hosts.ensure(nodes)
    assert facts == {"manche": "fit", "orne": "fit"}
    assert str(refused["calvados"]) == "caen.calvados: root@10.99.0.11: no SSH connection (timed out)"
    failures = list(deploy._refused(nodes[0], refused))
    assert report.failures(Outcome(failures=failures)) == (
        "caen.calvados: the host does not answer: root@10.99.0.11: no SSH connection (timed out)"
    )


def test_every_reason_is_said_with_the_hosts_name(nodes):
    nodes.answers["manche"] = PreflightRefused("saint-lo.manche: runs debian 12\nsaint-lo.manche: its clock is wrong")
    _, refused = hosts.ensure(nodes)
    failures = list(deploy._refused(nodes[1], refused))
    assert report.failures(Outcome(failures=failures)).splitlines() == [
        "saint-lo.manche: runs debian 12",
        "saint-lo.manche: its clock is wrong",
    ]


def test_when_none_can_be_used_that_is_the_error(nodes):
    nodes.answers |= {node.name: HostUnreachable(f"{node.name} is silent") for node in nodes}
    with pytest.raises(HostError) as raised:
        hosts.ensure(nodes)
    assert str(raised.value).splitlines() == [
        "caen.calvados: calvados is silent",
        "saint-lo.manche: manche is silent",
        "alencon.orne: orne is silent",
    ]
    with pytest.raises(HostUnreachable, match=r"alencon.orne: orne is silent"):
        hosts.ensure(nodes[2:])


def test_nobody_is_no_error():
    assert hosts.ensure([]) == ({}, {})


@pytest.mark.parametrize("command", ["verify", "status", "doctor", "graphs", "incident"])
@pytest.mark.usefixtures("own_folders")
def test_where_no_host_was_made_none_is_asked(command, capsys):
    assert cli.main(["--mesh", str(SAMPLE), command, "calvados"]) == 5
    assert "calvados has no host: `deploy calvados` makes a new one" in capsys.readouterr().err
