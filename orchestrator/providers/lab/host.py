"""One lab host: its files, and the supervisor that stands behind it while it runs."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
import uuid
from contextlib import suppress
from pathlib import Path

from orchestrator.errors import HostError, HostUnreachable
from orchestrator.providers.lab import archives, control_group, network, supervisor
from orchestrator.providers.lab.machine import run
from orchestrator.providers.lab.state import HostSpec, Network, Place, write_spec
from orchestrator.ssh import Connection

BOOT_SECONDS = 60.0
STOP_SECONDS = supervisor.GRACE + 5
EXT4_SHUTDOWN, WITHOUT_WRITING = 0x8004587D, 2  # EXT4_IOC_SHUTDOWN and its NOLOGFLUSH, from Linux's fs/ext4/ext4.h
CAPABILITIES = ("--capability=all", "--drop-capability=CAP_SYS_TIME,CAP_SYS_MODULE")  # the clock is the machine's


def connection(place: Place, spec: HostSpec) -> Connection:
    """How to reach a lab host: as root, with the lab's key, at its first address."""
    return Connection(spec.ipv4[0], 22, "root", place.key, place.known_hosts(spec.name))


def files(spec: HostSpec, lab: Network, authorized_key: str, resolvers: list[str], names: list[str]) -> dict[str, str]:
    """What makes a clone of the image this host: path from its root -> content."""
    addresses = [f"{address}/{lab.ipv4.network.prefixlen}" for address in spec.ipv4]
    addresses += [f"{address}/{lab.ipv6.network.prefixlen}" for address in spec.ipv6]
    local = ["127.0.0.1 localhost", f"127.0.1.1 {spec.hostname}", "::1 localhost ip6-localhost ip6-loopback"]
    return {
        "etc/hostname": f"{spec.hostname}\n",
        "etc/hosts": "".join(f"{line}\n" for line in [*local, *names]),
        "etc/resolv.conf": "".join(f"nameserver {address}\n" for address in resolvers) + "options timeout:1\n",
        "etc/machine-id": f"{uuid.uuid4().hex}\n",
        "etc/systemd/network/10-host0.network": "[Match]\nName=host0\n\n[Network]\n"
        + "".join(f"Address={address}\n" for address in addresses)
        + f"Gateway={lab.ipv4.ip}\nLinkLocalAddressing=ipv6\nIPv6AcceptRA=no\nIPv6DuplicateAddressDetection=0\n",
        "root/.ssh/authorized_keys": authorized_key,
    }


def create(place: Place, spec: HostSpec, resolvers: list[str]) -> None:
    """Make a host's files; a killed run leaves only an unfinished directory, which the next one starts from afresh."""
    directory = place.host(spec.name)
    unfinished = directory.with_name(f".{spec.name}")
    shutil.rmtree(unfinished, ignore_errors=True)
    (unfinished / "root").mkdir(mode=0o700, parents=True)
    (unfinished / "layer").mkdir(mode=0o700)
    content = unfinished / "content"
    public = place.key.with_suffix(".pub").read_text(encoding="utf-8")
    for path, text in files(spec, place.network, public, resolvers, network.machine_names()).items():
        target = content / "upper" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    (content / "work").mkdir()
    upper = content / "upper"
    upper.chmod(0o755)
    for private in ("root", "root/.ssh"):
        (upper / private).chmod(0o700)
    (upper / "etc" / "ssh").mkdir()
    run(["ssh-keygen", "-q", "-A", "-f", str(upper)])
    host_key = (upper / "etc/ssh/ssh_host_ed25519_key.pub").read_text(encoding="utf-8").split()[:2]
    known = [f"{address} {' '.join(host_key)}\n" for address in (*spec.ipv4, *spec.ipv6)]
    (unfinished / "known_hosts").write_text("".join(known), encoding="utf-8")
    disk = unfinished / "disk.img"
    with disk.open("wb") as file:
        file.truncate(spec.disk_bytes)
    run(["mkfs.ext4", "-q", "-F", "-d", str(content), str(disk)])
    shutil.rmtree(content)
    write_spec(unfinished, spec)
    unfinished.rename(directory)


def container(place: Place, spec: HostSpec) -> list[str]:
    """The systemd-nspawn command of a host."""
    directory = place.host(spec.name)
    return [
        "systemd-nspawn",
        "--quiet",
        "--settings=no",
        "--register=no",
        "--keep-unit",
        "--boot",
        f"--directory={directory / 'root'}",
        f"--machine={machine_name(place, spec.name)}",
        f"--hostname={spec.hostname}",
        f"--network-bridge={place.network.bridge}",
        *CAPABILITIES,
        "--bind=/dev/net/tun",
        f"--bind={directory / 'archives'}:{archives.INSIDE}",
        "--link-journal=no",
        "--resolv-conf=off",
        "--timezone=off",
        "--console=pipe",
    ]


def machine_name(place: Place, name: str) -> str:
    """The name that a host has on this machine: the lab's own comes first."""
    return f"{place.network.bridge}-{name}"


