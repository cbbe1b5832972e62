"""Apps' archives on the controller: where they are looked for, and under which names."""

import hashlib

import pytest

from orchestrator import apps, archive
from orchestrator.errors import ArchiveRefused


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv(archive.VARIABLE, raising=False)
    (tmp_path / "cache" / "maillage").mkdir(parents=True)
    return tmp_path / "cache" / "maillage"


def find(names, given=None, *, allow_unsigned=False):
    return apps.find(names, given, allow_unsigned=allow_unsigned)


@pytest.mark.parametrize("name", ["contacts.tar.gz", "contacts-7.3.1.tar.gz", "contacts-v8.0.0-beta.1.tar.gz"])
def test_the_names_that_apps_are_published_with(cache, name):
    (cache / name).write_bytes(b"an app")
    digest = hashlib.sha256(b"an app").hexdigest()
    assert find(["contacts"]) == {"contacts": apps.AppArchive(str(cache / name), digest, unsigned=False)}
    assert find(["contacts"], allow_unsigned=True)["contacts"].unsigned


@pytest.mark.parametrize("name", ["contacts_x.tar.gz", "contacts-x.tar.gz", "contacts.tar.gz.asc", "mycontacts.tar.gz"])
def test_other_names_are_of_something_else(cache, name):
    (cache / name).write_bytes(b"an app")
    assert find(["contacts"]) == {
        "contacts": apps.AppArchive(str(cache / "contacts.tar.gz"), "", unsigned=False),
    }


def test_they_stand_beside_the_release_that_is_given(cache, tmp_path, monkeypatch):
    (cache / "contacts.tar.gz").write_bytes(b"of the cache")
    given = tmp_path / "given"
    given.mkdir()
    (given / "contacts-7.3.1.tar.gz").write_bytes(b"given")
    assert find(["contacts"], str(given / "nextcloud-32.0.1.tar.bz2"))["contacts"].path == str(
        given / "contacts-7.3.1.tar.gz"
    )
    monkeypatch.setenv(archive.VARIABLE, str(tmp_path / "gone" / "nextcloud-32.0.1.tar.bz2"))
    assert find(["contacts"])["contacts"] == apps.AppArchive(str(tmp_path / "gone" / "contacts.tar.gz"), "", False)


def test_several_of_one_app(cache):
    for name in ("contacts.tar.gz", "contacts-v7.3.1.tar.gz"):
        (cache / name).write_bytes(b"an app")
    with pytest.raises(ArchiveRefused, match=r"contacts-v7\.3\.1\.tar\.gz and contacts\.tar\.gz; leave one of them"):
        find(["contacts"])
    assert find(["calendar"])["calendar"].sha256 == ""


def test_one_that_is_far_too_large(cache, monkeypatch):
    monkeypatch.setattr(archive, "LARGEST", 5)
    (cache / "contacts.tar.gz").write_bytes(b"an app")
    with pytest.raises(ArchiveRefused, match="more than an app can have"):
        find(["contacts"])
