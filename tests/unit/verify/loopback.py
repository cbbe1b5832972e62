"""Real servers on this machine's loopback: a nameserver, a certificate authority, a node with TLS before Radicale."""

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
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dns.dnssec
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

HEADERS = {
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Server": "sample",
}
PAGE = b"<!doctype html><html lang=fr><head><title>Exemple</title></head><body><p>Bonjour</p></body></html>"


class Nameserver(socketserver.ThreadingUDPServer):
    """Answers from a table, over UDP.

    Attributes:
        records: data by (name, type).
        validated: sets the AD flag, as a validating resolver does for a signed zone.
        rcode: what it answers to everything, if not from the table.
        silent: receives and says nothing.
        keys: signs what belongs to a zone with the zone's key.
        signed_for: seconds that signatures last; negative ones have expired.
    """

    daemon_threads = True
    validated = True
    rcode: dns.rcode.Rcode | None = None
    silent = False
    signed_for = 3600

    def __init__(self, records: dict[tuple[str, str], list[str]]) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.records = records
        self.keys: dict[str, ec.EllipticCurvePrivateKey] = {}

    def add_signed_zone(self, zone: str, key: ec.EllipticCurvePrivateKey) -> str:
        """Serve the key, and the DS record in the zone above; give the DS record's data."""
        public = dns.dnssec.make_dnskey(key.public_key(), dns.dnssec.Algorithm.ECDSAP256SHA256, flags=257)
        delegation = dns.dnssec.make_ds(dns.name.from_text(zone), public, "SHA256").to_text()
        self.keys[zone] = key
        self.records[zone, "DNSKEY"], self.records[zone, "DS"] = [public.to_text()], [delegation]
        return delegation

    def signature(self, records: dns.rrset.RRset, zone: str) -> dns.rrset.RRset:
        """Sign the records with the key of the zone."""
        now, end = int(time.time()), self.signed_for
        signed = dns.dnssec.sign(
            records,
            self.keys[zone],
            dns.name.from_text(zone),
            dns.dnssec.make_dnskey(self.keys[zone].public_key(), dns.dnssec.Algorithm.ECDSAP256SHA256, flags=257),
            inception=now - 7200,
            expiration=now + end,
        )
        return dns.rrset.from_rdata(records.name, records.ttl, signed)

    def zone_of(self, records: dns.rrset.RRset) -> str | None:
        """The innermost signed zone that the records belong to; a DS record belongs to the zone above."""
        name = records.name.parent() if records.rdtype == dns.rdatatype.DS else records.name
        zones = [zone for zone in self.keys if name.is_subdomain(dns.name.from_text(zone))]
        return max(zones, key=len, default=None)

    @property
    def address(self) -> str:
        return f"127.0.0.1@{self.server_address[1]}"


class _Answer(socketserver.BaseRequestHandler):
    server: Nameserver

    def handle(self) -> None:
        if self.server.silent:
            return
        message, reply_to = self.request
        query = dns.message.from_wire(message)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        response = dns.message.make_response(query, recursion_available=True)
        data = self.server.records.get((name, dns.rdatatype.to_text(question.rdtype)))
        if self.server.rcode is not None:
            response.set_rcode(self.server.rcode)
        elif data:
            records = dns.rrset.from_text_list(question.name, 60, "IN", question.rdtype, data)
            response.answer.append(records)
            if zone := self.server.zone_of(records):
                response.answer.append(self.server.signature(records, zone))
        elif name not in {known for known, _ in self.server.records}:
            response.set_rcode(dns.rcode.NXDOMAIN)
        if self.server.validated:
            response.flags |= dns.flags.AD
        reply_to.sendto(response.to_wire(), self.client_address)


class Authority:
    """A certificate authority that makes what it is asked for, right or wrong."""

    def __init__(self, folder: Path, name: str = "sample authority") -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self.certificate = self._sign(self.name, self.key, [], timedelta(days=365), authority=True)
        self.bundle = folder / f"{name.replace(' ', '-')}.pem"
        self.bundle.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def server(self, names: Iterable[str], *, days: float = 80, self_signed: bool = False) -> ssl.SSLContext:
        """A server's TLS settings with a new certificate for the names; negative days make one that has expired."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = list(names)
        certificate = self._sign(self.name, key, names, timedelta(days=days), signer=key if self_signed else self.key)
        path = self.folder / f"{names[0]}-{certificate.serial_number:x}.pem"
        path.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _sign(
        self,
        issuer: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        names: list[str],
        life: timedelta,
        *,
        authority: bool = False,
        signer: ec.EllipticCurvePrivateKey | None = None,
    ) -> x509.Certificate:
        signer = signer or self.key
        now = datetime.now(UTC)
        subject = issuer if authority else x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])])
        usage = dict.fromkeys(
            ["content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "crl_sign"], False
        )
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=90))
            .not_valid_after(now + life)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=not authority,
                    key_cert_sign=authority,
                    encipher_only=None,
                    decipher_only=None,
                    **usage,
                ),
                critical=True,
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), False)
        return builder.sign(signer, hashes.SHA256())


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
