"""Nextcloud's archive on the controller: where it is looked for, what is refused."""

import hashlib
import shutil
import subprocess
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from orchestrator import archive
from orchestrator.errors import ArchiveMissing, ArchiveRefused

CONTENT = b"what an archive would hold\n" * 1000
NAME = f"nextcloud-{archive.VERSION}.tar.bz2"


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder; knows ranges no more than Python's own server does."""

    def log_message(self, *_arguments):
        pass


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv(archive.VARIABLE, raising=False)
    return tmp_path / "cache" / "maillage"


@pytest.fixture
def known(monkeypatch):
    """CONTENT is the pinned release."""
    monkeypatch.setattr(archive, "CHECKSUMS", {archive.VERSION: hashlib.sha256(CONTENT).hexdigest()})


@pytest.fixture
def place(tmp_path):
    """A web server in place of the official one: its folder and address."""
    folder = tmp_path / "served"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()


def choose(given=None, place="http://127.0.0.1:9/", allow_unsigned=False):
    key = f"{place}nextcloud.asc"
    return archive.choose(given, allow_unsigned=allow_unsigned, say=lambda _line: None, place=place, key=key)


def put(path, content=CONTENT):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.usefixtures("known")
def test_a_given_one_of_a_known_checksum_is_taken(tmp_path):
    path = put(tmp_path / NAME)
    release = choose(str(path))
    assert (release.version, release.path, release.proof) == (archive.VERSION, str(path), "checksum")
    assert release.sha256 == hashlib.sha256(CONTENT).hexdigest()


@pytest.mark.usefixtures("known")
def test_the_variable_names_one_too_and_the_option_comes_first(tmp_path, monkeypatch):
    monkeypatch.setenv(archive.VARIABLE, str(put(tmp_path / "a" / NAME)))
    assert choose().path == str(tmp_path / "a" / NAME)
    assert choose(str(put(tmp_path / "b" / NAME))).path == str(tmp_path / "b" / NAME)


def test_a_given_one_that_is_not_there(tmp_path):
    with pytest.raises(ArchiveRefused, match=r"there is no such archive \(--nextcloud-archive\)"):
        choose(str(tmp_path / NAME))


@pytest.mark.usefixtures("known")
def test_a_known_release_with_another_content_is_refused(tmp_path):
    with pytest.raises(ArchiveRefused, match="its checksum is another"):
        choose(str(put(tmp_path / NAME, CONTENT[:-1])))


def test_an_unknown_release_needs_a_word_of_the_partner(tmp_path):
    path = put(tmp_path / "nextcloud-31.0.0.tar.bz2")
    with pytest.raises(ArchiveRefused, match="--allow-unsigned-archive"):
        choose(str(path))
    assert choose(str(path), allow_unsigned=True).proof == "none"


def test_a_name_that_says_no_version_is_refused(tmp_path):
    with pytest.raises(ArchiveRefused, match="official name"):
        choose(str(put(tmp_path / "latest.tar.bz2")), allow_unsigned=True)


def test_one_that_is_too_large_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "LARGEST", len(CONTENT) - 1)
    with pytest.raises(ArchiveRefused, match="more than a release can have"):
        choose(str(put(tmp_path / NAME)), allow_unsigned=True)


@pytest.mark.usefixtures("known")
def test_without_any_it_is_downloaded_once(place, cache):
    folder, address = place
    put(folder / NAME)
    assert choose(place=address).proof == "checksum"
    (folder / NAME).unlink()
    assert choose(place=address).path == str(cache / NAME)


@pytest.mark.usefixtures("known")
def test_a_spoiled_one_in_the_cache_is_downloaded_anew(place, cache):
    folder, address = place
    put(folder / NAME)
    put(cache / NAME, CONTENT[:-1])
    assert choose(place=address).sha256 == hashlib.sha256(CONTENT).hexdigest()


