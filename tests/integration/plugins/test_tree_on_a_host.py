"""`tree` with the real systemd: units that come and go, that die, that are masked; and kills of the real module."""

from __future__ import annotations

import os
import random

import pytest
from playbook import Playbook, names
from plugin_host import on_host

from orchestrator.providers.lab import Lab

pytestmark = [pytest.mark.lab, pytest.mark.skipif(os.geteuid() != 0, reason="a lab host needs root")]

UNIT = "/etc/systemd/system/sample.service"
PROGRAM = "/usr/lib/maillage/sample"
SERVICE = """[Unit]
StartLimitIntervalSec=0
[Service]
ExecStart={{ program }}
ExecReload=/bin/kill -HUP $MAINPID
Restart={{ restart | default('no') }}
[Install]
WantedBy=multi-user.target
"""
LASTING = "#!/bin/sh\n# {{ version }}\ntrap : HUP\nwhile :; do sleep 1; done\n"
DYING = "#!/bin/sh\n# {{ version }}\necho 'sample: I cannot go on' >&2\nexit 3\n"
TASK = {
    "tree": {
        "component": "sample",
        "directories": {"/srv/maillage/sample": {"owner": "daemon", "mode": "0700"}},
        "services": [{"name": "sample.service", "on_change": "restart"}],
    }
}
FIRST = {("directory", "/srv/maillage/sample", "create"), ("file", UNIT, "create"), ("file", PROGRAM, "create")}


@pytest.fixture
def sample(play: Playbook) -> Playbook:
    """A unit of ours with its program."""
    play.template("sample", f"{UNIT}.j2", SERVICE)
    play.template("sample", f"{PROGRAM}.j2", LASTING)
    return play


def deploy(play: Playbook, *options: str, version: int = 1, **variables: str) -> set[tuple[str, str, str]]:
    """Run the task; its changes."""
    played = play.play([TASK], *options, program=PROGRAM, version=version, **variables)
    assert played.code == 0, played.output
    return names(played.of("tree"))


def test_life_of_a_unit(lab: Lab, sample: Playbook) -> None:
    expected = FIRST | {("service", "sample.service", "start")}
    assert deploy(sample, "--check") == expected
    assert on_host(lab, f"ls {UNIT} {PROGRAM} /var/lib/maillage /srv/maillage 2>/dev/null; true") == ""
    assert deploy(sample) == expected
    assert deploy(sample) == set()
    assert on_host(lab, f"systemctl is-active sample; systemctl is-enabled sample; stat -c %a {PROGRAM}").split() == [
        "active",
        "enabled",
        "755",
    ]
    process = "systemctl show -P MainPID sample"
    before = on_host(lab, process)
    assert deploy(sample, version=2) == {("file", PROGRAM, "change"), ("service", "sample.service", "restart")}
    assert on_host(lab, process) != before

    on_host(lab, "systemctl disable -q sample")
    assert deploy(sample, "--check", version=2) == {("service", "sample.service", "enable")}
    assert deploy(sample, version=2) == {("service", "sample.service", "enable")}
    on_host(lab, f"systemctl stop sample; rm {UNIT}; systemctl daemon-reload")
    on_host(lab, f"echo drift >> {PROGRAM}; chown nobody /srv/maillage/sample")
    drifts = {("file", UNIT, "create"), ("file", PROGRAM, "change"), ("directory", "/srv/maillage/sample", "change")}
    assert deploy(sample, "--check", version=2) == drifts | {("service", "sample.service", "start")}
    assert deploy(sample, version=2) == drifts | {("service", "sample.service", "start")}
    assert deploy(sample, version=2) == set()


@pytest.mark.parametrize("restart", ["no", "always"])
def test_daemon_that_ends_at_once_is_put_back(lab: Lab, sample: Playbook, restart: str) -> None:
    deploy(sample)
    sample.template("sample", f"{PROGRAM}.j2", DYING)
    played = sample.play([TASK], program=PROGRAM, version=3, restart=restart)
    message = played.of("tree")["msg"]
    assert message.startswith("«sample»: sample.service started and ended at once; the previous files are back.\n")
    assert "sample: I cannot go on" in message
    assert on_host(lab, f"systemctl is-active sample; cat {PROGRAM}").startswith("active\n#!/bin/sh\n# 1")
    sample.template("sample", f"{PROGRAM}.j2", LASTING)
    assert deploy(sample) == set()


