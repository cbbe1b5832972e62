"""The clients that are shown against a node work with this Python, and their helper does see what is lost."""

import sys
from pathlib import Path

import httpx
import pytest
from clients import vdirsyncer_round_trip

sys.path.insert(0, str(Path(__file__).parent.parent / "unit" / "verify"))
from loopback import Front, radicale, serving
from sample_authority import Authority

PASSWORD = "mot de passe/échantillon"
ADDRESS_BOOK = """<mkcol xmlns="DAV:" xmlns:card="urn:ietf:params:xml:ns:carddav"><set><prop>
<resourcetype><collection/><card:addressbook/></resourcetype></prop></set></mkcol>"""


@pytest.fixture
def front(tmp_path):
    """Radicale behind TLS, with an account that has a calendar and an address book."""
    authority = Authority(tmp_path)
    with radicale(tmp_path / "radicale", {"exemple": PASSWORD}) as port:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}/exemple/", auth=("exemple", PASSWORD)) as client:
            assert client.request("MKCALENDAR", "calendar/").status_code == 201
            assert client.request("MKCOL", "contacts/", content=ADDRESS_BOOK).status_code == 201
        front = Front("127.0.0.1", 0, authority.server(["localhost"]))
        front.backend, front.bundle, front.data = port, authority.bundle, tmp_path / "radicale" / "data"
        front.before = lambda request: request.hand_on() or True
        with serving(front):
            yield front


def round_trip(front, tmp_path):
    url = f"https://localhost:{front.server_address[1]}/"
    return vdirsyncer_round_trip(url, "exemple", PASSWORD, front.bundle, tmp_path / "devices")


def test_vdirsyncer(front, tmp_path):
    seen = round_trip(front, tmp_path)
    assert len(seen) == 8
    assert seen[2] == "calendar: the second synchronisation of each had nothing to do"
    assert not list(front.data.glob("collection-root/exemple/*/[!.]*")), "the account is as it was"


def test_what_is_lost_is_seen(front, tmp_path):
    def lose(request):
        if request.command == "PUT":
            request.answer(201, b"", {"ETag": '"lost"'})
        else:
            request.hand_on()
        return True

    front.before = lose
    with pytest.raises(AssertionError, match=r"the phone transferred nothing|vdirsyncer sync failed"):
        round_trip(front, tmp_path)


def test_a_certificate_of_nobody_is_refused(front, tmp_path):
    (tmp_path / "other").mkdir()
    front.bundle = Authority(tmp_path / "other", "another authority").bundle
    with pytest.raises(AssertionError, match=r"CERTIFICATE_VERIFY_FAILED|certificate verify failed"):
        round_trip(front, tmp_path)


def test_a_wrong_password_is_refused(front, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "PASSWORD", "un autre")
    with pytest.raises(AssertionError, match="vdirsyncer discover failed") as failed:
        round_trip(front, tmp_path)
    assert "un autre" not in str(failed.value)