@pytest.mark.usefixtures("known")
def test_a_download_that_broke_off_is_begun_again(place, cache):
    folder, address = place
    put(folder / NAME)
    put(cache / f"{NAME}.part", CONTENT[:100])
    assert choose(place=address).sha256 == hashlib.sha256(CONTENT).hexdigest()


@pytest.mark.usefixtures("known")
def test_a_download_with_another_content_is_refused(place, cache):
    folder, address = place
    put(folder / NAME, b"something else")
    with pytest.raises(ArchiveRefused, match="its checksum is another"):
        choose(place=address)
    assert not (cache / NAME).exists()


@pytest.mark.usefixtures("known")
def test_an_endless_download_is_broken_off(place, cache, monkeypatch):
    folder, address = place
    put(folder / NAME)
    monkeypatch.setattr(archive, "LARGEST", 100)
    with pytest.raises(ArchiveRefused, match="not downloaded"):
        choose(place=address)
    assert not (cache / NAME).exists()


@pytest.mark.parametrize("way", ["nobody there", "not found"])
def test_none_anywhere_names_the_ways_out(place, way):
    with pytest.raises(ArchiveMissing) as raised:
        choose(**({} if way == "nobody there" else {"place": place[1]}))
    for words in ("not given", "cache", "--nextcloud-archive", archive.VARIABLE, "engine: radicale"):
        assert words in str(raised.value)


@pytest.fixture
def signer(tmp_path, monkeypatch):
    """Signs a file with a key of this test, which counts as the release key; exports the key beside the file."""
    if not (shutil.which("gpg") and shutil.which("gpgv")):
        pytest.skip("gpg and gpgv are not installed here")
    home = tmp_path / "gnupg"
    home.mkdir(mode=0o700)
    gpg = ["gpg", "--homedir", str(home), "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""]
    subprocess.run([*gpg, "--quick-gen-key", "essai@exemple.test", "ed25519", "sign"], check=True)
    listed = subprocess.run([*gpg, "--with-colons", "--list-keys"], check=True, capture_output=True, text=True).stdout
    own = next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr:"))

    def sign(path, *, trusted=True):
        monkeypatch.setattr(archive, "FINGERPRINT", own if trusted else "0" * 40)
        subprocess.run([*gpg, "--armor", "--detach-sign", "--output", f"{path}.asc", str(path)], check=True)
        key = subprocess.run([*gpg, "--armor", "--export"], check=True, capture_output=True).stdout
        path.with_name("nextcloud.asc").write_bytes(key)

    yield sign
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)


def test_a_signature_by_the_release_key_counts(tmp_path, signer):
    path = put(tmp_path / "nextcloud-31.0.0.tar.bz2")
    signer(path)
    assert choose(str(path)).proof == "signature"


@pytest.mark.parametrize("wrong", ["another file", "another key"])
def test_a_wrong_signature_is_refused_whatever_is_allowed(tmp_path, signer, wrong):
    path = put(tmp_path / "nextcloud-31.0.0.tar.bz2")
    signer(path, trusted=wrong != "another key")
    if wrong == "another file":
        path.write_bytes(CONTENT + b"and more")
    with pytest.raises(ArchiveRefused, match="not by Nextcloud's release key, or not of this file"):
        choose(str(path), allow_unsigned=True)


@pytest.mark.usefixtures("known")
def test_the_signature_is_downloaded_too(place, cache, signer):
    folder, address = place
    signer(put(folder / NAME))
    assert choose(place=address).proof == "signature"
    (cache / NAME).unlink()
    signer(put(folder / "other", b"another file"))
    (folder / "other.asc").replace(folder / f"{NAME}.asc")
    with pytest.raises(ArchiveRefused, match="not by Nextcloud's release key"):
        choose(place=address)
    assert not (cache / NAME).exists()


def test_what_the_partner_gave_is_an_input_and_what_is_nowhere_is_not():
    assert (ArchiveRefused.exit_code, ArchiveMissing.exit_code) == (3, 5)
