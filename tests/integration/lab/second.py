"""The second lab: its network, its hosts, and how to use it from here and from another process."""

import subprocess
import sys
import time
from collections.abc import Callable
from ipaddress import IPv4Interface, IPv6Interface

from orchestrator.providers.lab import HostSpec, Lab, Network

NETWORK = Network("maillage1", IPv4Interface("10.98.0.1/24"), IPv6Interface("fd4d:6169:6c6d::1/64"))
DISK = 3 * 10**9
ONE = HostSpec("one.sample", ("10.98.0.11", "10.98.0.111"), ("fd4d:6169:6c6d::11",), DISK)
TWO = HostSpec("two.sample", ("10.98.0.12",), ("fd4d:6169:6c6d::12",), DISK)
THREE = HostSpec("three", ("10.98.0.13",), (), DISK)

ELSEWHERE = """
import sys
from ipaddress import IPv4Interface, IPv6Interface
from pathlib import Path
from orchestrator.providers.lab import HostSpec, Lab, Network, Place
from orchestrator.ssh import lock
network = Network("maillage1", IPv4Interface("10.98.0.1/24"), IPv6Interface("fd4d:6169:6c6d::1/64"))
lab = Lab(Place(Path(sys.argv[1]), network))
"""


def elsewhere(lab: Lab, program: str, *wrapper: str) -> subprocess.Popen[str]:
    """Run a program that finds the same lab under the name `lab`, in a process of its own."""
    command = [*wrapper, sys.executable, "-c", ELSEWHERE + program, str(lab.place.directory)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def written(spec: HostSpec) -> str:
    """A specification as Python source."""
    return f"HostSpec{tuple(vars(spec).values())}"


def output(lab: Lab, spec: HostSpec, script: str, timeout: float = 120) -> str:
    """What a script prints on a host; it must succeed."""
    process = lab.connection(spec.name).run(script, timeout=timeout)
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout.strip()


def eventually(condition: Callable[[], bool], seconds: float = 30) -> None:
    """Wait for something that must happen."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.2)
