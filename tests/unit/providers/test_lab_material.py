"""The lab's own authority: made once, private, and good for the lab alone."""

import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from orchestrator.providers.lab import Place, material


@pytest.fixture
def made(tmp_path):
    return material.ensure(
        Place(tmp_path), ["internet.test"], ["acme.internet.test"], ["10.99.0.2", "fd4d:6169:6c6c::2"]
    )


def handshake(authority, certificate, key, name):
    """A TLS handshake in memory between two contexts; raises what the client objects to."""
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(certificate, key)
    client_context = ssl.create_default_context(cafile=str(authority))
    client_context.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname=name)
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return client.version()


@pytest.mark.parametrize("name", ["acme.internet.test", "10.99.0.2", "fd4d:6169:6c6c::2"])
def test_clients_accept_the_server_by_name_and_address(made, name):
    assert handshake(made.authority, made.certificate, made.certificate_key, name) == "TLSv1.3"


def test_another_name_is_refused(made):
    with pytest.raises(ssl.SSLCertVerificationError, match=r"acme\.other\.test"):
        handshake(made.authority, made.certificate, made.certificate_key, "acme.other.test")


def test_the_authority_may_not_speak_for_the_world(tmp_path):
    made = material.ensure(Place(tmp_path), ["internet.test"], ["www.example.org"], ["10.99.0.2"])
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree"):
        handshake(made.authority, made.certificate, made.certificate_key, "www.example.org")


def test_made_once_and_private(tmp_path, made):
    before = {path: path.read_bytes() for path in made.authority.parent.iterdir()}
    again = material.ensure(Place(tmp_path), ["internet.test"], ["acme.internet.test"], ["10.99.0.2"])
    assert again == made
    assert {path: path.read_bytes() for path in before} == before
    assert all(path.stat().st_mode & 0o077 == 0 for path in before)
    assert made.authority.parent.stat().st_mode & 0o077 == 0


def test_a_killed_run_is_finished_by_the_next(tmp_path, made):
    made.certificate.unlink()
    made.certificate.with_suffix(".unfinished").write_text("half")
    again = material.ensure(Place(tmp_path), ["internet.test"], ["acme.internet.test"], ["10.99.0.2"])
    assert handshake(again.authority, again.certificate, again.certificate_key, "acme.internet.test") == "TLSv1.3"
    assert not list(made.authority.parent.glob("*.unfinished"))


def test_the_dnssec_key_is_what_knot_imports(made):
    key = load_pem_private_key(made.dnssec_key.read_bytes(), None)
    assert isinstance(key, EllipticCurvePrivateKey)
    assert isinstance(key.curve, SECP256R1)
    assert made.dnssec_key.read_text().startswith("-----BEGIN PRIVATE KEY-----")
    assert x509.load_pem_x509_certificate(made.authority.read_bytes()).public_key() != key.public_key()
