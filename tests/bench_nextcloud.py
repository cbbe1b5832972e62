"""Nextcloud's figures of README, measured here with its own archive: the second part of `make bench`."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import bench
import bench_load
from borrowed import borrowed

from orchestrator import engines
from orchestrator.archive import VARIABLE

TERRITORY, HOST = "banc", "caen.banc"
ARCHIVE = os.environ.get(VARIABLE)

SERVICES = (
    "nftables ssh fail2ban unbound slapd nginx postgresql@17-main redis-server@nextcloud php8.4-fpm "
    "apt-daily-upgrade.timer maillage-certificates.timer maillage-nextcloud-cron.timer "
)
CHECKS = f"""{bench.CHECKS}
cat /srv/maillage/nextcloud/config/config.php /usr/share/maillage/nextcloud/version.php > /dev/null
runuser -u nextcloud -- psql -XAtqd nextcloud -c 'SELECT * FROM oc_appconfig; SELECT * FROM oc_preferences' > /dev/null
"""
MEMORY = """\
for process in /proc/[0-9]*; do
    read -r name < $process/comm && awk -v name="$name" '/^Pss:/ {print $2, name}' $process/smaps_rollup
done 2> /dev/null
"""
# The floor of a first deployment: what Nextcloud's manual asks for by hand, and no setting at all.
INSTALL = """\
set -e
cd /var/www/nextcloud
mkdir /var/www/data
chown www-data config /var/www/data
runuser -u postgres -- createuser www-data
runuser -u postgres -- createdb -O www-data nextcloud
runuser -u www-data -- php occ maintenance:install --database pgsql --database-host /run/postgresql \\
    --database-name nextcloud --database-user www-data --database-pass '' --data-dir /var/www/data --disable-admin-user
"""


@contextmanager
def mesh(engine):
    """The sample's first territory under another name and address, and with this engine."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / TERRITORY).mkdir()
        for name in ("territory.yml", "subscriptions.yml"):
            text = (bench.ROOT / "inventories" / "normandie" / "calvados" / name).read_text()
            for old, new in (("calvados", TERRITORY), ("10.99.0.11", "10.99.0.98"), ("6c6c::11", "6c6c::98")):
                text = text.replace(old, new)
            text = text.replace("  cloud:\n", f"  cloud:\n    engine: {engine}\n")
            (Path(folder) / TERRITORY / name).write_text(text)
        yield folder


def memory():
    sizes = Counter()
    for line in bench.on(HOST, MEMORY).splitlines():
        size, name = line.split(" ", 1)
        sizes[name] += int(size) / 1000
    most = ", ".join(f"{name} {size:.0f}" for name, size in sizes.most_common(5))
    print(f"idle memory of the node as PSS, operating system included: {sizes.total():.0f} MB (target 350): {most}")


def main():
    with mesh("nextcloud") as folder, borrowed(HOST, bench.BARE.name), tempfile.TemporaryDirectory() as scratch:
        node = engines.load(Path(folder)).nodes[TERRITORY]
        packages, script = bench.floor(node, SERVICES + bench.MAIL, CHECKS)

        def deploy():
            bench.maillage("--mesh", folder, "deploy", TERRITORY, "--no-verify", "--allow-unsigned-archive")

        def first():
            bench.LAB.destroy(HOST)
            bench.maillage("--mesh", folder, "lab", "up", TERRITORY)
            return bench.wall(deploy)

        def bare():
            bench.bare_installation(f"{packages} bzip2")
            with Path(ARCHIVE).open("rb") as archive:
                unpack = [*bench.LAB.connection(bench.BARE.name).arguments(), "tar -xj -C /var/www"]
                subprocess.run(unpack, stdin=archive, check=True)
            bench.on(bench.BARE.name, INSTALL)

        def fresh_bare():
            bench.bare_host()
            return bench.wall(bare)

        first()  # fills the cache of packages for both
        bench.compare("Nextcloud: first deploy / bare apt-get, unpack, maintenance:install", 1.4, first, fresh_bare)
        bench.LAB.destroy(bench.BARE.name)
        name = "Nextcloud: second deploy / one ssh script with the same checks"
        bench.compare(name, 15, lambda: bench.wall(deploy), lambda: bench.wall(lambda: bench.on(HOST, script)))
        time.sleep(30)
        memory()
        bench_load.compare(bench_load.Cloud(node, HOST, scratch))


if __name__ == "__main__":
    if not ARCHIVE:
        print(f"Nextcloud's own figures are not measured: they need its archive, {VARIABLE}=PATH")
        sys.exit()
    if shutil.which("wrk") is None:
        subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "wrk"], check=True)
    main()
