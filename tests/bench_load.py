"""Nextcloud under load, as this project sets it up and as Debian and Nextcloud's own installation leave it."""

import json
import subprocess
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import bench

from orchestrator import secrets
from orchestrator.commands.verify import target_of
from orchestrator.verify.network import IPV4, Network

SECONDS, WARM = 6, 64  # of load for each figure; requests before the first of them
FILES, EVENTS = 500, 300
DAV, CALENDAR = "/remote.php/dav/files/exemple", "/remote.php/dav/calendars/exemple/personal/"

# The same code, data, user, web server and certificate; PHP's pool, php.ini, opcache and PostgreSQL as Debian has
# them (TCP on localhost, with its TLS), and Nextcloud as it is installed: no cache, locks in the database.
SWITCH = """\
set -e
fpm=/etc/php/8.4/fpm postgresql=/etc/postgresql/17/main stock=/srv/maillage/nextcloud/config/zz-stock.config.php
ours="$fpm/conf.d/90-maillage.ini $fpm/pool.d/nextcloud.conf $fpm/pool.d/nextcloud-workers.conf
      $postgresql/conf.d/maillage.conf $postgresql/pg_hba.conf"
if [ ! -e /root/ours.tar ]; then
    tar -cPf /root/ours.tar $ours
    systemctl stop maillage-nextcloud-cron.timer
    runuser -u postgres -- psql -Xqc "ALTER ROLE nextcloud PASSWORD 'bench'"
fi
case {side} in
ours)
    rm -f $stock
    tar -xPf /root/ours.tar
    ;;
stock)
    rm -f $ours
    tar -xPOf /root/ours.tar $fpm/pool.d/nextcloud.conf | grep -v -e '^pm' -e '^php_admin' > $fpm/pool.d/nextcloud.conf
    printf '%s\\n' 'pm = dynamic' 'pm.max_children = 5' 'pm.start_servers = 2' 'pm.min_spare_servers = 1' \\
        'pm.max_spare_servers = 3' >> $fpm/pool.d/nextcloud.conf
    echo "data_directory = '/srv/maillage/database/17'" > $postgresql/conf.d/maillage.conf
    printf '%s\\n' 'local all all peer' 'host all all 127.0.0.1/32 scram-sha-256' \\
        'host all all ::1/128 scram-sha-256' > $postgresql/pg_hba.conf
    cat > $stock <<'END'
<?php
$CONFIG = ['memcache.local' => null, 'memcache.distributed' => null, 'memcache.locking' => null, 'redis' => null,
    'dbpersistent' => null, 'dbhost' => 'localhost', 'dbpassword' => 'bench'];
END
    ;;
esac
systemctl restart postgresql@17-main.service
systemctl restart php8.4-fpm.service
"""
LUA = """\
wrk.method, wrk.body, wrk.headers = "{method}", {body}, {headers}
refused, status, count = 0, 0, 0
if {numbered} then
    request = function()
        count = count + 1
        return wrk.format(nil, wrk.path .. count)
    end
end
response = function(code)
    if code < 200 or code > 299 then
        refused, status = refused + 1, code
    end
end
setup = function(thread)
    only = thread
end
done = function(summary)
    local errors = summary.errors
    local cut = errors.connect + errors.read + errors.write + errors.timeout
    print(summary.requests, summary.duration, only:get("refused"), only:get("status"), cut)
end
"""


@dataclass(frozen=True)
class Request:
    """What is asked of both sides: over `connections` at once; of a place of its own each time where it is a PUT."""

    name: str
    target: float
    path: str
    method: str = "GET"
    body: str = ""
    depth: str = "0"
    connections: int = 8

    @property
    def headers(self):
        return {"Depth": self.depth, "Content-Type": "application/octet-stream" if self.new else "application/xml"}

    @property
    def new(self):
        return self.method == "PUT"


REQUESTS = [
    Request("status.php", 3, "/status.php"),
    Request(
        f"PROPFIND of {FILES} files",
        1.5,
        f"{DAV}/many/",
        "PROPFIND",
        '<d:propfind xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns"><d:prop><d:getetag/><d:getlastmodified/>'
        "<d:getcontentlength/><d:resourcetype/><oc:fileid/><oc:permissions/><oc:size/></d:prop></d:propfind>",
        "1",
    ),
    Request(
        f"REPORT of {EVENTS} events",
        1.4,
        CALENDAR,
        "REPORT",
        '<c:calendar-query xmlns:c="urn:ietf:params:xml:ns:caldav" xmlns:d="DAV:"><d:prop><d:getetag/>'
        '<c:calendar-data/></d:prop><c:filter><c:comp-filter name="VCALENDAR"><c:comp-filter name="VEVENT"/>'
        "</c:comp-filter></c:filter></c:calendar-query>",
        "1",
    ),
    Request("PUT of 1 kB files", 1.4, f"{DAV}/new", "PUT", "x" * 1000, connections=4),
]
EVENT = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//maillage//bench//\r\nBEGIN:VEVENT\r\nUID:bench-{0}\r\n"
    "DTSTAMP:20260101T000000Z\r\nDTSTART:2026{1:02}{2:02}T090000Z\r\nDTEND:2026{1:02}{2:02}T100000Z\r\n"
    "SUMMARY:Number {0}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


