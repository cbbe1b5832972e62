"""Two partners, each with a folder and keys of their own, who hand each other their cards."""

from __future__ import annotations

import io
import json
from datetime import date
from pathlib import Path

import pytest
from sample_territories import REAL

from orchestrator import cards, cli, mesh

pytestmark = pytest.mark.usefixtures("own_folders")
PARTNERS = {"montagne": "203.0.113.11", "vallee": "203.0.113.12"}


@pytest.fixture
def folders(own_folders: Path) -> dict[str, Path]:
    """A mesh folder of each partner, with the one territory."""
    found = {}
    for name, address in PARTNERS.items():
        found[name] = own_folders / f"of-{name}"
        (found[name] / name).mkdir(parents=True)
        text = REAL.replace("montagne", name).replace("203.0.113.11", address)
        (found[name] / name / "territory.yml").write_text(f"{text}mesh: {{name: pays, keeps: 50 GB}}\n", "utf-8")
        assert cli.main(["--mesh", str(found[name]), "credentials", name, "--make"]) == 0
    return found


def exported(folder: Path, name: str, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[str, str]:
    """A card's text, and its fingerprint as it is said."""
    capsys.readouterr()
    assert cli.main(["--mesh", str(folder), "card", "export", name, *options]) == 0
    shown = capsys.readouterr()
    return shown.out, shown.err.partition("by voice: ")[2].strip()


def taken_in(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch, *options: str) -> int:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    return cli.main(["--mesh", str(folder), "card", "import", "-", *options])


def test_a_card_is_taken_in_once_its_fingerprint_was_compared(
    folders: dict[str, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text, fingerprint = exported(folders["vallee"], "vallee", capsys)
    here = folders["montagne"]
    assert taken_in(here, text, monkeypatch) == 2
    assert f"Here it is {fingerprint}" in capsys.readouterr().err
    assert taken_in(here, text, monkeypatch, "--fingerprint", "11111 " * 6) == 3
    assert "is another one; nothing is taken in" in capsys.readouterr().err
    assert not (here / "cards").exists()
    assert taken_in(here, text, monkeypatch, "--fingerprint", fingerprint) == 0
    assert (here / "cards" / "vallee.json").read_text(encoding="utf-8") == text
    loaded = mesh.load(here)
    [peer] = cards.peers(loaded.nodes["montagne"], loaded)
    assert (peer.territory, str(peer.wireguard.ipv4), peer.offers.backup) == ("vallee", "203.0.113.12", 50 * 10**9)
    capsys.readouterr()
    assert cli.main(["--mesh", str(here), "inventory"]) == 0  # plain Ansible's
    [variables] = json.loads(capsys.readouterr().out)["_meta"]["hostvars"].values()
    assert [each["endpoint"] for each in variables["mesh_peers"]] == ["203.0.113.12:51820"]


def test_a_newer_card_needs_no_call_and_an_older_one_is_refused(
    folders: dict[str, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    there, here = folders["vallee"], folders["montagne"]
    first, fingerprint = exported(there, "vallee", capsys)
    assert exported(there, "vallee", capsys)[0] == first
    assert taken_in(here, first, monkeypatch, "--fingerprint", fingerprint) == 0
    path = there / "vallee" / "territory.yml"
    path.write_text(path.read_text(encoding="utf-8").replace("50 GB", "60 GB"), encoding="utf-8")
    second, _ = exported(there, "vallee", capsys)
    assert json.loads(second)["serial"] == json.loads(first)["serial"] + 1
    assert taken_in(here, second, monkeypatch) == 0
    capsys.readouterr()
    assert taken_in(here, first, monkeypatch) == 3
    assert "is older (1) than the one you hold (2)" in capsys.readouterr().err


def test_whoever_leaves_is_no_peer_any_more(
    folders: dict[str, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    there, here = folders["vallee"], folders["montagne"]
    text, fingerprint = exported(there, "vallee", capsys)
    assert taken_in(here, text, monkeypatch, "--fingerprint", fingerprint) == 0
    goodbye, _ = exported(there, "vallee", capsys, "--leave")
    assert taken_in(here, goodbye, monkeypatch) == 0
    loaded = mesh.load(here)
    assert cards.peers(loaded.nodes["montagne"], loaded) == []
    capsys.readouterr()
    assert cli.main(["--mesh", str(here), "card", "verify"]) == 0
    assert "leaves the mesh" in capsys.readouterr().out
    # A card that is only printed once more is no return.
    assert cli.main(["--mesh", str(there), "card", "export", "vallee"]) == 2
    assert "has left the mesh with card 2" in capsys.readouterr().err
    again, _ = exported(there, "vallee", capsys, "--come-back")
    assert taken_in(here, again, monkeypatch) == 0
    assert [card.territory for card in cards.peers(loaded.nodes["montagne"], loaded)] == ["vallee"]


def test_validate_knows_whose_card_is_here(
    folders: dict[str, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = folders["montagne"]
    path = here / "montagne" / "territory.yml"
    path.write_text(path.read_text("utf-8").replace("services:", "services:\n  backup: {to: [vallee]}"), "utf-8")
    assert cli.main(["--mesh", str(here), "validate"]) == 3
    said = capsys.readouterr().err
    assert "territory.yml:" in said
    assert "vallee is no peer whose card is here; `card import` it first" in said
    text, fingerprint = exported(folders["vallee"], "vallee", capsys)
    assert taken_in(here, text, monkeypatch, "--fingerprint", fingerprint) == 0
    assert cli.main(["--mesh", str(here), "validate"]) == 0
    kept = here / "cards" / "vallee.json"
    kept.write_text(kept.read_text("utf-8").replace("50000000000", "60000000000"), "utf-8")
    assert cli.main(["--mesh", str(here), "validate"]) == 3


def test_own_cards_and_those_for_another_mesh_are_not_taken_in(
    folders: dict[str, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = folders["montagne"]
    text, _ = exported(here, "montagne", capsys)
    assert taken_in(here, text, monkeypatch) == 3
    assert "is your own territory" in capsys.readouterr().err
    path = folders["vallee"] / "vallee" / "territory.yml"
    path.write_text(path.read_text(encoding="utf-8").replace("name: pays", "name: ailleurs"), encoding="utf-8")
    text, _ = exported(folders["vallee"], "vallee", capsys)
    assert taken_in(here, text, monkeypatch) == 3
    assert "is for the mesh ailleurs; yours is pays" in capsys.readouterr().err


def test_a_card_that_was_changed_in_its_folder_is_seen(
    folders: dict[str, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = folders["montagne"]
    text, fingerprint = exported(folders["vallee"], "vallee", capsys)
    assert taken_in(here, text, monkeypatch, "--fingerprint", fingerprint) == 0
    path = here / "cards" / "vallee.json"
    path.write_text(text.replace("203.0.113.12", "203.0.113.66"), encoding="utf-8")
    capsys.readouterr()
    assert cli.main(["--mesh", str(here), "card", "verify"]) == 3
    assert f"{path}: the signature is not that of vallee's key" in capsys.readouterr().err


def test_a_card_shows_what_it_says_and_no_secret(folders: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    here = folders["montagne"]
    text, fingerprint = exported(here, "montagne", capsys)
    assert cli.main(["--mesh", str(here), "card", "show", "montagne"]) == 0
    shown = capsys.readouterr().out
    assert fingerprint in shown
    assert "50 GB for each peer" in shown
    assert cli.main(["--mesh", str(here), "card", "show", "montagne", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {**json.loads(text), "fingerprint": fingerprint}
    for name in ("mesh.card", "mesh.wireguard"):
        assert cli.main(["--mesh", str(here), "credentials", "montagne", name]) == 0
        assert capsys.readouterr().out.strip() not in text + shown


def test_a_territory_in_no_mesh_has_no_card(folders: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    path = folders["vallee"] / "vallee" / "territory.yml"
    path.write_text(path.read_text(encoding="utf-8").replace("mesh: ", "# mesh: "), encoding="utf-8")
    assert cli.main(["--mesh", str(folders["vallee"]), "card", "export", "vallee"]) == 2
    assert "is in no mesh: write `mesh: {name: …}`" in capsys.readouterr().err


def test_an_expired_card_is_said_and_cuts_nobody_off(
    folders: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    there, here = mesh.load(folders["vallee"]), mesh.load(folders["montagne"])
    old = cards.own(there.nodes["vallee"], there.folder, date(2020, 1, 1))
    cards.keep(old, here.folder)
    assert cards.peers(here.nodes["montagne"], here) == [old]
    assert cli.main(["--mesh", str(here.folder), "card", "verify"]) == 3
    assert f"the card of vallee has expired on {old.expires}" in capsys.readouterr().err
