"""`packages` on a real host: one transaction, daemons held back, kills, locks, refusals."""

from __future__ import annotations

import os
import random
import time

import pytest
from playbook import Playbook, names
from plugin_host import on_host

from orchestrator.providers.lab import Lab

pytestmark = [pytest.mark.lab, pytest.mark.skipif(os.geteuid() != 0, reason="a lab host needs root")]

POLICY = "/usr/sbin/policy-rc.d"
WEB = {"packages": {"names": ["nginx-light", "hello"], "debconf": ["hello hello/sample string first"]}}
INSTALLED = {
    ("package", "nginx-light", "install"),
    ("package", "hello", "install"),
    ("debconf", "hello hello/sample", "set"),
}
HELD = """
import fcntl, time
file = open("/var/lib/dpkg/lock-frontend", "w")
fcntl.lockf(file, fcntl.LOCK_EX)
time.sleep({seconds})
"""


def test_bare_host(lab: Lab, play: Playbook) -> None:
    assert names(play.play([WEB], "--check").of("packages")) == INSTALLED
    assert on_host(lab, "dpkg-query -W nginx-light 2>&1; ls /var/lib/maillage 2>&1; true").count("o such file") == 1
    played = play.play([WEB])
    assert played.code == 0, played.output
    assert names(played.of("packages")) == INSTALLED
    assert on_host(
        lab, f"systemctl is-active nginx; systemctl is-enabled nginx; ls {POLICY} 2>&1; true"
    ).splitlines() == [
        "inactive",
        "enabled",
        f"ls: cannot access '{POLICY}': No such file or directory",
    ]
    assert "first" in on_host(lab, "echo get hello/sample | debconf-communicate")


def test_nothing_missing_calls_no_apt(lab: Lab, play: Playbook) -> None:
    script = "stat -c %y /var/log/apt/history.log /var/lib/dpkg/status /var/lib/dpkg/lock /var/lib/apt/lists/partial"
    before = on_host(lab, script)
    assert play.play([WEB]).of("packages")["changed"] is False
    assert on_host(lab, script) == before


def test_removed_package_and_changed_answer_are_mended(lab: Lab, play: Playbook) -> None:
    on_host(lab, "apt-get -qq remove -y hello")
    changed = {"packages": {**WEB["packages"], "debconf": ["hello hello/sample string second"]}}
    expected = {("package", "hello", "install"), ("debconf", "hello hello/sample", "set")}
    assert names(play.play([changed], "--check").of("packages")) == expected
    assert names(play.play([changed]).of("packages")) == expected
    assert play.play([changed]).of("packages")["changed"] is False
    assert "second" in on_host(lab, "echo get hello/sample | debconf-communicate")


def test_leftover_policy_is_removed_and_that_of_others_is_not(lab: Lab, play: Playbook) -> None:
    on_host(
        lab,
        f"printf '#!/bin/sh\\n# maillage: daemons do not start before they are configured\\nexit 101\\n' > {POLICY}",
    )
    expected = {("file", POLICY, "remove")}
    task = {"packages": {"names": ["hello"]}}
    assert names(play.play([task], "--check").of("packages")) == expected
    assert names(play.play([task]).of("packages")) == expected
    on_host(lab, f"! test -e {POLICY}; printf '#!/bin/sh\\nexit 0\\n' > {POLICY}; apt-get -qq remove -y hello")
    assert names(play.play([task]).of("packages")) == {("package", "hello", "install")}
    assert on_host(lab, f"cat {POLICY}; rm {POLICY}") == "#!/bin/sh\nexit 0"


def test_another_package_manager_at_work_is_waited_for(lab: Lab, play: Playbook) -> None:
    on_host(lab, "apt-get -qq remove -y hello")
    script = HELD.format(seconds=12)
    on_host(lab, f"systemd-run --quiet python3 -c '{script}'; sleep 2")
    began = time.monotonic()
    played = play.play([{"packages": {"names": ["hello"]}}])
    assert played.code == 0, played.output
    assert 8 < time.monotonic() - began < 60


def test_unknown_package_is_one_sentence(play: Playbook) -> None:
    played = play.play([{"packages": {"names": ["hello", "no-such-package-anywhere"]}}])
    assert played.code == 2
    message = played.of("packages")["msg"]
    assert message == "the packages could not be installed: E: Unable to locate package no-such-package-anywhere"


KILLER = """
import os, pathlib, signal, time
time.sleep({pause:.2f})
for process in pathlib.Path("/proc").glob("[0-9]*"):
    words = (process / "cmdline").read_bytes().split(b"\\0") if (process / "cmdline").exists() else []
    if words and (words[0] in (b"apt-get", b"dpkg", b"/usr/bin/dpkg") or words[:2] == [b"/usr/bin/python3", b""]):
        os.kill(int(process.name), signal.SIGKILL)
"""


def test_killed_at_random_moments_then_run_again(lab: Lab, play: Playbook) -> None:
    """Module, apt-get and dpkg die at once; the next run repairs and finishes."""
    chance, killed = random.Random(7), 0
    task = {
        "packages": {
            "names": ["nginx-light", "unbound", "slapd"],
            "debconf": ["slapd slapd/no_configuration boolean true"],
        }
    }
    for _ in range(6):
        on_host(lab, "apt-get -qq purge -y --autoremove nginx-light nginx-common unbound slapd")
        script = KILLER.format(pause=chance.uniform(0.3, 5))
        on_host(lab, f"systemd-run --quiet python3 -c '{script}'")
        killed += play.play([task]).code != 0
        played = play.play([task])
        assert played.code == 0, played.output
        assert play.play([task]).of("packages")["changed"] is False
        state = on_host(lab, f"dpkg --audit; ls {POLICY} 2>/dev/null; systemctl is-active nginx unbound slapd; true")
        assert state.splitlines() == ["inactive"] * 3
    assert killed >= 3
