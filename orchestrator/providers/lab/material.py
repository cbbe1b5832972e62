"""Keys and certificates that a lab makes once for itself; none of them is worth anything outside of it."""

from __future__ import annotations

import datetime
import os
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from orchestrator.providers.lab.state import Place

LIFETIME = datetime.timedelta(days=3650)


@dataclass(frozen=True)
class Material:
    """Files of the lab's material, all of mode 0600.

    Attributes:
        authority: certificate of the authority that the lab's own HTTPS servers are trusted by.
        certificate: certificate of the lab's own servers.
        certificate_key: its private key.
        dnssec_key: the private key that signs every zone of the lab (P-256, PKCS #8).
        dkim_key: the private key that signs the mail of the lab's correspondent (RSA, PKCS #8).
    """

    authority: Path
    certificate: Path
    certificate_key: Path
    dnssec_key: Path
    dkim_key: Path


def ensure(place: Place, domains: Sequence[str], names: Sequence[str], addresses: Sequence[str]) -> Material:
    """The lab's material, made the first time, and its certificates again when they are to bear other names.

    Args:
        place: where the lab is kept.
        domains: the only ones that the authority may speak for: trusting it must not be a danger elsewhere.
        names: names of the lab's own servers, inside these domains.
        addresses: their addresses.
    """
    directory = place.directory / "material"
    material = Material(
        *(directory / f"{part}.pem" for part in ("authority", "acme", "acme-key", "dnssec-key", "dkim-key"))
    )
    with place.locked("material"):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not material.certificate.exists() or _names(material.certificate) != set(names):  # written last of the three
            key, authority_key = generate_private_key(SECP256R1()), generate_private_key(SECP256R1())
            authority = _authority(authority_key, domains)
            _write(material.authority, authority.public_bytes(Encoding.PEM))
            _write(material.certificate_key, _private(key))
            certificate = _certificate(key, authority, authority_key, names, addresses)
            _write(material.certificate, certificate.public_bytes(Encoding.PEM))
        if not material.dnssec_key.exists():
            _write(material.dnssec_key, _private(generate_private_key(SECP256R1())))
        if not material.dkim_key.exists():
            _write(material.dkim_key, _private(rsa.generate_private_key(65537, 2048)))
    return material


def _names(certificate: Path) -> set[str]:
    """The host names on a certificate."""
    found = x509.load_pem_x509_certificate(certificate.read_bytes()).extensions
    return set(found.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName))


def _authority(key: EllipticCurvePrivateKey, domains: Sequence[str]) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Maillage lab")])
    only = x509.NameConstraints(permitted_subtrees=[x509.DNSName(domain) for domain in domains], excluded_subtrees=None)
    return (
        _builder(subject, subject, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(sign_certificates=True), critical=True)
        .add_extension(only, critical=True)
        .sign(key, SHA256())
    )


def _certificate(
    key: EllipticCurvePrivateKey,
    authority: x509.Certificate,
    authority_key: EllipticCurvePrivateKey,
    names: Sequence[str],
    addresses: Sequence[str],
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
    alternatives += [x509.IPAddress(ip_address(address)) for address in addresses]
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    return (
        _builder(subject, authority.subject, key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(sign_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(issuer, critical=False)
        .sign(authority_key, SHA256())
    )


def _builder(subject: x509.Name, issuer: x509.Name, key: EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _private(key: EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write(path: Path, content: bytes) -> None:
    """Write a private file whole or not at all."""
    unfinished = path.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123
        file.write(content)
    unfinished.rename(path)
