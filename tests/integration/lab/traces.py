"""What a lab may leave behind on this machine, listed so that before and after can be compared."""

import subprocess
from pathlib import Path

from orchestrator.providers.lab import Network


def traces(network: Network, directory: Path) -> dict[str, list[str]]:
    """Interfaces, addresses, mounts, loop devices, nftables, processes and control groups of one lab or of none.

    What belongs to another lab of this machine, or to all of them, is left out: it may be in use meanwhile.
    """
    tables = [line for line in _out("nft", "list", "tables").splitlines() if not _is_table_of_another(line, network)]
    return {
        "links": [line for line in _interfaces() if not _is_link_of_another(line, network)],
        "mounts": _naming(directory, Path("/proc/mounts").read_text()),
        "loop devices": _naming(directory, _out("losetup", "--list", "--noheadings")),
        "tables": tables,
        "rules": [_out("nft", "list", "table", *line.split()[1:]) for line in tables],
        "processes": _naming(directory, _out("ps", "-ewwo", "args")),
        "control groups": [name for name in control_groups() if name.startswith(f"{network.bridge}-")],
    }


def control_groups() -> list[str]:
    """The groups at the top of the version 2 tree, wherever it is mounted, or is not."""
    script = "mount -t cgroup2 none /mnt && ls /mnt"
    return _out("unshare", "--mount", "sh", "-c", script).split()


def _interfaces() -> list[str]:
    """Each interface with its addresses, without what changes from one moment to the next."""
    return [" ".join(line.split()[:1] + line.split()[2:]) for line in _out("ip", "-brief", "address").splitlines()]


def _is_link_of_another(line: str, network: Network) -> bool:
    bridge = line.removeprefix("vb-")  # a host's link has the bridge's name in its own
    return bridge.startswith("maillage") and not bridge.startswith(network.bridge)


def _is_table_of_another(line: str, network: Network) -> bool:
    table = line.split()[-1]
    return table.startswith("maillage_lab") and table != network.table


def _naming(directory: Path, text: str) -> list[str]:
    return [line for line in text.splitlines() if str(directory) in line]


def _out(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
