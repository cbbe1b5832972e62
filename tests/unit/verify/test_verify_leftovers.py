"""A verification leaves nothing in the account, even one that was killed, and touches nobody else's."""

import os
import pickle
import subprocess
import sys
import threading
import time
import zlib

import httpx
from sample_node import LOGIN, before

from orchestrator.verify import dav as group
from orchestrator.verify import leftovers

RUN = "import pickle, sys; from orchestrator.verify import verify; list(verify(pickle.load(sys.stdin.buffer)))"


def make_collection(node, name):
    url = f"http://127.0.0.1:{node.secured[0].backend}/verify/{name}/"
    assert httpx.request("MKCALENDAR", url, auth=LOGIN).status_code == 201


def remove_collection(node, name):
    url = f"http://127.0.0.1:{node.secured[0].backend}/verify/{name}/"
    assert httpx.delete(url, auth=LOGIN).status_code == 200


def test_what_cannot_be_removed_is_said(node):
    def refuse(request):
        if request.command == "DELETE":
            request.answer(403, b"")
        return request.command == "DELETE"

    before(node, refuse)
    check = node.look(group.steps)["nothing left behind"]
    assert check.failed
    assert check.seen.startswith("DELETE /verify/maillage-verify-")
    before(node, lambda _: False)
    for name in node.collections():
        remove_collection(node, name)


def test_a_killed_run_is_swept_by_the_next(node):
    writing = threading.Event()

    def hold_at_the_first_event(request):
        if request.command == "PUT":
            writing.set()
            time.sleep(20)
        return False

    before(node, hold_at_the_first_event)
    with subprocess.Popen([sys.executable, "-c", RUN], stdin=subprocess.PIPE) as run:
        run.stdin.write(pickle.dumps(node.target))
        run.stdin.close()
        assert writing.wait(30)
        run.kill()
    left = node.collections()
    assert len(left) == 1
    assert left.pop().startswith("maillage-verify-")
    before(node, lambda _: False)
    checks = node.look(group.steps)
    assert checks["leftovers of earlier runs"].seen == "1 removed"
    assert node.collections() == set()


def test_only_what_is_abandoned_is_swept(node):
    machine, now = leftovers._machine(), int(time.time())
    another_machine = f"{zlib.crc32(b'another'):08x}"
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    kept = {
        "agenda",  # somebody's own
        f"maillage-verify-{another_machine}-1-{now}-caldavipv4",  # perhaps going on there
        f"maillage-verify-{machine}-{os.getppid()}-{now}-caldavipv4",  # going on here
    }
    swept = {
        f"maillage-verify-{another_machine}-1-{now - 1000}-caldavipv4",  # nothing runs that long
        f"maillage-verify-{machine}-{ended.pid}-{now}-carddavipv6",
    }
    for name in kept | swept:
        make_collection(node, name)
    assert node.look(group.steps)["leftovers of earlier runs"].seen == "2 removed"
    assert node.collections() == kept
    for name in kept:
        remove_collection(node, name)
