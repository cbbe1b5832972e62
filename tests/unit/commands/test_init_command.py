import os
from pathlib import Path

import pytest

from orchestrator import cli, mesh, secrets, secretsfile
from orchestrator.providers.lab.state import HostSpec, Place, write_spec

EXISTING = ["--provider", "existing", "--domain", "montagne.example", "--contact", "contact@exterieur.example"]


@pytest.fixture
def folder(own_folders: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = own_folders / "new" / "mesh"
    monkeypatch.setenv("MAILLAGE_MESH", str(path))
    return path


def test_a_real_territory_in_a_new_mesh(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["init", "montagne", *EXISTING, "--ipv6", "2001:db8::7"]) == 0
    node = mesh.load(folder).nodes["montagne"]
    assert str(node.territory.host.address.ipv6) == "2001:db8::7"
    assert node.territory.engine == "nextcloud"
    assert set(secrets.ensure(node)) == {"directory.nextcloud", "directory.verify", "directory.verify2"}
    assert secretsfile.path_of(node).stat().st_mode & 0o777 == 0o600
    assert os.access(folder / "inventory", os.X_OK)
    assert sorted(path.name for path in folder.iterdir()) == ["inventory", "montagne"]
    shown = capsys.readouterr()
    assert not any(
        secrets.reveal(node, name).get_secret_value() in shown.out + shown.err for name in secrets.names(node)
    )


def test_the_light_engine_when_it_is_asked_for(folder: Path) -> None:
    assert cli.main(["init", "val", "--engine", "radicale"]) == 0
    assert mesh.load(folder).nodes["val"].territory.engine == "radicale"


def test_lab_territories_get_addresses_of_their_own(folder: Path) -> None:
    assert cli.main(["init", "val"]) == 0
    assert cli.main(["init", "mont"]) == 0
    nodes = mesh.load(folder).nodes
    assert [str(node.territory.host.address.ipv4) for node in nodes.values()] == ["10.99.0.12", "10.99.0.11"]
    assert not (folder / "val" / "secrets.yml").exists()
    assert secrets.reveal(nodes["val"], "directory.verify").get_secret_value()


def test_nothing_is_overwritten(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["init", "val"])
    (folder / "val" / "territory.yml").open("a").write("# mine\n")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert cli.main(["init", "val"]) == 2
    assert "exists already" in capsys.readouterr().err
    (folder / "mont").mkdir()
    assert cli.main(["init", "mont"]) == 2
    assert "exists already" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["../x"], "is not a territory's name"),
        (["/etc"], "is not a territory's name"),
        ([".."], "is not a territory's name"),
        (["Val"], "territory: must be lowercase"),
        (["all"], "territory: this name is reserved"),
        (["no"], "territory: YAML 1.1 and 1.2 read this differently"),
        (["val", "--domain", "x"], "domain: must be a domain name"),
        (["val", "--host", "a: b"], "this is not YAML"),
        (["val", "--contact", "x@val.maillage.test"], "partner.contact: must be outside"),
        (["val", "--ipv4", "192.0.2.12"], "add --provider existing"),
        (["val", "--provider", "existing"], "needs --domain and --contact"),
        (["val", *EXISTING], "an existing host needs --ipv4 or --ipv6 or both"),
        (["val", "--provider", "hcloud", *EXISTING[2:], "--ssh-key", "absent.pub"], "is not a public key"),
        (["val", *EXISTING, "--ipv4", "127.0.0.1"], "hosts.0.address.ipv4: no other machine"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_a_wrong_argument_writes_nothing(
    arguments: list[str], message: str, own_folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["init", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert list(own_folders.iterdir()) == []


def test_a_key_that_cannot_be_used_leaves_no_half_territory(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["init", "montagne", *EXISTING, "--ipv4", "203.0.113.7"])
    key = Path(os.environ["XDG_CONFIG_HOME"]) / "maillage" / "keys" / "plaine"
    key.write_text("x")
    key.chmod(0o644)
    arguments = ["plaine", "--provider", "existing", "--domain", "plaine.example", "--contact", "c@exterieur.example"]
    assert cli.main(["init", *arguments, "--ipv4", "203.0.113.8"]) == 3
    assert f"chmod 600 {key}" in capsys.readouterr().err
    assert sorted(path.name for path in folder.iterdir()) == ["inventory", "montagne"]


def test_an_address_of_a_host_that_the_lab_has_is_not_given_again(folder: Path) -> None:
    taken = HostSpec("caen.calvados", ("10.99.0.11",), ("fd4d:6169:6c6c::11",), 8 * 10**9)
    directory = Place().host(taken.name)
    directory.mkdir(parents=True)
    write_spec(directory, taken)
    assert cli.main(["init", "bocage"]) == 0
    assert str(mesh.load(folder).nodes["bocage"].territory.host.address.ipv4) == "10.99.0.12"
