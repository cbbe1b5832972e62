"""Which nodes need an archive of Nextcloud."""

import pytest
from sample_territories import SAMPLE

from orchestrator import archive, deployment, mesh
from orchestrator.errors import ArchiveMissing, ArchiveRefused
from orchestrator.model import Release

MANCHE = mesh.load(SAMPLE).nodes["manche"]
FOUND = Release(version=archive.VERSION, path="/archive", sha256="0", proof="checksum")


@pytest.fixture(autouse=True)
def to_be_had(monkeypatch):
    monkeypatch.delenv(archive.VARIABLE, raising=False)
    monkeypatch.setattr(archive, "choose", lambda *_arguments, **_options: FOUND)


def needing(release, given=None):
    return deployment.releases_for([(MANCHE, release)], given, allow_unsigned=False)


@pytest.mark.parametrize("release", ["", "32.0.1"])
def test_a_host_without_it_or_with_an_older_one(release):
    assert needing(release) == {"manche": FOUND}


@pytest.mark.parametrize("release", [archive.VERSION, "34.0.4", "33.0.10"])
def test_nobody_goes_back_unasked(release):
    assert needing(release) == {}


def test_the_light_engine_needs_none():
    assert deployment.releases_for([(mesh.load(SAMPLE).nodes["orne"], "")], None, allow_unsigned=False) == {}


@pytest.mark.parametrize("release", ["", "32.0.1"])
@pytest.mark.parametrize(
    ("name", "words"), [("nextcloud.tar.bz2", "must have its official name"), (None, "there is no such archive")]
)
def test_what_is_given_must_be_one(tmp_path, release, name, words):
    path = tmp_path / (name or "nextcloud-33.0.9.tar.bz2")
    if name:
        path.touch()
    with pytest.raises(ArchiveRefused, match=words):
        needing(release, str(path))


@pytest.mark.parametrize(("release", "goes_on"), [("", False), ("32.0.1", True)])
def test_without_any_a_host_goes_on_with_what_it_has(monkeypatch, release, goes_on):
    def missing(*_arguments, **_options):
        raise ArchiveMissing("none anywhere")

    monkeypatch.setattr(archive, "choose", missing)
    if goes_on:
        assert needing(release) == {}
    else:
        with pytest.raises(ArchiveMissing):
            needing(release)
