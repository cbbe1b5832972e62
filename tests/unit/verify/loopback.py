"""Real servers on this machine's loopback: TLS and a few pages in front of the real Radicale."""

from __future__ import annotations

import http.client
import http.server
import ipaddress
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

HEADERS = {
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Server": "sample",
}
PAGE = b"<!doctype html><html lang=fr><head><title>Exemple</title></head><body><p>Bonjour</p></body></html>"


class Front(http.server.ThreadingHTTPServer):
    """One listening address of the sample node.

    Attributes:
        domain: serves the page; `cloud.` below it is handed to the backend.
        backend: port of the Radicale behind, or None.
        redirect_to: port of the HTTPS address, where this one is the plain one.
        headers: sent with every answer.
        before: called with each request first; True means that it has answered.
    """

    daemon_threads = True
    domain = ""
    backend: int | None = None
    redirect_to: int | None = None

    def __init__(self, address: str, port: int, tls: ssl.SSLContext | None) -> None:
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.headers = dict(HEADERS)
        self.before: Callable[[FrontRequest], bool] = lambda _: False
        super().__init__((address, port), FrontRequest)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def server_bind(self) -> None:
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        socketserver.TCPServer.server_bind(self)  # HTTPServer's own asks this machine's resolver for its name

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that refuse a certificate hang up: that is what they are here for."""
        if not isinstance(sys.exception() if sys.version_info >= (3, 12) else sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class FrontRequest(http.server.BaseHTTPRequestHandler):
    """One request to the sample node."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # the whole answer in one packet
    server: Front
    timeout = 30

    def handle_any(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        host = self.headers.get("Host", "").partition(":")[0]
        front = self.server
        if front.before(self):
            return
        if host not in (front.domain, f"cloud.{front.domain}"):
            self.answer(421, b"")
        elif front.redirect_to is not None:
            self.answer(301, b"", {"Location": f"https://{host}:{front.redirect_to}{self.path}"})
        elif host == front.domain:
            self.answer(200, PAGE, {"Content-Type": "text/html; charset=utf-8"})
        else:
            self.hand_on()

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):  # one for each method of HTTP and WebDAV
            return self.handle_any
        raise AttributeError(name)

    def hand_on(self) -> None:
        backend = http.client.HTTPConnection("127.0.0.1", self.server.backend, timeout=20)
        backend.request(self.command, self.path, self.body, dict(self.headers))
        response = backend.getresponse()
        kept = {name: value for name, value in response.getheaders() if name.lower() in PASSED}
        self.answer(response.status, response.read(), kept)
        backend.close()

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response_only(status)
        for name, value in (self.server.headers | (headers or {})).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """A test's output is not the place for an access log."""


PASSED = {"content-type", "content-encoding", "etag", "location", "dav", "allow", "www-authenticate", "last-modified"}


@contextmanager
def serving(*servers: socketserver.BaseServer) -> Iterator[None]:
    """Serve in threads for as long as the block lasts."""
    with ExitStack() as stack:
        for server in servers:
            stack.callback(server.server_close)
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
            stack.callback(server.shutdown)
        yield


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def radicale(
    folder: Path, users: dict[str, str], *, auth: str = "htpasswd", rights: str = "owner_only"
) -> Iterator[int]:
    """Run the real Radicale on a free port and give the port."""
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "users").write_text("".join(f"{user}:{password}\n" for user, password in users.items()))
    (folder / "config").write_text(
        f"[server]\nhosts = 127.0.0.1:{port}\n"
        f"[auth]\ntype = {auth}\nhtpasswd_filename = {folder}/users\nhtpasswd_encryption = plain\ndelay = 0\n"
        f"[rights]\ntype = {rights}\n"
        f"[storage]\nfilesystem_folder = {folder}/data\n[web]\ntype = none\n[logging]\nlevel = warning\n"
    )
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "radicale", "--config", str(folder / "config")], stdout=log, stderr=log
        )
        try:
            _wait(port, process, folder / "log")
            yield port
        finally:
            process.terminate()
            process.wait(10)


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(200):
        if process.poll() is not None:
            raise RuntimeError(f"Radicale ended: {log.read_text()}")
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"Radicale does not listen: {log.read_text()}")


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind((str(ipaddress.IPv6Address(1)), 0))
    except OSError:
        return False
    return True
