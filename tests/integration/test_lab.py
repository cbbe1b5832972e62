"""The lab on this machine, for real: two hosts of a second lab, apart from the one that is in everyday use."""

import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import replace
from ipaddress import IPv4Interface, IPv6Interface
from pathlib import Path

import pytest
from lab_machine import traces

from orchestrator import preflight
from orchestrator.errors import HostError, HostLocked, HostUnreachable, PreflightRefused
from orchestrator.providers.lab import HostSpec, Lab, Network, Place, host
from orchestrator.ssh import PYTHON, AuthenticationRefused, HostKeyChanged, lock

pytestmark = pytest.mark.lab

NETWORK = Network("maillage1", IPv4Interface("10.98.0.1/24"), IPv6Interface("fd4d:6169:6c6d::1/64"))
DISK = 3 * 10**9
ONE = HostSpec("one.sample", ("10.98.0.11", "10.98.0.111"), ("fd4d:6169:6c6d::11",), DISK)
TWO = HostSpec("two.sample", ("10.98.0.12",), ("fd4d:6169:6c6d::12",), DISK)
THREE = HostSpec("three", ("10.98.0.13",), (), DISK)

# The same lab, from another process.
ELSEWHERE = """
import sys
from ipaddress import IPv4Interface, IPv6Interface
from pathlib import Path
from orchestrator.providers.lab import HostSpec, Lab, Network, Place
from orchestrator.ssh import lock
network = Network("maillage1", IPv4Interface("10.98.0.1/24"), IPv6Interface("fd4d:6169:6c6d::1/64"))
lab = Lab(Place(Path(sys.argv[1]), network))
"""


@pytest.fixture(scope="module")
def directory():
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="maillage-test-") as path:  # /tmp may be in memory
        yield Path(path)


@pytest.fixture(scope="module")
def before(directory):
    return traces(NETWORK, directory)


@pytest.fixture(scope="module")
def lab(before, directory):  # noqa: ARG001 - the machine is listed first
    made = Lab(Place(directory / "lab", NETWORK))
    try:
        made.up([ONE, TWO], print)
        yield made
    finally:
        made.down(print)


