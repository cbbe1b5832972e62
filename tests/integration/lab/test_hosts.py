"""Each lab host is a whole machine."""

from contextlib import suppress
from dataclasses import replace

import pytest

from lab.second import DISK, ONE, THREE, TWO, eventually, output
from orchestrator.errors import HostError, HostUnreachable
from orchestrator.providers.lab import HostSpec
from orchestrator.ssh import PYTHON

pytestmark = pytest.mark.lab


def test_each_host_is_a_whole_debian(lab):
    assert output(lab, ONE, "systemctl is-system-running --wait") == "running"
    assert output(lab, ONE, "hostname; . /etc/os-release; echo $ID $VERSION_ID").split("\n") == ["one", "debian 13"]
    assert lab.connection(TWO.name).run("import sys; print(sys.version_info[0])", interpreter=PYTHON).stdout == "3\n"


def test_hosts_reach_each_other_over_both_families(lab):
    for address in (*TWO.ipv4, *TWO.ipv6):
        output(lab, ONE, f"ping -c 1 -W 2 {address}")
    for address in (*ONE.ipv4, *ONE.ipv6):
        output(lab, TWO, f"ping -c 1 -W 2 {address}")


def test_ssh_answers_on_every_address(lab):
    for address in (*ONE.ipv4, *ONE.ipv6):
        assert replace(lab.connection(ONE.name), host=address).run("hostname").stdout == "one\n"


def test_two_hosts_have_their_own_identity(lab):
    script = "cat /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub | cut -c 1-60"
    assert not set(output(lab, ONE, script).split("\n")) & set(output(lab, TWO, script).split("\n"))


def test_a_host_sees_a_disk_of_the_declared_size(lab):
    size = int(output(lab, ONE, "df --output=size --block-size=1 / | tail -n 1"))
    assert 0.9 * DISK < size <= DISK


def test_a_full_disk_is_the_hosts_own_affair(lab):
    filled = lab.connection(TWO.name).run("fallocate --length 4G /srv/all")
    assert filled.returncode != 0
    assert "No space left" in filled.stderr
    output(lab, TWO, "rm -f /srv/all")
    output(lab, ONE, "dd if=/dev/zero of=/srv/some bs=1M count=20 && rm /srv/some")


def test_apt_works_and_shares_what_it_has_downloaded(lab):
    install = (
        "export DEBIAN_FRONTEND=noninteractive; apt-get update && apt-get install --yes hello && hello --traditional"
    )
    assert "hello, world" in output(lab, ONE, install, timeout=300)
    lab.reboot(TWO.name)
    printed = output(lab, TWO, install, timeout=300)
    assert "Need to get 0 B/" in printed
    assert "hello, world" in printed


def test_up_again_changes_nothing(lab):
    started = output(lab, ONE, "cat /proc/sys/kernel/random/boot_id")
    said = []
    lab.up([ONE, TWO], said.append)
    assert said == []
    assert output(lab, ONE, "cat /proc/sys/kernel/random/boot_id") == started


def test_another_disk_or_address_is_not_changed_in_silence(lab):
    with pytest.raises(HostError, match=r"lab down one\.sample"):
        lab.up([replace(ONE, disk_bytes=2 * DISK)])


def test_reboot_from_inside_brings_the_host_back(lab):
    started = output(lab, ONE, "cat /proc/sys/kernel/random/boot_id; echo kept > /srv/kept").strip()
    with suppress(HostUnreachable):  # the answer may be cut off by the reboot itself
        lab.connection(ONE.name).run("systemctl reboot")
    lab.connection(ONE.name).close()

    def is_back() -> bool:
        try:
            return lab.connection(ONE.name).run("cat /proc/sys/kernel/random/boot_id").stdout.strip() != started
        except HostUnreachable:
            return False

    eventually(is_back)
    assert output(lab, ONE, "cat /srv/kept") == "kept"


def test_a_host_starts_from_a_snapshot(lab):
    lab.up([THREE])
    output(lab, THREE, "echo prepared > /srv/prepared")
    known = output(lab, THREE, "cat /etc/machine-id")
    lab.snapshot(THREE.name, "prepared")
    lab.destroy(THREE.name)
    copy = HostSpec("copy", ("10.98.0.14",), (), DISK, base="prepared")
    lab.up([copy])
    assert (
        output(lab, copy, "cat /srv/prepared; hostname; systemctl is-system-running --wait")
        == "prepared\ncopy\nrunning"
    )
    assert output(lab, copy, "cat /etc/machine-id") != known
    lab.destroy("copy")
