"""Unpacking a release on the node: what is not a plain release is refused whole, and nothing of it stays."""

import bz2
import hashlib
import io
import tarfile

import pytest
from maillage import nextcloud_release
from maillage.command import NodeError

VERSION_PHP = b"<?php\n$OC_Version = array(9,1,2,0);\n"


@pytest.fixture(autouse=True)
def code(tmp_path, monkeypatch):
    folder = tmp_path / "code"
    (folder / "9.1.1").mkdir(parents=True)
    monkeypatch.setattr(nextcloud_release, "CODE", str(folder))
    return folder


def member(name, content=b"", kind=tarfile.REGTYPE, target="", mode=0o644):
    entry = tarfile.TarInfo(name)
    entry.type, entry.size, entry.linkname, entry.mode = kind, len(content), target, mode
    return entry, content


RELEASE = [
    member("nextcloud", kind=tarfile.DIRTYPE),
    member("nextcloud/version.php", VERSION_PHP),
    member("nextcloud/occ", b"#!/usr/bin/env php\n", mode=0o755),
    member("nextcloud/apps/files/appinfo/info.xml", b"<info/>"),
]


@pytest.fixture
def archive(tmp_path):
    def make(*more):
        path, packed = tmp_path / "nextcloud-9.1.2.tar.bz2", io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            for entry, content in [*RELEASE, *more]:
                tar.addfile(entry, io.BytesIO(content))
        path.write_bytes(bz2.compress(packed.getvalue()))
        return path

    return make


def unpack(path, version="9.1.2"):
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    nextcloud_release.unpack(str(path), {"version": version, "sha256": digest, "proof": "none"})


def test_a_release_stands_in_its_place_with_plain_modes(archive, code):
    unpack(archive())
    place = code / "9.1.2"
    assert (place / "version.php").read_bytes() == VERSION_PHP
    assert {name: (place / name).stat().st_mode & 0o7777 for name in ("occ", "version.php", "apps")} == {
        "occ": 0o755,
        "version.php": 0o644,
        "apps": 0o755,
    }
    assert sorted(each.name for each in code.iterdir()) == ["9.1.1", "9.1.2", "9.1.2.proof"]


def test_what_a_killed_run_has_left_is_replaced(archive, code):
    (code / "9.1.2.unfinished" / "lib").mkdir(parents=True)
    unpack(archive())
    assert not (code / "9.1.2.unfinished").exists()
    assert not (code / "9.1.2" / "lib").exists()


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (member("nextcloud/../outside", b"x"), "outside nextcloud/"),
        (member("/etc/cron.d/x", b"x"), "outside nextcloud/"),
        (member("other/x", b"x"), "outside nextcloud/"),
        (member("nextcloud//etc/x", b"x"), "outside nextcloud/"),
        (member("nextcloud/link", kind=tarfile.SYMTYPE, target="/etc"), "neither file nor folder"),
        (member("nextcloud/hard", kind=tarfile.LNKTYPE, target="nextcloud/occ"), "neither file nor folder"),
        (member("nextcloud/null", kind=tarfile.CHRTYPE), "neither file nor folder"),
        (member("nextcloud/pipe", kind=tarfile.FIFOTYPE), "neither file nor folder"),
        (member("nextcloud/version.php", b"again"), "cannot be unpacked"),
    ],
    ids=lambda value: value[0].name if isinstance(value, tuple) else "",
)
def test_an_entry_that_no_release_has(archive, code, tmp_path, entry, words):
    with pytest.raises(NodeError, match=words):
        unpack(archive(entry))
    assert sorted(each.name for each in code.iterdir()) == ["9.1.1"]
    assert not (tmp_path / "outside").exists()


def test_what_comes_after_the_last_entry_is_not_waited_for(archive, code):
    path = archive()
    path.write_bytes(path.read_bytes() + bz2.compress(bytes(3_000_000)))
    unpack(path)
    assert (code / "9.1.2" / "occ").exists()


def test_too_many_bytes(archive, code, monkeypatch):
    monkeypatch.setattr(nextcloud_release, "MOST_BYTES", 50)
    with pytest.raises(NodeError, match="larger than a release can be"):
        unpack(archive())
    assert sorted(each.name for each in code.iterdir()) == ["9.1.1"]


def test_another_version(archive, code):
    with pytest.raises(NodeError, match=r"the archive holds Nextcloud 9\.1\.2, not 9\.1\.3"):
        unpack(archive(), "9.1.3")
    assert sorted(each.name for each in code.iterdir()) == ["9.1.1"]


@pytest.mark.parametrize("part", [0.3, 0.9])
def test_a_truncated_one(archive, code, part):
    path = archive(member("nextcloud/large", bytes(range(256)) * 4000))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    with pytest.raises(NodeError, match=r"damaged|cannot be unpacked"):
        unpack(path)
    assert sorted(each.name for each in code.iterdir()) == ["9.1.1"]


def test_one_that_did_not_arrive_whole(archive):
    path = archive()
    with pytest.raises(NodeError, match="did not arrive as it was sent"):
        nextcloud_release.unpack(str(path), {"version": "9.1.2", "sha256": "0" * 64, "proof": "none"})


def test_what_is_no_archive(tmp_path):
    path = tmp_path / "nextcloud-9.1.2.tar.bz2"
    path.write_bytes(b"<html>not found</html>")
    with pytest.raises(NodeError, match=r"damaged|cannot be unpacked"):
        unpack(path)


@pytest.fixture
def behind(tmp_path, monkeypatch):
    monkeypatch.setattr(nextcloud_release, "LOCK", str(tmp_path / "lock"))
    monkeypatch.setattr(nextcloud_release, "BEHIND", str(tmp_path / "behind.tar.bz2"))
    return tmp_path / "behind.tar.bz2"


@pytest.mark.parametrize("whole", [True, False])
def test_a_release_is_unpacked_behind_and_waited_for(archive, code, behind, whole):
    path = archive()
    digest = hashlib.sha256(path.read_bytes()).hexdigest() if whole else "0" * 64
    nextcloud_release.wait()  # there is nothing to wait for yet
    nextcloud_release.unpack_behind(str(path), {"version": "9.1.2", "sha256": digest, "proof": "none"})
    nextcloud_release.wait()
    assert (code / "9.1.2" / "version.php").exists() == whole
    assert not behind.exists()
    assert not path.exists()