class Cloud:
    """The node as a client of its subscriber, and the two ways it can be set up."""

    def __init__(self, node, host, folder):
        self.host = host
        network = Network(target_of(node), 60)
        self.base, self.folder, self.void = f"https://{network.target.cloud}", Path(folder), set()
        password = secrets.reveal(node, "subscribers.exemple").get_secret_value()
        with network.client(IPV4, auth=("exemple", password)) as client:
            asked = {"OCS-APIRequest": "true", "Accept": "application/json"}
            answer = client.get(f"{self.base}/ocs/v2.php/core/getapppassword", headers=asked)
            answer.raise_for_status()
        token = answer.json()["ocs"]["data"]["apppassword"]
        self.authorization = {"Authorization": f"Basic {b64encode(f'exemple:{token}'.encode()).decode()}"}
        self.client = network.client(IPV4)
        self.client.headers.update(self.authorization)
        # wrk asks this machine's resolver, which need not know the lab's names.
        address = node.territory.host.address.ipv4
        (self.folder / "hosts").write_text(f"{address} {network.target.cloud}\n")

    def fill(self):
        """Files, and events spread over a year."""
        self.ask("MKCOL", f"{DAV}/many")
        days = [(number, number % 12 + 1, number % 28 + 1) for number in range(EVENTS)]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda number: self.ask("PUT", f"{DAV}/many/{number}.txt", "x" * 1000), range(FILES)))
            list(pool.map(lambda day: self.ask("PUT", f"{CALENDAR}{day[0]}.ics", EVENT.format(*day)), days))

    def ask(self, method, path, body="", headers=None):
        answer = self.client.request(method, f"{self.base}{path}", content=body, headers=headers)
        answer.raise_for_status()

    def measure(self, side, turn):
        """Requests a second of each kind, of a side that has just been switched to and warmed up."""
        bench.on(self.host, SWITCH.format(side=side))
        for request in REQUESTS:
            place = f"{request.path}-{side}-{turn}/" if request.new else request.path
            if request.new:
                self.ask("MKCOL", place)
            with ThreadPoolExecutor(request.connections) as pool:
                names = [f"{place}warm-{number}" if request.new else place for number in range(WARM)]
                list(pool.map(lambda name, of=request: self.ask(of.method, name, of.body, of.headers), names))
            yield request, self.load(request, place, side)

    def load(self, request, place, side):
        headers = request.headers | self.authorization
        script = LUA.format(
            method=request.method,
            body=f"[==[{request.body}]==]",
            headers="{" + ", ".join(f'["{name}"] = {json.dumps(value)}' for name, value in headers.items()) + "}",
            numbered=str(request.new).lower(),
        )
        (self.folder / "load.lua").write_text(script)
        wrk = f"exec wrk -t1 -c{request.connections} -d{SECONDS}s --timeout 30s -s load.lua {self.base}{place}"
        command = ["unshare", "--mount", "sh", "-c", f"mount --bind hosts /etc/hosts && {wrk}"]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=True)
        count, microseconds, refused, status, cut = (float(word) for word in done.stdout.splitlines()[-1].split())
        if refused or cut or not count:
            print(f"{request.name}, {side}: of {count:.0f}, {refused:.0f} refused (last {status:.0f}), {cut:.0f} cut")
            self.void.add(request)
        return count / microseconds * 10**6


def compare(cloud):
    cloud.fill()
    pairs = {request: [] for request in REQUESTS}
    for turn in range(bench.PAIRS):
        found = {request: {} for request in REQUESTS}
        for side in ("ours", "stock") if turn % 2 == 0 else ("stock", "ours"):
            for request, rate in cloud.measure(side, turn):
                found[request][side] = rate
        for request in REQUESTS:
            pairs[request].append((found[request]["ours"], found[request]["stock"]))
    for request in REQUESTS:
        if request in cloud.void:
            print(f"{request.name}: void, since not every request was answered as it should be")
        else:
            bench.show(f"{request.name}, our configuration / stock", request.target, pairs[request], "/s")