def elsewhere(lab: Lab, program: str, *wrapper: str) -> subprocess.Popen[str]:
    command = [*wrapper, sys.executable, "-c", ELSEWHERE + program, str(lab.place.directory)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def output(lab: Lab, spec: HostSpec, script: str, timeout: float = 120) -> str:
    process = lab.connection(spec.name).run(script, timeout=timeout)
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout.strip()


def eventually(condition, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.2)


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


def test_a_power_cut_and_a_new_start(lab):
    output(lab, ONE, "echo kept > /srv/after && sync /srv/after")
    lab.kill(ONE.name)
    assert [status.running for status in lab.status()] == [False, True]
    with pytest.raises(HostUnreachable):
        lab.connection(ONE.name).run("true")
    lab.start(ONE.name)
    assert output(lab, ONE, "cat /srv/after") == "kept"


def test_a_supervisor_that_was_killed_leaves_nothing_in_the_way(lab):
    supervisor = host.supervisor_pid(lab.place, ONE.name)
    assert supervisor is not None
    subprocess.run(["kill", "-KILL", str(supervisor)], check=True)
    eventually(lambda: host.supervisor_pid(lab.place, ONE.name) is None)
    lab.start(ONE.name)
    assert output(lab, ONE, "systemctl is-system-running --wait") == "running"


def test_two_runs_at_once_make_one_host(lab):
    program = f"lab.up([HostSpec{tuple(vars(THREE).values())}], print)"
    processes = [elsewhere(lab, program) for _ in range(2)]
    said = [line for process in processes for line in process.communicate(timeout=60)[0].splitlines()]
    assert [process.returncode for process in processes] == [0, 0]
    assert sorted(said) == ["making three", "starting three"]
    assert output(lab, THREE, "hostname") == "three"  # and it outlives the process that made it


def test_a_run_killed_at_any_moment_is_mended_by_the_next(lab):
    program = f"lab.destroy('three'); lab.up([HostSpec{tuple(vars(THREE).values())}], print)"
    for delay in (0.5, 0.8, 1.1, 1.6, 2.2):
        process = elsewhere(lab, program)
        time.sleep(delay)
        process.kill()
        process.wait()
    lab.up([THREE])
    assert output(lab, THREE, "systemctl is-system-running --wait") == "running"
    assert sum("three" in name for name in traces(NETWORK, lab.place.directory)["control groups"]) == 1


@pytest.mark.parametrize("layout", ["cgroup2", "tmpfs"])
def test_a_host_starts_whatever_the_control_groups_of_the_machine(lab, layout):
    """`cgroup2` stands for a machine with version 2 alone, `tmpfs` for one with version 1 or both."""
    lab.stop(THREE.name)
    wrapper = ("unshare", "--mount", "sh", "-c", f'mount -t {layout} none /sys/fs/cgroup && exec "$@"', "sh")
    process = elsewhere(lab, "lab.start('three')", *wrapper)
    assert process.wait(timeout=60) == 0
    assert output(lab, THREE, "systemctl is-system-running --wait") == "running"
    assert output(lab, THREE, "cat /proc/1/cgroup").endswith("0::/init.scope")


def test_a_host_starts_from_a_snapshot(lab):
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


def test_a_changed_host_key_is_refused(lab, tmp_path):
    known = tmp_path / "known_hosts"
    known.write_text(lab.place.known_hosts(TWO.name).read_text().replace(TWO.ipv4[0], ONE.ipv4[0]))
    with pytest.raises(HostKeyChanged, match="another key"):
        replace(lab.connection(ONE.name), known_hosts_file=known).run("true")


def test_a_wrong_key_is_refused(lab, tmp_path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "other"], check=True)
    with pytest.raises(AuthenticationRefused, match="authorized_keys"):
        replace(lab.connection(ONE.name), identity_file=tmp_path / "other").run("true")


def test_the_lock_names_its_holder_and_dies_with_it(lab):
    program = (
        "with lock(lab.connection('one.sample'), 'somebody@elsewhere'): print('held', flush=True); sys.stdin.read()"
    )
    reach = lab.connection(ONE.name)
    with elsewhere(lab, program) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(HostLocked, match="somebody@elsewhere since"), lock(reach, "me@here"):
            pass
        holder.kill()
    eventually(lambda: _can_lock(reach), seconds=5)


def _can_lock(reach) -> bool:
    try:
        with lock(reach, "me@here"):
            return True
    except HostLocked:
        return False


def test_the_lock_is_free_as_soon_as_it_is_given_back(lab):
    for _ in range(3):
        with lock(lab.connection(ONE.name), "me@here"):
            pass


def test_preflight_of_a_bare_host_and_of_one_that_is_not_fit(lab):
    reach = lab.connection(TWO.name)
    assert preflight.check("two", reach).system == "debian 13"
    server = "systemd-run --quiet --unit=other python3 -m http.server 80"
    output(
        lab, TWO, f"fallocate --length 1.3GB /srv/all; {server}; until ss -Hltn | grep -q ':80 '; do sleep 0.1; done"
    )
    with pytest.raises(PreflightRefused) as refusal:
        preflight.check("two", reach)
    assert [line.split(" ")[1] for line in str(refusal.value).splitlines()] == ["has", "port"]
    assert "port 80 is taken by python3" in str(refusal.value)
    output(lab, TWO, "systemctl stop other; rm /srv/all")


def test_down_leaves_nothing(lab, before, directory):
    assert traces(NETWORK, directory) != before
    leftover = lab.place.host(".half-made")
    leftover.mkdir()
    shutil.copytree(lab.place.image("debian-13") / "etc", leftover / "etc", symlinks=True)
    lab.down()
    assert traces(NETWORK, directory) == before
    assert sorted(path.name for path in lab.place.directory.iterdir()) == sorted(
        ["archives", "id_ed25519", "id_ed25519.pub", "images", "locks"]
    )
    lab.down()  # and once more does no harm
