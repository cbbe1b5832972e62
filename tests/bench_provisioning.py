"""What it costs to see that all that is rented is as it should be, measured here: the sixth part of `make bench`."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import bench
from hetzner_stand_in.project import TOKEN
from hetzner_stand_in.server import StandIn
from test_provisioning import written

RENT = Path(__file__).resolve().parent / "integration" / "renting.py"

# The same six questions by Hetzner's own library, and nothing else.
FLOOR = """
import os, hcloud
client = hcloud.Client(os.environ["HCLOUD_TOKEN"], api_endpoint=os.environ["HCLOUD_ENDPOINT"])
for kind in ("ssh_keys", "firewalls", "primary_ips", "volumes", "servers"):
    getattr(client, kind).get_all()
client.request("GET", "/pricing")
"""


def main() -> None:
    stand_in = StandIn()
    with tempfile.TemporaryDirectory() as folder, stand_in.served() as address:
        os.environ |= {"HCLOUD_ENDPOINT": address, "HCLOUD_TOKEN": TOKEN, "XDG_CONFIG_HOME": f"{folder}/config"}
        ours = [
            sys.executable,
            str(RENT),
            str(written(Path(folder) / "mesh")),
            "calvados",
        ]
        subprocess.run(ours, check=True, stdout=subprocess.DEVNULL)
        before = len(stand_in.requests)
        subprocess.run(ours, check=True)
        print(f"requests of a `provision` that changes nothing: {len(stand_in.requests) - before} (at most 12)")
        bench.compare(
            "CPU of it / of the same questions by Hetzner's library alone",
            None,
            lambda: bench.cpu(ours, 3),
            lambda: bench.cpu([sys.executable, "-c", FLOOR], 3),
        )


if __name__ == "__main__":
    main()
