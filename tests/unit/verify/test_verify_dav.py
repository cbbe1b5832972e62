"""Contacts and calendars against the real Radicale, right and spoilt."""

import base64

import httpx
import pytest
from loopback import Front, has_ipv6, serving
from sample_node import CLOUD, LOGIN, USERS, before

from orchestrator.verify import dav as group

ROUND_TRIPS = ["CalDAV round trip (IPv4)", "CardDAV round trip (IPv4)"]
STAGES = list(zip(ROUND_TRIPS, ["the event", "the contact"], strict=True))
ELSEWHERE = b"""<multistatus xmlns="DAV:"><response><href>/</href><propstat><prop><current-user-principal>
<href>https://ailleurs.example/verify/</href></current-user-principal></prop><status>HTTP/1.1 200 OK</status></propstat>
</response></multistatus>"""


def test_right(node):
    checks = node.look(group.steps)
    assert all(check.ok for check in checks.values()), checks
    assert checks["CalDAV discovery and login (IPv4)"].seen == (
        "/.well-known/caldav leads to /, logged in, home /verify/"
    )
    assert checks["leftovers of earlier runs"].seen == "none"
    assert checks["nothing left behind"].seen == "the account is as it was"
    assert node.collections() == set()


def test_right_password_refused(node):
    wrong = type(node.target.password)("un autre mot de passe")
    checks = node.look(group.steps, password=wrong)
    assert checks["CalDAV discovery and login (IPv4)"].seen == "the right password was refused (401)"
    assert all(check.failed for check in checks.values())


def test_wrong_password_accepted(make_node, other_backend):
    checks = make_node(behind=other_backend(auth="none")).look(group.steps)
    check = checks["wrong password refused"]
    assert check.failed
    assert check.seen == "a wrong password was answered 207 instead of 401"
    assert all(checks[name].ok for name in ROUND_TRIPS), "what works is still seen to work"


def test_no_password_accepted(node):
    def let_in(request):
        if "Authorization" not in request.headers:
            request.headers["Authorization"] = "Basic " + base64.b64encode(":".join(LOGIN).encode()).decode()
        return False

    before(node, let_in)
    check = node.look(group.steps)["no password refused"]
    assert check.failed
    assert check.seen == "no password was answered 207 instead of 401"


def test_another_account_open(make_node, other_backend):
    open_to_all = other_backend(rights="authenticated")
    httpx.request("PROPFIND", f"http://127.0.0.1:{open_to_all[0]}/exemple/", auth=("exemple", USERS["exemple"]))
    node = make_node(behind=open_to_all)
    check = node.look(group.steps)["another account closed"]
    assert check.failed
    assert check.seen == "PROPFIND /exemple/ answered 207 instead of 403"
    # Without a real neighbour, 404 says only that nobody is there.
    check = node.look(group.steps, neighbour=None)["another account closed"]
    assert check.failed
    assert check.seen == "PROPFIND /no-such-account/ answered 404 instead of 403"


def test_discovery_missing(node):
    def none(request):
        if request.path.startswith("/.well-known/"):
            request.answer(404, b"")
            return True
        return False

    before(node, none)
    checks = node.look(group.steps)
    assert checks["CalDAV discovery and login (IPv4)"].seen == "/.well-known/caldav leads nowhere (it answered 404)"
    assert checks[ROUND_TRIPS[0]].seen == "not tried: CalDAV was not discovered over IPv4"


def test_the_password_is_not_carried_elsewhere(node, authority):
    """A redirect to another place is refused before anything is sent there."""
    elsewhere = Front("127.0.0.1", 0, authority.server([CLOUD]))
    asked = []
    elsewhere.before = lambda request: asked.append(request.path) or request.answer(207, b"") or True

    def lead_away(request):
        request.answer(301, b"", {"Location": f"https://{CLOUD}:{elsewhere.server_address[1]}/"})
        return True

    before(node, lead_away)
    with serving(elsewhere):
        checks = node.look(group.steps)
    assert checks["CalDAV discovery and login (IPv4)"].seen.startswith("/.well-known/caldav leads to another place, ")
    assert asked == []


def test_nor_to_a_home_elsewhere(node):
    def lead_away(request):
        if not request.path.startswith("/.well-known/"):
            request.answer(207, ELSEWHERE)
            return True
        return False

    before(node, lead_away)
    check = node.look(group.steps)["CalDAV discovery and login (IPv4)"]
    assert check.failed
    assert check.seen == "/ leads to another place, https://ailleurs.example/verify/"


@pytest.mark.parametrize("check", ROUND_TRIPS)
def test_what_is_written_is_lost(node, check):
    def lose(request):
        if request.command == "PUT":
            request.answer(201, b"", {"ETag": '"lost"'})
        return request.command == "PUT"

    before(node, lose)
    found = node.look(group.steps)
    assert found[check].failed
    assert found[check].seen.endswith("back: it was accepted and is not there")
    assert "removed now" in found["nothing left behind"].seen
    assert node.collections() == set()


@pytest.mark.parametrize(("check", "stage"), STAGES)
def test_a_change_is_lost(node, check, stage):
    seen = set()

    def keep_the_first(request):
        if request.command != "PUT" or request.path not in seen:
            seen.add(request.path if request.command == "PUT" else None)
            return False
        request.answer(204, b"", {"ETag": '"kept"'})
        return True

    before(node, keep_the_first)
    found = node.look(group.steps)[check]
    assert found.failed
    assert found.seen.startswith(f"changing {stage}: it reads “")


@pytest.mark.parametrize("check", ROUND_TRIPS)
def test_accents_are_spoilt(node, check):
    def spoil(request):
        if request.command == "PUT":
            request.body = request.body.replace("é".encode(), b"??").replace("É".encode(), b"??")
        return False

    before(node, spoil)
    found = node.look(group.steps)[check]
    assert found.failed
    assert "back: it reads “" in found.seen


@pytest.mark.parametrize(("check", "stage"), STAGES)
def test_deleting_does_nothing(node, check, stage):
    def keep(request):
        kept = request.command == "DELETE" and request.path.endswith((".ics", ".vcf"))
        if kept:
            request.answer(204, b"")
        return kept

    before(node, keep)
    found = node.look(group.steps)
    assert found[check].failed
    assert found[check].seen == f"deleting {stage}: 1 found instead of 0"
    assert node.collections() == set()


def test_storage_that_refuses(node):
    def full(request):
        if request.command == "PUT":
            request.answer(507, b"")
        return request.command == "PUT"

    before(node, full)
    found = node.look(group.steps)
    assert "507" in found[ROUND_TRIPS[0]].seen
    assert found[ROUND_TRIPS[1]].seen.startswith("writing the contact: PUT /verify/maillage-verify-")
    assert found[ROUND_TRIPS[1]].seen.endswith("answered 507")
    assert node.collections() == set()


def test_a_server_that_answers_nonsense(node):
    before(node, lambda request: request.answer(207, b"<html>") or True)
    checks = node.look(group.steps)
    assert all(check.failed for check in checks.values())


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 on its loopback")
def test_each_family_makes_its_own_round_trip(node):
    asked = []
    node.secured[1].before = lambda request: asked.append(request.command) and False
    assert node.look(group.steps)["CardDAV round trip (IPv6)"].ok
    assert {"MKCALENDAR", "MKCOL", "PUT", "REPORT", "DELETE"} <= set(asked)
