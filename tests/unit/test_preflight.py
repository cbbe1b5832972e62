"""What a host says of itself, and what stands in the way."""

import subprocess
from dataclasses import replace

import pytest

from orchestrator.preflight import SCRIPT, Facts, judge, orphans, parse, too_small

FIT = Facts(
    system="debian 13",
    root=True,
    systemd=True,
    python=True,
    node=False,
    nextcloud="",
    people=0,
    mailboxes=0,
    files=False,
    drill=None,
    disk=8 * 10**9,
    inodes=500_000,
    memory=10**9,
    clock=0.4,
    ports={},
)


def test_a_fit_host_has_no_problem():
    assert judge(FIT) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"system": "debian 12"}, "runs debian 12, not Debian 13"),
        ({"system": ""}, "an unknown system"),
        ({"root": False}, "no sudo without a password"),
        ({"systemd": False}, "does not run systemd"),
        ({"python": False}, "apt-get install python3"),
        ({"disk": 10**9}, "has 1.0 GB of free disk, 2.0 GB are needed"),
        ({"memory": 256 * 10**6}, "has 256 MB of memory"),
        ({"clock": 3600.0}, "3600 s ahead of"),
        ({"clock": -90.0}, "90 s behind"),
        ({"ports": {80: "apache2"}}, "port 80 is taken by apache2"),
        ({"ports": {443: "nginx"}}, "port 443 is taken by nginx"),
    ],
)
def test_each_problem_is_one_sentence(change, words):
    problems = judge(replace(FIT, **change))
    assert len(problems) == 1
    assert words in problems[0]


def test_all_problems_are_reported_at_once():
    assert len(judge(replace(FIT, system="ubuntu 24.04", root=False, disk=0, inodes=0, memory=0))) == 5


def test_a_node_may_have_its_own_web_server_and_a_fuller_disk():
    node = replace(FIT, node=True, ports={80: "nginx", 443: "nginx"}, disk=400 * 10**6)
    assert judge(node) == []
    assert len(judge(replace(node, ports={80: "apache2"}))) == 1


@pytest.mark.parametrize(
    ("change", "engine", "words"),
    [
        ({"people": 3}, "nextcloud", ["3 people have", "orchestrator move calvados", "`engine: radicale` back"]),
        ({"people": 1}, "nextcloud", ["1 person has"]),
        ({"files": True}, "radicale", ["`engine: nextcloud` back", "set /srv/maillage/nextcloud aside"]),
        ({"files": True, "people": 3}, "radicale", ["Nextcloud's files"]),
        ({"files": True}, "nextcloud", None),
        ({"people": 3}, "radicale", None),
        ({"people": 3, "files": True}, None, None),
        ({}, "nextcloud", None),
    ],
)
def test_an_engine_that_would_orphan_data(change, engine, words):
    said = orphans(replace(FIT, node=True, **change), "calvados", engine, mail=False)
    assert (said is None) == (words is None)
    assert all(word in said for word in words or [])


def test_mail_that_is_switched_off_while_somebody_has_some():
    host = replace(FIT, node=True, mailboxes=2)
    assert orphans(host, "calvados", "radicale", mail=True) is None
    said = orphans(host, "calvados", "radicale", mail=False)
    assert "2 people have mail here" in said
    assert "set /srv/maillage/mail aside" in said


def test_the_script_runs_in_a_plain_shell_and_is_understood():
    output = subprocess.run(["sh", "-s"], input=SCRIPT, capture_output=True, text=True, check=True).stdout
    facts = parse(output, now=0)
    assert facts.disk > 0
    assert facts.memory > 0
    assert facts.clock > 1_700_000_000


def test_another_answer_is_refused():
    with pytest.raises(ValueError, match="no system in the answer"):
        parse("Welcome to the router's menu\n", now=0)


def test_nextcloud_wants_more_memory_than_the_light_engine():
    small = replace(FIT, memory=1_000_000_000, files=False)
    assert "has 1000 MB of memory, Nextcloud needs 1800 MB" in str(too_small(small, "nextcloud"))
    assert too_small(small, "radicale") is None
    assert too_small(replace(small, files=True), "nextcloud") is None  # it runs: a deployment may be what helps it
