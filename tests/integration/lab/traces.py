"""What a lab may leave behind on this machine, listed so that before and after can be compared."""

import json
import subprocess
from pathlib import Path
from typing import Any

from orchestrator.providers.lab import Network


def traces(network: Network, directory: Path) -> dict[str, list[str]]:
    """Interfaces, addresses, mounts, loop devices, nftables, processes and control groups of one lab or of none.

    What belongs to another lab of this machine, or to all of them, is left out: it may be in use meanwhile.
    """
    links = json.loads(_out("ip", "-json", "address"))
    tables = [line for line in _out("nft", "list", "tables").splitlines() if not _is_table_of_another(line, network)]
    return {
        "links": [_line(link) for link in links if not _is_of_another(link, network)],
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


def _line(link: dict[str, Any]) -> str:
    """An interface with its addresses, without what changes from one moment to the next."""
    return " ".join([link["ifname"], *sorted(f"{each['local']}/{each['prefixlen']}" for each in link["addr_info"])])


def _is_of_another(link: dict[str, Any], network: Network) -> bool:
    """A host's link is named after its machine, and so after the bridge; in full if that is too long for a name."""
    names = [name.removeprefix("vb-") for name in (link["ifname"], *link.get("altnames", []))]
    return names[0].startswith("maillage") and not any(name.startswith(network.bridge) for name in names)


def _is_table_of_another(line: str, network: Network) -> bool:
    table = line.split()[-1]
    return table.startswith("maillage_lab") and table != network.table


def _naming(directory: Path, text: str) -> list[str]:
    return [line for line in text.splitlines() if str(directory) in line]


def _out(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
