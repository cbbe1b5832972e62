"""The stand-in, and what is asked of it, held against Hetzner's own description of the API, by Stoplight's Prism.

The description has no licence, so that it is not part of the project: it is read where MAILLAGE_HETZNER_SPEC says.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from hetzner_stand_in.project import TOKEN
from hetzner_stand_in.server import StandIn
from renting import rent
from test_provisioning import HANDS, TERRITORY, use, written

from orchestrator import cli, engines, publication
from orchestrator.providers import hcloud

SPEC = os.environ.get("MAILLAGE_HETZNER_SPEC", "")
PRISM = shutil.which("prism")
pytestmark = [
    pytest.mark.skipif(not SPEC, reason="give Hetzner's description, cloud.spec.json, in MAILLAGE_HETZNER_SPEC"),
    pytest.mark.skipif(not PRISM, reason="no prism: npm install --global @stoplight/prism-cli"),
]
DNS = "dns: {provider: hcloud}\n"


@pytest.fixture
def stand_in() -> StandIn:
    return StandIn()


@pytest.fixture
def judged(stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The stand-in behind Prism; gives Prism's log."""
    text = Path(SPEC).read_text(encoding="utf-8")
    description = tmp_path / "description.json"
    description.write_text(re.sub(r'"([45])xx"', r'"\1XX"', text), encoding="utf-8")  # as OpenAPI has it
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = tmp_path / "prism.log"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    use(TOKEN, monkeypatch)
    assert PRISM
    with stand_in.served() as address, log.open("w") as output:
        command = [PRISM, "proxy", "--errors", "--port", str(port), str(description), address]
        with subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT) as prism:
            try:
                while "is listening" not in log.read_text(encoding="utf-8"):
                    assert prism.poll() is None, log.read_text(encoding="utf-8")
                monkeypatch.setenv(hcloud.ENDPOINT, f"http://127.0.0.1:{port}")
                yield log
            finally:
                prism.terminate()


def test_all_that_is_asked_and_answered_is_as_described(
    judged: Path, stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mesh = written(tmp_path / "mesh", TERRITORY + DNS)
    zone = stand_in.project.add_zone("calvados.example")
    stand_in.project.record(zone, "www", "A", "192.0.2.80")
    assert len(rent(str(mesh), "calvados")) == 8
    for hand, steps in HANDS:
        hand(stand_in)
        assert rent(str(mesh), "calvados") == steps
    for none in (False, True):
        records = publication.look(engines.load(mesh).nodes["calvados"], none=none)
        assert records
        assert records.chosen
        records.publish()
    monkeypatch.setattr("sys.stdin", StringIO("calvados\n"))
    assert cli.main(["--mesh", str(mesh), "deprovision", "calvados", "--everything", "--without-backup"]) == 0
    assert stand_in.project.listing() == ["firewalls everything", "zones calvados.example"]
    kinds = {re.sub("[0-9]+", "N", asked) for asked in stand_in.requests}
    print(f"{len(stand_in.requests)} requests of {len(kinds)} kinds: {', '.join(sorted(kinds))}")
    said = judged.read_text(encoding="utf-8")
    assert "Violation" not in said
    assert "terminated with error" not in said
    assert said.count("Received forward response") == len(stand_in.requests)


@pytest.mark.parametrize("wrong", [{"type": "ipv5"}, {"location": ["nbg1"]}, {"labels": {"a": 1}}], ids=json.dumps)
def test_prism_sees_what_is_wrong(judged: Path, wrong: dict[str, object]) -> None:  # noqa: ARG001
    """A request that the description does not allow is refused before it reaches the stand-in."""
    from hcloud import APIException
    from pydantic import SecretStr

    client = hcloud.client(SecretStr(TOKEN))
    address = {"name": "a", "type": "ipv4", "location": "nbg1", "assignee_type": "server"}
    with pytest.raises(APIException, match="422"):
        client.request("POST", "/primary_ips", json=address | wrong)
    client.request("POST", "/primary_ips", json=address)
