"""A machine that cannot run a lab says so in one sentence, and is not touched."""

import subprocess
import sys
from pathlib import Path

import pytest

from lab.second import ELSEWHERE, NETWORK
from lab.traces import traces

pytestmark = pytest.mark.lab

UP = """
from orchestrator.errors import HostError
try:
    lab.up([HostSpec("never", ("10.98.0.15",), (), 10**9)])
except HostError as error:
    print(type(error).__name__, error)
"""


OTHER_NETWORK = """
mount -t sysfs none /sys
ip link add vpn7 type bridge && ip address add 10.98.0.9/24 dev vpn7 && exec "$@"
"""


def refusal(directory: Path, *wrapper: str) -> str:
    command = [*wrapper, sys.executable, "-c", ELSEWHERE + UP, directory]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize(
    ("wrapper", "words"),
    [
        (("setpriv", "--reuid=65534", "--clear-groups"), "run this as root"),
        (("env", "PATH=/nowhere"), "apt-get install e2fsprogs iproute2 mmdebstrap nftables openssh-client"),
        (("unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /dev/net; exec "$@"', "sh"), "needs /dev/net/tun"),
        (("setpriv", "--bounding-set=-sys_admin"), "root may not mount"),
        (
            ("unshare", "--net", "--mount", "sh", "-c", OTHER_NETWORK, "sh"),
            "in use on this machine: vpn7 (10.98.0.0/24)",
        ),
    ],
)
def test_the_reason_is_named(tmp_path, wrapper, words):
    before = traces(NETWORK, tmp_path)
    said = refusal(tmp_path / "lab", *wrapper)
    assert said.startswith("LabUnavailable ")
    assert words in said
    assert "\n" not in said
    assert traces(NETWORK, tmp_path) == before


def test_a_lab_of_another_state_directory_is_left_alone(lab, tmp_path):
    said = refusal(tmp_path / "lab")
    assert f"MAILLAGE_STATE={lab.place.directory.parent} lab down" in said
    process = subprocess.run([sys.executable, "-c", ELSEWHERE + "lab.down()", tmp_path / "lab"], check=False)
    assert process.returncode == 0
    assert all(status.running for status in lab.status())
