"""What is killed, cut off or run twice at once comes right again."""

import subprocess
import time

import pytest

from lab.second import NETWORK, ONE, THREE, elsewhere, eventually, output, written
from lab.traces import traces
from orchestrator.errors import HostError, HostUnreachable
from orchestrator.providers.lab import host

pytestmark = pytest.mark.lab


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


def test_a_damaged_disk_is_named(lab):
    lab.up([THREE])
    lab.kill(THREE.name)
    with (lab.place.host(THREE.name) / "disk.img").open("r+b") as disk:
        disk.write(bytes(4096))
    with pytest.raises(HostError, match=r"three: the lab host does not come up; its last words: mount: .*superblock"):
        lab.start(THREE.name)
    lab.destroy(THREE.name)


def test_two_runs_at_once_make_one_host(lab):
    program = f"lab.up([{written(THREE)}], print)"
    processes = [elsewhere(lab, program) for _ in range(2)]
    said = [line for process in processes for line in process.communicate(timeout=60)[0].splitlines()]
    assert [process.returncode for process in processes] == [0, 0]
    assert sorted(said) == ["making three", "starting three"]
    assert output(lab, THREE, "hostname") == "three"  # and it outlives the process that made it


def test_a_run_killed_at_any_moment_is_mended_by_the_next(lab):
    program = f"lab.destroy('three'); lab.up([{written(THREE)}], print)"
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


def test_an_image_under_way_ends_with_its_run(lab):
    processes = "from orchestrator.providers.lab import image; image.build(lab.place.image('other'))"
    process = elsewhere(lab, processes)
    eventually(lambda: any("mmdebstrap" in line for line in traces(NETWORK, lab.place.directory)["processes"]))
    time.sleep(2)
    process.kill()
    process.wait()
    eventually(lambda: not any("mmdebstrap" in line for line in traces(NETWORK, lab.place.directory)["processes"]), 5)
    assert not lab.place.image("other").exists()