def test_masked_and_missing_units(lab: Lab, sample: Playbook) -> None:
    deploy(sample)
    for name, sentence in (
        ("hidden.service", "hidden.service is masked on this host: `systemctl unmask hidden.service` there"),
        ("nothing.timer", "there is no unit nothing.timer on this host, which «sample» needs: is its package missing?"),
    ):
        on_host(lab, "ln -sf /dev/null /etc/systemd/system/hidden.service; systemctl daemon-reload")
        task = {"tree": {**TASK["tree"], "services": [*TASK["tree"]["services"], {"name": name}]}}
        played = sample.play([task], program=PROGRAM, version=4)
        assert sentence in played.of("tree")["msg"]
        assert on_host(lab, f"systemctl is-active sample; grep -c '# 1' {PROGRAM}").split() == ["active", "1"]
        assert ("service", name, "start") in names(
            sample.play([task], "--check", program=PROGRAM, version=4).of("tree")
        )


def test_unit_whose_conditions_refuse_it_and_timers(lab: Lab, play: Playbook) -> None:
    folder = "/etc/systemd/system"
    never = "[Unit]\nConditionPathExists=/no/such\n[Service]\nExecStart=/bin/sleep 1000\n"
    play.template("units", f"{folder}/never.service", f"{never}[Install]\nWantedBy=multi-user.target\n")
    play.template("units", f"{folder}/tick.service", "[Service]\nType=oneshot\nExecStart=/bin/true\n")
    play.template("units", f"{folder}/tick.timer", "[Timer]\nOnCalendar=daily\n[Install]\nWantedBy=timers.target\n")
    units = [{"name": name, "on_change": "none"} for name in ("never.service", "tick.timer", "tick.service")]
    task = {"tree": {"component": "units", "services": units}}
    assert len(names(play.play([task]).of("tree"))) == 6
    assert play.play([task]).of("tree")["changed"] is False
    assert on_host(lab, "systemctl is-active tick.timer; systemctl is-enabled tick.timer").split() == [
        "active",
        "enabled",
    ]
    gone = play.play([{"tree": {"component": "units", "state": "absent", "services": units}}])
    assert ("service", "tick.timer", "stop") in names(gone.of("tree"))
    assert on_host(
        lab, f"ls {folder} {folder}/*.wants | grep -c -e tick -e never; ls /var/lib/maillage/tree"
    ).split() == [
        "0",
        "sample",
    ]


def test_full_disk_is_one_sentence_and_the_previous_files_stay(lab: Lab, sample: Playbook) -> None:
    deploy(sample)
    for number in range(5):
        sample.template("big", f"/srv/maillage/big/{number}", "x" * 300_000)
    task = {"tree": {"component": "big"}}
    on_host(lab, "mkdir -p /srv/maillage/big; echo old > /srv/maillage/big/0")
    on_host(lab, "fallocate -l $(($(stat -f -c '%f * %S' /) - 99000000)) /filler")
    on_host(lab, "dd if=/dev/zero of=/filler.end bs=64K 2>/dev/null || truncate -s -400K /filler.end")
    played = sample.play([task])
    on_host(lab, "rm /filler*")
    message = played.of("tree")["msg"]
    assert message.startswith("«big»: the host refuses to write or read: No space left on device")
    assert on_host(lab, "cd /srv/maillage/big; ls -A; cat 0").split() == ["0", "old"]
    assert sample.play([task]).code == 0
    assert sample.play([task]).of("tree")["changed"] is False


def test_module_killed_at_random_moments(lab: Lab, sample: Playbook) -> None:
    """The very process that Ansible starts; the kernel's kill, not ours."""
    chance, killed = random.Random(5), 0
    for number in range(100):
        sample.template("many", f"/etc/maillage/many/{number}.conf.j2", "{{ version }}\n" * 200)
    task = {
        "tree": {
            "component": "many",
            "check": [["sleep", "0.3"]],
            "services": [{"name": "sample.service", "on_change": "restart"}],
        }
    }
    deploy(sample)
    for version in range(1, 7):
        script = f"""
import os, pathlib, signal, time
while True:
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        if (process / "cmdline").exists() and (process / "cmdline").read_bytes() == b"/usr/bin/python3\\0":
            time.sleep({chance.uniform(0.05, 0.9):.2f})
            os.kill(int(process.name), signal.SIGKILL)
            raise SystemExit
    time.sleep(0.001)
"""
        on_host(lab, f"cat > /root/killer <<'end'\n{script}\nend")
        on_host(lab, f"systemd-run --quiet --unit=killer{version} python3 /root/killer")
        killed += sample.play([task], version=version, program=PROGRAM).code != 0
        on_host(lab, f"systemctl stop killer{version} 2>/dev/null; true")
        state = "sort -u /etc/maillage/many/*.conf; ls -A /etc/maillage/many | grep -c '^[.]'"
        assert sample.play([task], version=version, program=PROGRAM).code == 0
        assert on_host(lab, f"{state}; true").split() == [str(version), "0"]
        assert sample.play([task], version=version, program=PROGRAM).of("tree")["changed"] is False
    assert killed >= 3
