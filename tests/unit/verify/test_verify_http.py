import pytest
from sample_node import CLOUD, DOMAIN

from orchestrator.contract import Probe
from orchestrator.verify import http as group


def spoil(fronts, **headers):
    for front in fronts:
        for name, value in headers.items():
            front.headers.pop(name.replace("_", "-"))
            if value is not None:
                front.headers[name.replace("_", "-")] = value


def answering(fronts, *answer):
    def before(request):
        request.answer(*answer)
        return True

    for front in fronts:
        front.before = before


def test_right(node):
    checks = node.look(group.steps)
    assert all(check.ok for check in checks.values()), checks
    assert checks[f"redirect to HTTPS {CLOUD} (IPv4)"].seen == f"301 to {node.target.url(CLOUD)}"
    assert "no TLS for it" in checks["unknown name refused (IPv4)"].seen


@pytest.mark.parametrize(
    ("header", "value", "seen"),
    [
        ("Strict_Transport_Security", None, "no Strict-Transport-Security"),
        ("Strict_Transport_Security", "max-age=300", "Strict-Transport-Security: max-age=300"),
        ("X_Content_Type_Options", None, "no X-Content-Type-Options"),
        ("Content_Security_Policy", "default-src 'none'", "Content-Security-Policy: default-src 'none'"),
        ("Referrer_Policy", "unsafe-url", "Referrer-Policy: unsafe-url"),
        ("Server", "nginx/1.26.3", "Server: nginx/1.26.3"),
    ],
)
def test_a_wrong_header_is_named(node, header, value, seen):
    spoil(node.secured, **{header: value})
    check = node.look(group.steps)[f"headers {CLOUD} (IPv4)"]
    assert check.failed
    assert check.seen == seen


def test_a_server_that_does_not_name_itself_is_right(node):
    spoil(node.secured, Server=None)
    assert node.look(group.steps)[f"headers {CLOUD} (IPv4)"].ok


def test_no_redirect(node):
    answering(node.plain, 200, b"in clear")
    check = node.look(group.steps)[f"redirect to HTTPS {DOMAIN} (IPv4)"]
    assert check.failed
    assert check.seen == f"port {node.target.http_port} answers 200 and leads to nowhere"


def test_redirect_elsewhere(node):
    answering(node.plain, 301, b"", {"Location": "https://ailleurs.example/"})
    check = node.look(group.steps)[f"redirect to HTTPS {DOMAIN} (IPv4)"]
    assert check.failed
    assert "leads to https://ailleurs.example/" in check.seen


def test_no_page(node):
    answering(node.secured, 502, b"")
    check = node.look(group.steps)[f"page {DOMAIN} (IPv4)"]
    assert check.failed
    assert check.seen == "502, no type: not a page with a title"


def test_probe_with_another_status(node):
    probe = Probe(name="nothing here", host="@", path="/", status=204)
    check = node.look(group.steps, probes=(probe,))["probe nothing here (IPv4)"]
    assert check.failed
    assert check.seen == f"{node.target.url(DOMAIN)} answers 200 instead of 204"


def test_unknown_name_served_over_https(make_node):
    node = make_node(any_name=True)
    assert node.look(group.steps)["unknown name refused (IPv4)"].ok, "the sample answers it 421"
    answering(node.secured, 200, b"somebody's site")
    check = node.look(group.steps)["unknown name refused (IPv4)"]
    assert check.failed
    assert check.seen == "a page of no-such-name.example, which is not served here, was answered with HTTP/1.1 200 OK"


def test_unknown_name_redirected_over_http(node):
    answering(node.plain, 301, b"", {"Location": "https://ailleurs.example/"})
    assert "HTTP/1.1 301" in node.look(group.steps)["unknown name refused (IPv4)"].seen


def test_unknown_name_met_by_a_closed_connection_is_refused(node):
    def hang_up(request):
        request.close_connection = True
        return True

    node.plain[0].before = hang_up
    check = node.look(group.steps)["unknown name refused (IPv4)"]
    assert check.ok
    assert "connection closed" in check.seen


def test_an_expired_certificate_is_said_by_every_check_that_meets_it(make_node, authority):
    node = make_node(authority.server([DOMAIN, CLOUD], days=-1))
    checks = node.look(group.steps)
    assert checks[f"page {DOMAIN} (IPv4)"].seen == "certificate refused: certificate has expired"
