"""The DS records that the orchestrator computes beforehand are those of the zones that knot signs."""

from __future__ import annotations

import json
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from debian import root_for, run, write
from rendering import rendered
from role_files import Role

from orchestrator import dns

ZONES = ["test", "exemple.test", "0.99.10.in-addr.arpa"]


def test_ds_records_agree_with_knot(tmp_path: Path) -> None:
    role, key = Role("lab_internet"), generate_private_key(SECP256R1())
    root = root_for(role)
    files, scratch = tmp_path / "files", tmp_path / "scratch"
    scratch.mkdir()
    for path, text in rendered(role, "full").items():
        write(files, path, text)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    write(files, "/etc/knot/dnssec-key.pem", pem)
    write(files, "/etc/maillage/lab-zones.json", json.dumps([{"name": name, "records": []} for name in ZONES]))
    asked = "\n".join(f"keymgr {name} ds" for name in ZONES)
    done = run(root, scratch, files, f"/usr/lib/maillage/lab-zones\n/usr/lib/maillage/lab-zones\n{asked}")
    assert done.returncode == 0, done.stderr
    given = {line.split(" DS ")[0]: line.split(" DS ")[1] for line in done.stdout.splitlines() if " 13 2 " in line}
    assert given == {f"{name}.": dns.delegation_signer(name, key) for name in ZONES}
