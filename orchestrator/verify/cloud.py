"""Files as a subscriber uses them: up, down, in parts, shared with a neighbour, and no more than was paid for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import quote

from orchestrator.verify import leftovers, login_flow
from orchestrator.verify.check import CheckFailedError, Step, stage
from orchestrator.verify.login_flow import OCS, AppPassword
from orchestrator.verify.network import Family, Network
from orchestrator.verify.webdav import DAV, expect, request_properties, resources

MEGABYTE = 1 << 20
LARGE_PARTS, PART = 10, 10 * MEGABYTE
TOO_LARGE = 10**15  # bytes: more than anybody pays for
NAMES = ("été à Bayeux.txt", "100 % + 1 = ? & #.txt", "日本 🍎.txt", "x" * 200 + ".txt", " espaces  deux.txt")
# What is deleted here is not kept in the account's bin.
DELETE = {"X-NC-Skip-Trashbin": "true"}


def steps(network: Network) -> Iterator[Step]:
    """Once, over the first family: what is stored does not depend on the way it came."""
    with ExitStack() as clients:
        for family in network.families[:1]:
            files = Files(network, family, clients)
            yield Step("Nextcloud is ready", files.status)
            yield Step("login of an app (Login Flow v2)", files.log_in)
            yield Step("app password", files.app_password)
            yield Step("leftover files of earlier runs", files.sweep)
            yield Step("files up and down", files.round_trip)
            yield Step("files with odd names", files.odd_names)
            yield Step("large file in parts", files.large)
            if network.target.second:
                yield Step("share with another subscriber", files.share)
            yield Step("quota", files.quota)
            yield Step("files cleaned up", files.clean_up)


class Files:
    """The account's files.

    Attributes:
        folder: name of the folder that this run makes.
        app: the password that an app was given.
    """

    def __init__(self, network: Network, family: Family, clients: ExitStack) -> None:
        self.network, self.family, self.target = network, family, network.target
        self.base = self.target.url(str(self.target.cloud))
        self.client = clients.enter_context(
            network.client(family, auth=(self.target.user, self.target.password.get_secret_value()))
        )
        self.home = f"{self.base}remote.php/dav/files/{self.target.user}/"
        self.folder = leftovers.name("files")
        self.app: AppPassword | None = None

    def url(self, name: str = "") -> str:
        """The address of something in the folder of this run."""
        return f"{self.home}{self.folder}/{quote(name)}"

    def status(self) -> str:
        """Installed, no maintenance, nothing to upgrade; capabilities for a subscriber."""
        status = expect(self.client.get(f"{self.base}status.php"), 200).json()
        if not status["installed"] or status["maintenance"] or status["needsDbUpgrade"]:
            raise CheckFailedError(f"status.php says {json.dumps(status)}")
        address = f"{self.base}ocs/v2.php/cloud/capabilities?format=json"
        offered = expect(self.client.get(address, headers=OCS), 200).json()["ocs"]["data"]["capabilities"]
        if missing := {"files", "dav", "files_sharing"} - set(offered):
            raise CheckFailedError(f"the capabilities lack {', '.join(sorted(missing))}")
        return f"{status['productname']} {status['versionstring']}"

    def log_in(self) -> str:
        """See `login_flow.log_in`."""
        self.app = login_flow.log_in(self.network, self.family)
        return "page, login, grant, and a password for the app alone"

    def app_password(self) -> str:
        """It opens the account, and no longer once it was given back."""
        if self.app is None:
            raise CheckFailedError("not tried: no app was let in")
        with self.network.client(self.family, auth=(self.app.login, self.app.password)) as client:
            expect(request_properties(client, self.home, f"{DAV}resourcetype"), 207)
            login_flow.log_out(client, self.base)
        with self.network.client(self.family, auth=(self.app.login, self.app.password)) as client:
            expect(request_properties(client, self.home, f"{DAV}resourcetype"), 401)
        return "opens the account, and no longer once it was given back"

    def sweep(self) -> str:
        """Remove what a run that was killed left."""
        there = resources(request_properties(self.client, self.home, f"{DAV}resourcetype", depth=1))
        names = [each.url.rstrip("/").rpartition("/")[2] for each in there]
        old = [name for name in names if leftovers.is_abandoned(name)]
        for name in old:
            expect(self.client.delete(f"{self.home}{name}", headers=DELETE), 204, 404)
        return f"{len(old)} removed" if old else "none"

    def round_trip(self) -> str:
        """A byte, and no byte at all."""
        expect(self.client.request("MKCOL", self.url()), 201)
        for name, content in (("one", b"\n"), ("none", b"")):
            with stage(f"a file of {len(content)} bytes"):
                self._same(name, content)
        return "a file of 1 byte and one of none, written and read"

    def odd_names(self) -> str:
        """Accents, signs that mean something in addresses, other scripts, a long name, spaces."""
        for name in NAMES:
            with stage(f"a file named “{name[:30]}”"):
                self._same(name, name.encode())
        listed = resources(request_properties(self.client, self.url(), f"{DAV}displayname", depth=1))
        seen = {each.properties[f"{DAV}displayname"].text for each in listed}
        if missing := set(NAMES) - seen:
            raise CheckFailedError(f"{len(missing)} of {len(NAMES)} are not listed under their names")
        return f"{len(NAMES)} written, read and listed"

    def large(self) -> str:
        """In parts, as every client sends what is large; compared by checksum."""
        sent, received = hashlib.sha256(), hashlib.sha256()
        uploads = f"{self.base}remote.php/dav/uploads/{self.target.user}/{self.folder}"
        size, end = LARGE_PARTS * PART, {"Destination": self.url("large")}
        with stage("beginning"):
            expect(self.client.request("MKCOL", uploads, headers=end), 201)
        for number in range(1, LARGE_PARTS + 1):
            part = hashlib.sha256(f"{self.folder} {number}".encode()).digest() * (PART // 32)
            sent.update(part)
            with stage(f"part {number}"):
                expect(self.client.put(f"{uploads}/{number:05}", content=part, headers=end), 201)
        with stage("putting the parts together"):
            headers = end | {"OC-Total-Length": str(size)}
            expect(self.client.request("MOVE", f"{uploads}/.file", headers=headers), 201, 204)
        with stage("reading"), self.client.stream("GET", self.url("large")) as answer:
            expect(answer, 200)
            for block in answer.iter_bytes():
                received.update(block)
        if sent.digest() != received.digest():
            raise CheckFailedError("what came back is not what was sent")
        return f"{size // MEGABYTE} MB in {LARGE_PARTS} parts, the same when read"

    def share(self) -> str:
        """The neighbour sees what is shared, cannot change it, and no longer sees it afterwards."""
        second = self.target.second
        assert second is not None
        self._same("shared", b"for the neighbour\n")
        with self.network.client(self.family, auth=(second[0], second[1].get_secret_value())) as other:
            home = f"{self.base}remote.php/dav/files/{second[0]}/"
            # From the root, as every client does: it makes the home of an account that was never used. A first
            # request for the files themselves is answered 500, once (seen with Nextcloud 32.0.1).
            with stage("the neighbour's login"):
                expect(request_properties(other, f"{self.base}remote.php/dav/", f"{DAV}current-user-principal"), 207)
                expect(request_properties(other, home, f"{DAV}resourcetype"), 207)
            with stage("sharing"):
                shares = f"{self.base}ocs/v2.php/apps/files_sharing/api/v1/shares"
                fields = {"path": f"/{self.folder}/shared", "shareType": 0, "shareWith": second[0], "permissions": 1}
                made = expect(self.client.post(shares, data=fields, headers=OCS), 200).json()["ocs"]["data"]
            place = f"{home}{quote(str(made['file_target']).lstrip('/'))}"
            with stage("reading as the neighbour"):
                if expect(other.get(place), 200).content != b"for the neighbour\n":
                    raise CheckFailedError("the neighbour reads something else")
            with stage("writing as the neighbour"):
                expect(other.put(place, content=b"changed"), 403)
            with stage("ending the share"):
                expect(self.client.delete(f"{shares}/{made['id']}", headers=OCS), 200)
                expect(other.get(place), 404)
        return "read by the neighbour, not changed, gone when the share ended"

    def quota(self) -> str:
        """What is larger than the room is refused before it is sent."""
        answer = self.client.put(self.url("too large"), content=b"x", headers={"OC-Total-Length": str(TOO_LARGE)})
        expect(answer, 507)
        [home] = resources(request_properties(self.client, self.home, f"{DAV}quota-available-bytes"))
        left = int(home.properties[f"{DAV}quota-available-bytes"].text or -3)
        if left < 0:
            raise CheckFailedError("the account has no quota")
        return f"refused (507); {left // 10**6} MB are left"

    def clean_up(self) -> str:
        """Remove what this run made."""
        answer = self.client.delete(self.url(), headers=DELETE)
        expect(answer, 204, 404)
        return "the account is as it was"

    def _same(self, name: str, content: bytes) -> None:
        expect(self.client.put(self.url(name), content=content), 201, 204)
        if expect(self.client.get(self.url(name)), 200).content != content:
            raise CheckFailedError("it is not the same when read")
