"""The lab's network on this machine: a bridge, one nftables table, and the forwarding of IPv4.

IPv6 stays between the hosts and the machine: to forward it would make the machine ignore its own router.
"""

from __future__ import annotations

import json
import os
import subprocess
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path

from orchestrator.errors import LabUnavailable
from orchestrator.providers.lab.machine import run
from orchestrator.providers.lab.state import Network, locked

# The kernel's settings that a lab needs, each with its least value: a lab host has ten inotify instances, all of which
# count as root's. What was there before is put back when the last lab of this machine goes down.
SETTINGS = {Path("/proc/sys/net/ipv4/ip_forward"): 1, Path("/proc/sys/fs/inotify/max_user_instances"): 1024}
ALONE = Path("/run/maillage-lab.lock")  # held while the network of any lab of this machine is made or removed
RESOLV_CONF = (Path("/run/systemd/resolve/resolv.conf"), Path("/etc/resolv.conf"))


def ruleset(network: Network) -> str:
    """The lab's nftables table: hosts go out under this machine's address, with segments that fit its link."""
    return f"""\
table ip {network.table} {{}}
delete table ip {network.table}
table ip {network.table} {{
    chain postrouting {{
        type nat hook postrouting priority srcnat
        ip saddr {network.ipv4.network} oifname != "{network.bridge}" masquerade
    }}
    chain forward {{
        type filter hook forward priority mangle
        iifname "{network.bridge}" tcp flags syn tcp option maxseg size set rt mtu
        oifname "{network.bridge}" tcp flags syn tcp option maxseg size set rt mtu
    }}
}}
"""


def clashes(network: Network, addresses: str) -> list[str]:
    """Interfaces of this machine, other than the bridge, that already use the lab's range.

    Args:
        network: the lab's network.
        addresses: what `ip -json address` prints.
    """
    found = []
    for interface in json.loads(addresses):
        for entry in interface.get("addr_info", []):
            other = ip_interface(f"{entry['local']}/{entry['prefixlen']}").network
            ours = ip_network(network.ipv4.network if other.version == 4 else network.ipv6.network)
            if interface["ifname"] != network.bridge and other.overlaps(ours):
                found.append(f"{interface['ifname']} ({other})")
    return found


def owner(network: Network) -> str | None:
    """The directory of the lab that the bridge belongs to; None when there is no bridge."""
    try:
        return Path(f"/sys/class/net/{network.bridge}/ifalias").read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None


def check_owner(network: Network, directory: Path) -> None:
    """Keep away from the lab of another MAILLAGE_STATE.

    Raises:
        LabUnavailable: the bridge belongs to another directory.
    """
    if (other := owner(network)) and other != str(directory):
        state = Path(other).parent
        if os.geteuid() != 0:
            raise LabUnavailable(
                "the lab of this machine is another user's: run the command as root, as it was started"
            )
        message = (
            f"{network.bridge} belongs to the lab in {state}: end that one first, `MAILLAGE_STATE={state} lab down`"
        )
        raise LabUnavailable(message)


def up(network: Network, directory: Path) -> None:
    """Make the network of the lab in a directory, or what is missing of it.

    Raises:
        LabUnavailable: another lab or interface uses the same addresses, or a command failed.
    """
    check_owner(network, directory)
    if found := clashes(network, run(["ip", "-json", "address"])):
        ours = f"{network.ipv4.network}, {network.ipv6.network}"
        raise LabUnavailable(f"the lab's addresses ({ours}) are in use on this machine: {', '.join(found)}")
    with locked(ALONE):
        if owner(network) is None:
            run(["ip", "link", "add", network.bridge, "type", "bridge"])
        run(["ip", "link", "set", network.bridge, "alias", str(directory)])
        run(["ip", "address", "replace", str(network.ipv4), "dev", network.bridge])
        run(["ip", "address", "replace", str(network.ipv6), "dev", network.bridge, "nodad"])
        run(["ip", "link", "set", network.bridge, "up"])
        run(["nft", "-f", "-"], stdin=ruleset(network))
        for setting, least in SETTINGS.items():
            if int(setting.read_text()) < least:
                if not _earlier(setting).exists():
                    _earlier(setting).write_text(setting.read_text())
                setting.write_text(f"{least}\n")


def down(network: Network) -> None:
    """Remove all that `up` made; the kernel's settings go back with the last lab of this machine."""
    with locked(ALONE):
        if owner(network) is not None:
            run(["ip", "link", "delete", network.bridge])
        run(["nft", "-f", "-"], stdin=f"table ip {network.table} {{}}\ndelete table ip {network.table}\n")
        if "table ip maillage_lab" not in run(["nft", "list", "tables"]):
            for setting in SETTINGS:
                if _earlier(setting).exists():
                    setting.write_text(_earlier(setting).read_text())
                    _earlier(setting).unlink()


def _earlier(setting: Path) -> Path:
    """Where the value is kept that a setting had."""
    return Path(f"/run/maillage-lab-{setting.name}")


def disconnect(machine: str) -> None:
    """Take away what connected a container that has ended: connections that nobody answers keep it there for minutes.

    Mostly there is none; one that stays is named when the host is started.
    """
    subprocess.run(["ip", "link", "delete", "dev", f"vb-{machine}"], capture_output=True, check=False)


def machine_resolvers() -> list[str]:
    """Addresses of the DNS resolvers that this machine uses and that its lab hosts can reach too.

    Raises:
        LabUnavailable: this machine has only resolvers on its own loopback.
    """
    for path in RESOLV_CONF:
        if path.exists() and (found := reachable_resolvers(path.read_text(encoding="utf-8"))):
            return found
    raise LabUnavailable(
        "/etc/resolv.conf names no resolver that lab hosts can reach: add one that is not on this machine"
    )


def reachable_resolvers(resolv_conf: str) -> list[str]:
    """The IPv4 resolvers of a resolv.conf, those on the loopback left out: lab hosts have no way out over IPv6."""
    words = [line.split() for line in resolv_conf.splitlines()]
    named = [ip_address(line[1].split("%")[0]) for line in words if len(line) > 1 and line[0] == "nameserver"]
    return [str(address) for address in named if address.version == 4 and not address.is_loopback]


def machine_names(hosts: Path = Path("/etc/hosts")) -> list[str]:
    """Lines of this machine's /etc/hosts that lab hosts need too: package mirrors may be known only from there."""
    lines = [line.split("#")[0].split() for line in hosts.read_text(encoding="utf-8").splitlines()]
    return [" ".join(line) for line in lines if len(line) > 1 and _is_elsewhere(line[0])]


def _is_elsewhere(address: str) -> bool:
    try:
        parsed = ip_address(address.split("%")[0])
    except ValueError:
        return False
    return not (parsed.is_loopback or parsed.is_link_local or parsed.is_multicast or parsed.is_unspecified)
