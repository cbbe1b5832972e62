"""An app of an archive on the node: looked into, switched on, and gone again where it is not what it should be."""

import hashlib
import io
import tarfile

import pytest
from maillage import nextcloud_apps
from maillage.command import NodeError, Outcome

INFO = b'<?xml version="1.0"?>\n<info>\n\t<id>contacts</id>\n\t<version>7.3.1</version>\n</info>\n'
WELL = Outcome(0, "", "")


def member(name, content=b"", kind=tarfile.REGTYPE, target=""):
    entry = tarfile.TarInfo(name)
    entry.type, entry.size, entry.linkname = kind, len(content), target
    return entry, content


APP = [
    member("contacts", kind=tarfile.DIRTYPE),
    member("contacts/appinfo/signature.json", b"{}"),
    member("contacts/lib/main.php", b"<?php\n"),
]


class Host:
    """Nextcloud's folders, and an `occ` that notes its calls and fails where it is told to."""

    def __init__(self, folder):
        self.apps, self.aside = folder / "apps", folder / "apps.unfinished"
        self.apps.mkdir()
        self.calls, self.failing = [], {}

    def occ(self, *words):
        # What is looked at is not in Nextcloud's way yet; what is switched on is in its place.
        assert (self.aside / "contacts").is_dir() or words[0] != "integrity:check-app"
        assert (self.apps / "contacts" / "lib").is_dir() or words[0] != "app:enable"
        self.calls.append(words)
        return Outcome(1, self.failing[words[0]], "") if words[0] in self.failing else WELL

    @property
    def left(self):
        return sorted(path.name for path in self.apps.iterdir()), self.aside.exists()


@pytest.fixture
def host(tmp_path, monkeypatch):
    made = Host(tmp_path)
    monkeypatch.setattr(nextcloud_apps, "APPS", str(made.apps))
    monkeypatch.setattr(nextcloud_apps, "ASIDE", str(made.aside))
    monkeypatch.setattr(nextcloud_apps, "attempt", made.occ)
    monkeypatch.setattr(nextcloud_apps, "reload_php", lambda: None)
    monkeypatch.setattr(nextcloud_apps, "run", lambda _command: WELL)
    return made


@pytest.fixture
def archive(tmp_path):
    def make(*more, info=INFO, without=""):
        path = tmp_path / "contacts-7.3.1.tar.gz"
        with tarfile.open(path, mode="w:gz") as tar:
            for entry, content in [*APP, member("contacts/appinfo/info.xml", info), *more]:
                if entry.name != without:
                    tar.addfile(entry, io.BytesIO(content))
        return path

    return make


def install(path, known="", *, unsigned=False):
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    nextcloud_apps.install("contacts", known, str(path), {"sha256": digest, "unsigned": unsigned})


def test_it_is_looked_into_and_then_switched_on(host, archive):
    install(archive())
    assert host.calls == [
        ("integrity:check-app", "contacts", f"--path={host.aside}/contacts"),
        ("app:enable", "contacts"),
    ]
    assert host.left == (["contacts"], False)
    assert (host.apps / "contacts" / "appinfo" / "info.xml").read_bytes() == INFO


def test_what_a_killed_run_has_left_is_replaced(host, archive):
    for folder in (host.aside / "contacts" / "old", host.apps / "contacts" / "old", host.aside / "before"):
        folder.mkdir(parents=True)
    install(archive(), "7.3.1")
    assert host.left == (["contacts"], False)
    assert not (host.apps / "contacts" / "old").exists()


def test_a_wrong_signature(host, archive):
    host.failing["integrity:check-app"] = "contacts: 1 errors found:\n  - EXCEPTION:"
    with pytest.raises(NodeError, match=r"the official one \(contacts: 1 errors found: - EXCEPTION\): take it from"):
        install(archive())
    assert host.left == ([], False)
    # What Nextcloud has kept of it would be reported for ever.
    assert [words[0] for words in host.calls[1:]] == ["config:app:delete", "memcache:distributed:clear"]


def test_no_signature(host, archive):
    without = archive(without="contacts/appinfo/signature.json")
    with pytest.raises(NodeError, match=r"\(it has no signature\).* accept it as it is with --allow-unsigned-archive"):
        install(without)
    assert (host.left, host.calls) == (([], False), [])
    install(without, unsigned=True)
    assert (host.left, host.calls) == ((["contacts"], False), [("app:enable", "contacts")])


def test_one_that_does_not_fit_the_release(host, archive):
    host.failing["app:enable"] = 'App "Contacts" is not compatible with this version of the server.'
    with pytest.raises(NodeError, match='does not take the app contacts of the given archive: App "Contacts" is not'):
        install(archive())
    assert host.left == ([], False)


def test_an_older_one_does_not_follow(host, archive):
    (host.apps / "contacts" / "newer").mkdir(parents=True)
    with pytest.raises(NodeError, match=r"has contacts 7\.3\.1, but this host had 7\.10\.0: give that or a later one"):
        install(archive(), "7.10.0")
    assert (host.apps / "contacts" / "newer").exists()
    assert (host.left, host.calls) == ((["contacts"], False), [])


@pytest.mark.parametrize(
    ("info", "words"),
    [(INFO.replace(b"contacts", b"mail"), "holds the app mail"), (b"", "holds no app"), (b"<id>x", "holds no app")],
)
def test_another_app(host, archive, info, words):
    with pytest.raises(NodeError, match=words):
        install(archive(info=info), unsigned=True)
    assert (host.left, host.calls) == (([], False), [])


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (member("contacts/../outside", b"x"), "outside contacts/"),
        (member("/etc/cron.d/x", b"x"), "outside contacts/"),
        (member("mail/x", b"x"), "outside contacts/"),
        (member("contacts/link", kind=tarfile.SYMTYPE, target="/etc"), "neither file nor folder"),
        (member("contacts/lib/main.php", b"again"), "cannot be unpacked"),
    ],
    ids=lambda value: value[0].name if isinstance(value, tuple) else "",
)
def test_an_entry_that_no_app_has(host, archive, entry, words):
    with pytest.raises(NodeError, match=words):
        install(archive(entry), unsigned=True)
    assert (host.left, host.calls) == (([], False), [])


@pytest.mark.parametrize("part", [0.3, 0.9])
def test_a_truncated_one(host, archive, part):
    path = archive(member("contacts/large", bytes(range(256)) * 4000))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    with pytest.raises(NodeError, match="damaged or not whole"):
        install(path, unsigned=True)
    assert (host.left, host.calls) == (([], False), [])


def test_one_that_did_not_arrive_whole(host, archive):
    with pytest.raises(NodeError, match="did not arrive as it was sent"):
        nextcloud_apps.install("contacts", "", str(archive()), {"sha256": "0" * 64, "unsigned": True})
    assert host.left == ([], False)
