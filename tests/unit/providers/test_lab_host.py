"""A lab host's description, its files and its command, without starting it."""

import fcntl
import json
import subprocess
import sys
from ipaddress import IPv4Interface, IPv6Interface
from pathlib import Path

import pytest

from orchestrator.errors import LabUnavailable
from orchestrator.host_model import Host
from orchestrator.providers.lab import HostSpec, Network, Place, archives, host, image, supervisor
from orchestrator.providers.lab.state import write_spec
from orchestrator.providers.lab_provider import specification

SPEC = HostSpec("caen.calvados", ("10.99.0.11", "10.99.0.12"), ("fd4d:6169:6c6c::11",), 10**9)


def stored(tmp_path: Path, spec: HostSpec = SPEC) -> Place:
    place = Place(tmp_path, Network("maillage1", IPv4Interface("10.98.0.1/24"), IPv6Interface("fd4d:6169:6c6d::1/64")))
    place.host(spec.name).mkdir(parents=True)
    write_spec(place.host(spec.name), spec)
    return place


@pytest.mark.parametrize("name", ["", "../x", "a/b", "A", "-a", "a..b", "a" * 64, "é"])
def test_a_name_cannot_leave_its_directory(name):
    with pytest.raises(ValueError, match="host name"):
        HostSpec(name, ("10.99.0.11",), (), 10**9)


def test_a_specification_survives_the_disk(tmp_path):
    place = stored(tmp_path)
    assert place.read(SPEC.name) == SPEC
    assert place.read("other") is None


def test_an_unfinished_host_does_not_exist(tmp_path):
    place = stored(tmp_path)
    (tmp_path / "hosts" / ".half").mkdir()
    write_spec(tmp_path / "hosts" / ".half", SPEC)
    assert place.hosts() == [SPEC.name]


def test_files_of_a_host():
    files = host.files(SPEC, Network(), "ssh-ed25519 AAAA\n", ["10.99.0.2", "192.0.2.53"], ["192.0.2.9 mirror.test"])
    assert files["etc/hostname"] == "caen\n"
    assert files["etc/resolv.conf"].splitlines()[:2] == ["nameserver 10.99.0.2", "nameserver 192.0.2.53"]
    assert "192.0.2.9 mirror.test" in files["etc/hosts"].splitlines()
    lines = files["etc/systemd/network/10-host0.network"].splitlines()
    wanted = ["Address=10.99.0.11/24", "Address=10.99.0.12/24", "Address=fd4d:6169:6c6c::11/64", "Gateway=10.99.0.1"]
    assert [line for line in lines if line.startswith(("Address", "Gateway"))] == wanted
    assert len(files["etc/machine-id"].strip()) == 32


def test_the_container_cannot_touch_the_machines_clock_or_kernel(tmp_path):
    command = host.container(stored(tmp_path), SPEC)
    assert "--drop-capability=CAP_SYS_TIME,CAP_SYS_MODULE" in command
    assert "--network-bridge=maillage1" in command
    assert "--machine=maillage1-caen.calvados" in command
    assert "--hostname=caen" in command


def test_a_host_runs_as_long_as_its_lock_is_held(tmp_path):
    place = stored(tmp_path)
    assert host.supervisor_pid(place, SPEC.name) is None
    hold = "f = open(sys.argv[1], 'w'); fcntl.lockf(f, fcntl.LOCK_EX); print('held', flush=True); input()"
    program = f"import fcntl, sys; {hold}"
    running = place.host(SPEC.name) / "running"
    with subprocess.Popen(
        [sys.executable, "-c", program, str(running)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        assert host.supervisor_pid(place, SPEC.name) == process.pid
        process.kill()
        process.wait()
        assert host.supervisor_pid(place, SPEC.name) is None


def test_asking_who_runs_does_not_take_the_lock(tmp_path):
    place = stored(tmp_path)
    with (place.host(SPEC.name) / "running").open("w") as file:
        host.supervisor_pid(place, SPEC.name)
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_downloads_are_shared_and_independent(tmp_path):
    place = stored(tmp_path)
    other = HostSpec("orne", ("10.98.0.13",), (), 10**9)
    place.host("orne").mkdir()
    first = archives.share(place, SPEC.name)
    (first / "hello_1_amd64.deb").write_text("package")
    (first / "partial").mkdir()
    (first / "partial" / "half_1_amd64.deb").write_text("pack")
    second = archives.share(place, other.name)
    assert [path.name for path in second.iterdir()] == ["hello_1_amd64.deb"]
    (first / "hello_1_amd64.deb").unlink()
    assert (second / "hello_1_amd64.deb").read_text() == "package"


def test_a_missing_snapshot_is_named(tmp_path):
    with pytest.raises(LabUnavailable, match="'prepared'"):
        image.ensure(stored(tmp_path), "prepared", print)


def test_control_groups_of_version_1_and_mixed_machines_are_recognised(tmp_path):
    assert not supervisor.is_version_2(tmp_path)  # a tmpfs with one directory per controller, or with `unified`
    (tmp_path / "cgroup.procs").touch()
    assert supervisor.is_version_2(tmp_path)


def test_a_territorys_host_becomes_a_lab_host():
    written = {"name": "caen", "provider": "lab", "address": {"ipv4": "10.99.0.11", "ipv6": "fd4d:6169:6c6c::11"}}
    made = specification("calvados", Host.model_validate_json(json.dumps(written | {"disk": "2 GB"})))
    assert made == HostSpec("caen.calvados", ("10.99.0.11",), ("fd4d:6169:6c6c::11",), 2 * 10**9)


def test_a_lab_host_needs_a_way_out():
    written = {"name": "caen", "provider": "lab", "address": {"ipv6": "fd4d:6169:6c6c::11"}}
    with pytest.raises(LabUnavailable, match=r"address\.ipv4"):
        specification("calvados", Host.model_validate_json(json.dumps(written)))
