import socket
import time

from loopback import free_port

from orchestrator.verify import ports as group
from orchestrator.verify.network import IPV4
from orchestrator.verify.ports import knock


def test_right(node):
    checks = node.look(group.steps)
    assert all(check.ok for check in checks.values())
    assert checks["closed ports (IPv4)"].seen == "1, 2 closed"


def test_a_declared_port_that_does_not_answer(node):
    port = free_port()
    check = node.look(group.steps, open_ports=(node.target.http_port, port))["open ports (IPv4)"]
    assert check.failed
    assert check.seen == f"{port} refused"


def test_an_open_port_that_nothing_declares(node):
    port = node.target.http_port
    check = node.look(group.steps, closed_ports=(1, port))["closed ports (IPv4)"]
    assert check.failed
    assert check.seen == f"open, though nothing declares it: {port}"


def test_a_port_that_drops_is_silent_and_costs_no_more_than_the_patience():
    """A full queue of pending connections makes the kernel drop new ones, as a firewall does."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(3)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", port))
        started = time.monotonic()
        answers = knock("127.0.0.1", [port, free_port()], IPV4, 0.5)
        assert 0.4 < time.monotonic() - started < 2
        for each in waiting:
            each.close()
    assert list(answers.values()) == ["silent", "refused"]
