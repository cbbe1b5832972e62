"""The figures of backups, measured here: the fourth part of `make bench`."""

import json
import os
import re
import shutil
import tempfile
from pathlib import Path

import bench
from borrowed import borrowed

from orchestrator.ssh import PYTHON

TERRITORY, HOST, PEER, PEER_HOST = "orne", "alencon.orne", "manche", "saint-lo.manche"
PROGRAM, DATA = "/usr/lib/maillage/backup", "/srv/maillage/radicale/bench"
FILES, BYTES = 10_000, 30_000  # photos would be larger: this is the harder case
FILL = f"""
import os
for number in range({FILES}):
    path = f"{DATA}/{{number // 100}}/{{number}}"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    open(path, "wb").write(os.urandom({BYTES}))
"""
TAR = f"sync; rm -f /var/tmp/bench.tar; tar -cf /var/tmp/bench.tar {DATA} && sync"
# Of the backup alone, without the checks after it; of the drill, all.
TOOK = {"run": ("repositories", PEER, "took"), "drill": ("drill", "took")}
SENT = 500_000_000
RECEIVE = """
import socket
with socket.create_server(({address!r}, 9999), family=socket.{family}) as server:
    connection, _ = server.accept()
    while connection.recv(1 << 20):
        pass
    connection.send(b"x")
"""
SEND = f"""
import socket, time
while True:
    try:
        connection = socket.create_connection(({{address!r}}, 9999), 60)
        break
    except OSError:
        time.sleep(0.1)
begun = time.perf_counter()
for _ in range({SENT} // 1000000):
    connection.sendall(bytes(1000000))
connection.shutdown(socket.SHUT_WR)
connection.recv(1)
print(time.perf_counter() - begun)
"""


def mesh(folder):
    """Two territories of the sample mesh; one keeps the other's backups."""
    shutil.copytree(bench.ROOT / "inventories" / "normandie", folder, symlinks=True)
    for name, services in ((TERRITORY, f"services:\n  backup: {{to: [{PEER}]}}\n"), (PEER, "services:\n")):
        path = folder / name / "territory.yml"
        text = re.sub(r"engine: \w+", "engine: radicale", path.read_text(encoding="utf-8"))
        text = text.replace("services:\n", services).replace("  mail: {}", "  # mail: {}")
        path.write_text(text + "\nmesh: {name: normandie, keeps: 100 GB}\n", encoding="utf-8")
    os.environ["MAILLAGE_MESH"] = str(folder)


def took(action):
    """Seconds, as the host itself has measured them."""
    bench.on(HOST, f"{PROGRAM} {action}", timeout=600)
    found = json.loads(bench.on(HOST, "cat /var/lib/maillage/backup/status.json"))
    for key in TOOK[action]:
        found = found[key]
    return found


def first():
    """A backup into a repository that is not there yet."""
    bench.on(PEER_HOST, f"rm -rf /srv/maillage/backups/{TERRITORY}/*")
    bench.on(HOST, "rm -rf /var/cache/maillage-backup /srv/maillage/backup/life.json; sync")
    return took("run")


def tar():
    """Seconds of tar on the same files, into a file on the same disk."""
    return bench.wall(lambda: bench.on(HOST, TAR, timeout=600))


def sent(address, family):
    """Seconds that so many bytes take from one host to the other."""
    server = RECEIVE.format(address=address, family=family)
    bench.on(
        PEER_HOST,
        f"nft insert rule inet maillage input tcp dport 9999 accept; cat > /root/receive.py <<'END'\n{server}\nEND\n"
        "systemd-run --quiet --collect python3 /root/receive.py",
    )
    done = bench.LAB.connection(HOST).run(SEND.format(address=address), interpreter=PYTHON, timeout=300)
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


def main():
    with tempfile.TemporaryDirectory() as folder, borrowed(HOST, PEER_HOST):
        mesh(Path(folder) / "normandie")
        bench.maillage("deploy", TERRITORY, PEER, "--no-verify")
        assert bench.LAB.connection(HOST).run(FILL, interpreter=PYTHON, timeout=300).returncode == 0
        firsts = [(first(), tar()) for _ in range(bench.PAIRS)]
        bench.show(f"first backup of {FILES:,} files / tar", 2.5, firsts, "s")
        bench.show("unchanged / first backup", 0.25, [(took("run"), mine) for mine, _ in firsts], "s")
        bench.show("drill, all of it / first backup", 1.2, [(took("drill"), mine) for mine, _ in firsts], "s")
        address = bench.on(PEER_HOST, "ip -6 -o address show dev mesh0").split()[3].partition("/")[0]
        pairs = [(sent(address, "AF_INET6"), sent("10.99.0.12", "AF_INET")) for _ in range(bench.PAIRS)]
        bench.show("time over the mesh / plain TCP", "none", pairs, "s")


if __name__ == "__main__":
    main()
