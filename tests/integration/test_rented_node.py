"""From a token to a node that works, a second time, and back to nothing: with a lab host behind the API."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from borrowed import borrowed
from hetzner_stand_in.project import TOKEN
from hetzner_stand_in.server import StandIn
from lab.second import eventually
from rented_lab import LabServers

from orchestrator.locations import CLONE
from orchestrator.providers import hcloud

pytestmark = pytest.mark.lab
SAMPLE = CLONE / "inventories" / "normandie"


class Partner:
    """Somebody with a token, a key in an agent, and one territory.

    Args:
        mesh: the folder of the mesh.
        environment: of the commands.
    """

    def __init__(self, mesh: Path, environment: dict[str, str]) -> None:
        self.mesh, self._environment = mesh, environment

    def run(self, *arguments: str, code: int = 0, typed: str = "") -> Any:
        """A command with `--json`; its report."""
        command = [sys.executable, "-m", "orchestrator", "--mesh", str(self.mesh), *arguments, "--json"]
        done = subprocess.run(
            command, cwd=CLONE, env=self._environment, input=typed, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return json.loads(done.stdout)

    @property
    def territory(self) -> str:
        return (self.mesh / "calvados" / "territory.yml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    with borrowed("caen.rented") as lab:
        servers = LabServers(lab, tmp_path_factory.mktemp("volumes"))
        try:
            yield StandIn(servers.project)
        finally:
            servers.close()


@pytest.fixture(scope="module")
def partner(stand_in: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Partner]:
    folder = tmp_path_factory.mktemp("partner")
    key, socket, mesh = folder / "key", folder / "agent", folder / "normandie"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    shutil.copytree(SAMPLE, mesh, symlinks=True, ignore=shutil.ignore_patterns("manche", "orne"))
    path = mesh / "calvados" / "territory.yml"
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"    provider: lab.*\n    address: .*\n    disk: .*\n", RENTED, text)
    text = re.sub(r"  cloud:\n    engine: .*\n", "  cloud:\n    engine: radicale\n", text)
    public = key.with_suffix(".pub").read_text(encoding="utf-8").strip()
    path.write_text(text.replace("\nhosts:", f'  ssh_keys: ["{public}"]\n\nhosts:', 1), encoding="utf-8")
    with subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL) as agent:
        environment = {**os.environ, "SSH_AUTH_SOCK": str(socket), "XDG_CONFIG_HOME": str(folder / "config")}
        environment |= {"HCLOUD_TOKEN": TOKEN}
        eventually(socket.exists)
        subprocess.run(["ssh-add", "-q", key], env=environment, check=True, stderr=subprocess.DEVNULL)
        with stand_in.served() as address:
            yield Partner(mesh, environment | {hcloud.ENDPOINT: address})
        agent.terminate()


RENTED = "    provider: hcloud\n    hcloud: {type: cx23, location: nbg1, volume: 10 GB}\n"


def planned(report: dict[str, Any]) -> tuple[list[dict[str, Any]], set[tuple[str, ...]]]:
    """What a plan, or a deployment, has of what is rented, and of what is configured."""
    changes = {
        tuple(each[name] for name in ("host", "role", "kind", "name", "action"))
        for each in report["changes"]
        if each["host"] == "caen.calvados" and each["kind"] != "authority"
    }
    return report["cloud"]["calvados"]["steps"], changes


def test_from_a_token_to_a_node_as_planned(partner: Partner, stand_in: StandIn) -> None:
    plan = partner.run("plan", "calvados")
    assert plan["estimated"] == ["caen.calvados"]
    assert stand_in.project.listing() == []
    done = partner.run("deploy", "calvados")
    rented, configured = planned(done)
    assert rented == planned(plan)[0]
    assert configured ^ planned(plan)[1] == set()
    assert all(check["outcome"] != "fail" for check in done["checks"])
    assert len(done["checks"]) > 50
    assert len(stand_in.project.listing()) == 6


def test_a_second_time_nothing_changes(partner: Partner, stand_in: StandIn) -> None:
    before, text = stand_in.project.listing(), partner.territory
    assert planned(partner.run("plan", "calvados")) == ([], set())
    done = partner.run("deploy", "calvados", "--no-verify")
    assert planned(done) == ([], set())
    assert (stand_in.project.listing(), partner.territory) == (before, text)


def test_the_key_that_the_server_was_given_is_in_no_use(partner: Partner) -> None:
    """Whoever has read what the server was told cannot pass for it."""
    pinned = re.search(r"host_key: (\S+ \S+?)}", partner.territory)
    assert pinned
    shown = subprocess.run(
        ["ssh-keyscan", "-t", "ed25519,rsa,ecdsa", "10.99.0.31"], capture_output=True, text=True, check=True
    )
    keys = {" ".join(line.split()[1:3]) for line in shown.stdout.splitlines() if not line.startswith("#")}
    assert keys == {pinned[1].strip('"')}
    assert not list((Path(partner._environment["XDG_CONFIG_HOME"]) / "maillage" / "first-contact").iterdir())
