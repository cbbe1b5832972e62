"""The program that role certificates puts on a host, with real keys and certificates and a stand-in for uacme."""

from __future__ import annotations

import datetime
import json
import shutil
from collections.abc import Callable, Sequence
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

SOURCE = Path(__file__).resolve().parents[3] / "roles/certificates/templates/certificates/usr/lib/maillage/certificates"
WANTED = {"name": "exemple.test", "names": ["exemple.test", "cloud.exemple.test"]}

# Issues what stands in `next.pem`, knows the account already, and refuses every name that begins with «absent».
UACME = """#!/bin/sh
folder=$(dirname "$0")
echo "$@" >> "$folder/calls"
case "$*" in
  *" new "*) exit 2 ;;
  *" issue absent"*) printf 'uacme: no\\n    "detail": "absent.test does not resolve",\\n' >&2; exit 2 ;;
esac
mkdir -p "$folder/acme/exemple.test"
cp "$folder/next.pem" "$folder/acme/exemple.test/cert.pem"
"""

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not on this machine")


def certificate(names: Sequence[str], days: int) -> str:
    """A certificate of an authority, for these names, that ends in so many days."""
    now = datetime.datetime.now(datetime.UTC)
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an authority")])
    builder = x509.CertificateBuilder(issuer, x509.Name([]), generate_private_key(SECP256R1()).public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
    builder = builder.not_valid_after(now + datetime.timedelta(days=days))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=True)
    return builder.sign(generate_private_key(SECP256R1()), SHA256()).public_bytes(Encoding.PEM).decode()


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The program, at work in the test's own folder."""
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    loader = SourceFileLoader("certificates_program", str(SOURCE))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    module.CONFIGURATION = tmp_path / "certificates.json"  # type: ignore[attr-defined]
    module.ACME, module.LIVE = tmp_path / "acme", tmp_path / "live"  # type: ignore[attr-defined]
    module.ENVIRONMENT = {"PATH": f"{tmp_path}:/usr/bin:/bin"}  # type: ignore[attr-defined]
    for name, text in (("uacme", UACME), ("systemctl", '#!/bin/sh\necho "$@" >> "$(dirname "$0")/reloads"\n')):
        (tmp_path / name).write_text(text, encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    return module


@pytest.fixture
def configure(program: ModuleType) -> Callable[..., None]:
    def write(*wanted: dict[str, object]) -> None:
        content = {"acme_directory": "https://acme.test/dir", "contact": "contact@exterieur.test",
                   "reload": ["nginx.service"], "certificates": wanted}  # fmt: skip
        program.CONFIGURATION.write_text(json.dumps(content), encoding="utf-8")

    return write


def put(program: ModuleType, content: str) -> Path:
    live = program.LIVE / WANTED["name"] / "fullchain.pem"
    live.parent.mkdir(parents=True)
    live.write_text(content, encoding="utf-8")
    return live


@pytest.mark.parametrize(
    ("names", "days", "expected"),
    [
        (WANTED["names"], 60, ""),
        ([*WANTED["names"], "former.exemple.test"], 60, ""),
        (WANTED["names"], 29, "renew"),
        (WANTED["names"][:1], 60, "renew"),
    ],
)
def test_what_is_due(program: ModuleType, names: list[str], days: int, expected: str) -> None:
    put(program, certificate(names, days))
    assert program.due(WANTED) == expected


@pytest.mark.parametrize("content", ["", "-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n"])
def test_an_unreadable_one_is_due(program: ModuleType, content: str) -> None:
    put(program, content)
    assert program.due(WANTED) == "issue"


def test_a_placeholder_stands_in_and_is_due(program: ModuleType, configure: Callable[..., None]) -> None:
    configure(WANTED)
    assert program.due(WANTED) == "issue"
    assert program.main("prepare") == 0
    live = program.LIVE / "exemple.test"
    shown = x509.load_pem_x509_certificate((live / "fullchain.pem").read_bytes())
    names = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == WANTED["names"]
    assert (live / "key.pem").stat().st_mode & 0o777 == 0o600
    assert program.due(WANTED) == "issue"


def test_a_certificate_is_not_replaced_by_a_placeholder(program: ModuleType, configure: Callable[..., None]) -> None:
    configure(WANTED)
    before = certificate(WANTED["names"], 60)
    live = put(program, before)
    assert program.main("prepare") == 0
    assert live.read_text(encoding="utf-8") == before


def test_issue_installs_it_keeps_the_key_and_reloads(
    program: ModuleType, configure: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(WANTED)
    program.main("prepare")
    key = (program.LIVE / "exemple.test/key.pem").read_text(encoding="utf-8")
    (tmp_path / "next.pem").write_text(certificate(WANTED["names"], 90), encoding="utf-8")
    assert program.main("issue") == 0
    assert capsys.readouterr().out == "issue exemple.test\n"
    assert (program.LIVE / "exemple.test/key.pem").read_text(encoding="utf-8") == key
    assert (tmp_path / "reloads").read_text(encoding="utf-8") == "try-reload-or-restart nginx.service\n"
    assert "-t EC" in (tmp_path / "calls").read_text(encoding="utf-8")


def test_what_a_power_cut_has_emptied_is_made_again(
    program: ModuleType, configure: Callable[..., None], tmp_path: Path
) -> None:
    configure(WANTED)
    (tmp_path / "next.pem").write_text(certificate(WANTED["names"], 90), encoding="utf-8")
    account = program.ACME / "private" / "key.pem"
    account.parent.mkdir(parents=True)
    account.touch()
    assert program.main("issue") == 0
    assert not account.exists(), "the client would stop at it"


def test_the_authority_is_not_asked_when_nothing_is_due(
    program: ModuleType, configure: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(WANTED)
    put(program, certificate(WANTED["names"], 60))
    assert program.main("issue") == 0
    assert capsys.readouterr().out == ""
    assert not (tmp_path / "calls").exists()


def test_one_refusal_does_not_keep_the_others_away(
    program: ModuleType, configure: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure({"name": "absent.test", "names": ["absent.test"]}, WANTED)
    (tmp_path / "next.pem").write_text(certificate(WANTED["names"], 90), encoding="utf-8")
    assert program.main("issue") == 1
    said = capsys.readouterr()
    assert said.out == "issue exemple.test\n"
    assert said.err == "absent.test: uacme: absent.test does not resolve\n"
    assert (program.LIVE / "absent.test/fullchain.pem").exists(), "its placeholder stays"
