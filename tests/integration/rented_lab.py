"""A server of the stand-in that is real: a lab host, which begins as Hetzner's do, with cloud-init."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from hetzner_stand_in.project import Project

from orchestrator.providers.lab import HostSpec, Lab
from orchestrator.providers.lab_provider import INTERNET

NAME = "caen.rented"  # in the lab; at the stand-in it goes by the name that it was given
ADDRESSES = {"ipv4": ["10.99.0.31"], "ipv6": ["fd4d:6169:6c6c::30/124"]}
# What Hetzner's image says of itself, but for where the data comes from.
SETTINGS = {
    "datasource_list": ["NoCloud", "None"],
    "system_info": {"default_user": {"name": "root"}},
    "disable_root": False,
    "network": {"config": "disabled"},
}
FIRST_START = r"""set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends cloud-init e2fsprogs > /dev/null
mkdir -p /dev/disk/by-id
mknod "{device}" b {major} {minor}
cat > /etc/cloud/cloud.cfg.d/90-stand-in.cfg <<'END'
{settings}
END
mkdir -p /var/lib/cloud/seed/nocloud
cat > /var/lib/cloud/seed/nocloud/meta-data <<'END'
{meta}
END
cat > /var/lib/cloud/seed/nocloud/user-data <<'END'
{user}
END
dpkg-query -Wf '${{Package}}\n'
rm -f /root/.ssh/authorized_keys
systemctl stop ssh
for stage in "init --local" init "modules --mode=config" "modules --mode=final"; do
    cloud-init $stage > /dev/null
done
systemctl start ssh
"""


class LabServers:
    """Makes a lab host of each server of a project, and ends it with that; there is one at a time.

    Args:
        lab: where.
        folder: for the volumes' images.
    """

    def __init__(self, lab: Lab, folder: Path) -> None:
        self._lab, self._folder = lab, folder
        self._loops: dict[str, str] = {}
        self.packages: set[str] = set()  # that the last server came with
        self.told = ""  # at its first start
        self.project = Project(
            started=self._start, ended=self._end, addresses={family: list(each) for family, each in ADDRESSES.items()}
        )

    def close(self) -> None:
        """Let the volumes go."""
        self._lab.destroy(NAME)
        for loop in self._loops.values():
            subprocess.run(["losetup", "--detach", loop], check=True)

    def _start(self, server: dict[str, Any], keys: list[str], user_data: str) -> None:
        net = server["public_net"]
        ipv6 = net["ipv6"]["ip"].replace("30/124", "31")
        spec = HostSpec(NAME, (net["ipv4"]["ip"],), (ipv6,), 8 * 10**9)
        self._lab.up([INTERNET, spec])
        [volume] = [each for each in self.project.things["volumes"].values() if each["server"] == server["id"]]
        status = Path(self._loop(volume["linux_device"], volume["size"])).stat()
        script = FIRST_START.format(
            device=volume["linux_device"],
            major=status.st_rdev >> 8,
            minor=status.st_rdev & 0xFF,
            settings=json.dumps(SETTINGS),
            meta=json.dumps({"instance-id": str(server["id"]), "public-keys": keys}),
            user=user_data,
        )
        done = self._lab.connection(NAME).run(script, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        self.packages, self.told = set(done.stdout.split()), user_data

    def _end(self, _server: dict[str, Any]) -> None:
        self._lab.destroy(NAME)

    def _loop(self, device: str, gigabytes: int) -> str:
        """The volume, made at its first use."""
        if device not in self._loops:
            image = self._folder / device.rpartition("/")[2]
            with image.open("wb") as file:
                file.truncate(gigabytes * 10**9)
            subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
            made = subprocess.run(["losetup", "--find", "--show", image], stdout=subprocess.PIPE, text=True, check=True)
            self._loops[device] = made.stdout.strip()
        return self._loops[device]