def supervisor_pid(place: Place, name: str) -> int | None:
    """The process that holds the host's record lock; None when the host is down. No pid file can be stale."""
    try:
        with (place.host(name) / "running").open("r+") as file:
            query = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            kind, _, _, _, pid = struct.unpack("hhqqi", fcntl.fcntl(file, fcntl.F_GETLK, query))
    except FileNotFoundError:
        return None
    return None if kind == fcntl.F_UNLCK else int(pid)


def start(place: Place, spec: HostSpec, image: Path) -> None:
    """Start a host that is down; it goes on running when this process ends."""
    directory = place.host(spec.name)
    control_group.end(machine_name(place, spec.name))  # a container whose supervisor was killed lives on
    network.disconnect(machine_name(place, spec.name))
    _wait_for_release(directory / "disk.img")
    archives.share(place, spec.name)
    program = [
        "unshare",
        "--mount",
        "--propagation",
        "slave",
        sys.executable,
        "-I",
        str(Path(supervisor.__file__)),
        machine_name(place, spec.name),
    ]
    with (directory / "console.log").open("wb") as log:
        process = subprocess.Popen(
            [*program, str(directory), str(image), *container(place, spec)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
        )
    while supervisor_pid(place, spec.name) is None:
        if process.poll() is not None:
            raise _failed(place, spec)
        time.sleep(0.02)


def wait_for_ssh(place: Place, spec: HostSpec) -> None:
    """Wait until the host answers.

    Raises:
        HostError: it does not, and its last words.
    """
    reach, deadline = connection(place, spec), time.monotonic() + BOOT_SECONDS
    while not _answers(reach):
        if supervisor_pid(place, spec.name) is None or time.monotonic() > deadline:
            raise _failed(place, spec)
        time.sleep(0.05)


def _answers(reach: Connection) -> bool:
    try:
        # ssh itself would go on for seconds where nobody is there yet.
        socket.create_connection((reach.host, reach.port), timeout=0.3).close()
        reach.run("true", timeout=10)
    except (OSError, HostUnreachable):
        return False
    return True


def _failed(place: Place, spec: HostSpec) -> HostError:
    lines = (place.host(spec.name) / "console.log").read_text(encoding="utf-8", errors="replace").splitlines()
    words = " / ".join(line.strip() for line in lines[-3:] if line.strip()) or "none"
    return HostError(f"{spec.name}: the lab host does not come up; its last words: {words}")


def stop(place: Place, spec: HostSpec, *, power_cut: bool = False) -> None:
    """Shut a host down, or take its power away; nothing of it stays mounted."""
    connection(place, spec).close()
    pid = supervisor_pid(place, spec.name)
    if pid is not None and power_cut:
        _cut(place, spec.name, pid)
    elif pid is not None:
        _terminate(place, spec.name, pid)
    control_group.end(machine_name(place, spec.name))
    network.disconnect(machine_name(place, spec.name))
    _wait_for_release(place.host(spec.name) / "disk.img")


def _cut(place: Place, name: str, pid: int) -> None:
    """Let nothing more reach the disk: what the host has not flushed is lost, as when a machine loses its power."""
    with suppress(OSError):  # it has just ended, or is about to mount its disk
        layer = os.open(f"/proc/{pid}/root{place.host(name) / 'layer'}", os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(layer, EXT4_SHUTDOWN, struct.pack("I", WITHOUT_WRITING))
        finally:
            os.close(layer)


def _terminate(place: Place, name: str, pid: int) -> None:
    handle = os.pidfd_open(pid)
    try:
        if supervisor_pid(place, name) == pid:  # it is still the process that the handle stands for
            signal.pidfd_send_signal(handle, signal.SIGTERM)
    finally:
        os.close(handle)
    deadline = time.monotonic() + STOP_SECONDS
    while supervisor_pid(place, name) == pid and time.monotonic() < deadline:
        time.sleep(0.05)


def _wait_for_release(disk: Path) -> None:
    """Wait until the kernel has written back and let go of a disk whose host has just ended."""
    deadline = time.monotonic() + STOP_SECONDS
    while any(_backs(loop, disk) for loop in Path("/sys/block").glob("loop*/loop/backing_file")):
        if time.monotonic() > deadline:
            raise HostError(f"{disk}: still in use by a loop device; see `losetup --associated {disk}`")
        time.sleep(0.05)


def _backs(loop: Path, disk: Path) -> bool:
    try:
        return loop.read_text(encoding="utf-8").strip() == str(disk)
    except OSError:  # released while we looked
        return False


def destroy(place: Place, spec: HostSpec) -> None:
    """Remove a host for good, without waiting for it to shut down; its downloads stay in the shared cache."""
    stop(place, spec, power_cut=True)
    archives.harvest(place)
    doomed = place.host(spec.name).with_name(f".{spec.name}")
    shutil.rmtree(doomed, ignore_errors=True)
    place.host(spec.name).rename(doomed)
    shutil.rmtree(doomed)
