"""What monitoring costs, measured here: the fifth part of `make bench`. With Nextcloud where its archive is given."""

import json
import os
import re
import shlex
import tempfile
import time
import urllib.parse
from pathlib import Path

import bench
from bench_mail import MEMORY
from disturbed import deployed

ARCHIVE = os.environ.get("MAILLAGE_NEXTCLOUD_ARCHIVE", "")
NAMES = ("calvados", "manche", "orne")
HOST = "caen.calvados"
OURS = ("prometheus.", "prometheus-")  # how its units' names begin
TIMERS = {"maillage-facts": 60, "maillage-status": 30}  # seconds between two runs
SETTLE, WATCHED = 600, 300  # seconds
BYTES = 2  # of a sample on the disk, the most that Prometheus's manual names
PROCESSOR = """
cat /sys/fs/cgroup/cpu.stat | sed -n 's/usage_usec/all/p'
for unit in /sys/fs/cgroup/system.slice/prometheus*.service; do
    sed -n "s|usage_usec|${unit##*/}|p" $unit/cpu.stat
done
for unit in maillage-facts maillage-status; do
    echo $unit $(($(systemctl show --property=CPUUsageNSec --value $unit) / 1000))
done
"""
READ = "import urllib.request; print(urllib.request.urlopen({!r}).read().decode())"
PROMETHEUS = "http://127.0.0.1:9090"


def pairs(text):
    """Lines of a name and a number."""
    return {name: float(number) for name, number in (line.split() for line in text.splitlines())}


def memory():
    """PSS by unit, in MB; what is not a service's stands under `rest`."""
    found = {}
    for line in bench.on(HOST, MEMORY).splitlines():
        size, unit = line.split()
        found[unit] = found.get(unit, 0) + int(size) / 1000
    return found


def read(address):
    """What Prometheus answers."""
    return bench.on(HOST, f"python3 -c {shlex.quote(READ.format(PROMETHEUS + address))}")


def asked(query):
    """The sum of what a question gives."""
    result = json.loads(read("/api/v1/query?query=" + urllib.parse.quote(query)))["data"]["result"]
    return sum(float(each["value"][1]) for each in result)


def appended():
    """How many samples it has taken in since it began."""
    return sum(map(float, re.findall(r"^prometheus_tsdb_head_samples_appended_total\S* (\S+)", read("/metrics"), re.M)))


def main():
    with (
        tempfile.TemporaryDirectory() as folder,
        deployed(
            Path(folder),
            *NAMES,
            services="  monitoring: {}\n  backup: {}\n",
            more="\nmesh: {name: normandie, keeps: 100 GB}\n",
            archive=ARCHIVE,
        ),
    ):
        time.sleep(SETTLE)
        looked = appended()
        before = pairs(bench.on(HOST, PROCESSOR))
        time.sleep(WATCHED)
        after = pairs(bench.on(HOST, PROCESSOR))
        ours = sum(after[unit] - before[unit] for unit in after if unit.startswith(OURS))
        ours += sum(after[unit] * WATCHED / every for unit, every in TIMERS.items())
        whole, spent = after["all"] - before["all"], ours / WATCHED / 1e4
        print(
            f"processor of monitoring: {spent:.2f} % of a core, {100 * ours / whole:.0f} % of what the idle node takes"
        )
        sizes = memory()
        part = {unit: size for unit, size in sizes.items() if unit.startswith(OURS)}
        each = ", ".join(f"{unit.removesuffix('.service')} {size:.0f}" for unit, size in part.items())
        total = int(bench.on(HOST, bench.PSS)) / 1000
        tunnel = sum(size for unit, size in sizes.items() if unit.startswith("wg-quick"))
        mine, node = sum(part.values()), total - tunnel
        print(f"idle memory of monitoring as PSS: {mine:.0f} MB (target 200): {each}")
        engine = "Nextcloud" if ARCHIVE else "the light engine"
        print(
            f"idle memory of a whole node with {engine}, user-space WireGuard's {tunnel:.0f} MB not counted: "
            f"{node:.0f} MB (target 900), of it monitoring {100 * mine / node:.0f} %"
        )
        samples, took = asked("sum(scrape_samples_post_metric_relabeling)"), asked("sum(scrape_duration_seconds)")
        print(f"one round of looks: {samples:.0f} samples, {took:.2f} s of waiting for answers")
        daily = (appended() - looked) / WATCHED * 86400
        print(f"kept a day: {daily / 1e6:.1f} million samples, {BYTES * daily / 1e6:.0f} MB at {BYTES} bytes each")


if __name__ == "__main__":
    main()
