"""What is rented at Hetzner Cloud, against the stand-in of their API: made, found, mended, given back, refused."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pytest
from hetzner_stand_in.project import READING, TOKEN, Refused
from hetzner_stand_in.server import Fault, Silence, StandIn
from renting import rent

from orchestrator import cli, cloud_token, engines, publication
from orchestrator.errors import CloudRefused
from orchestrator.providers import hcloud

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMq7r2Y0n7Wb8h3hH9i4nq7fX0u3m0q5mH1bJ2l9c0aZ"
TERRITORY = f"""\
territory: calvados
domain: calvados.example
partner:
  name: Partenaire d'exemple
  contact: contact@exterieur.example
  ssh_keys: ["{KEY}"]
hosts:
  - name: caen                # la ville
    provider: hcloud
    hcloud: {{type: cx23, location: nbg1, volume: 20 GB}}
services:
  cloud: {{engine: radicale, default_plan: essentiel}}
plans:
  essentiel: {{quota: 10 GB, price: 3.00}}
"""
ALL = [
    "firewalls caen.calvados",
    "primary_ips caen.calvados-ipv4",
    "primary_ips caen.calvados-ipv6",
    "servers caen.calvados",
    "ssh_keys caen.calvados-",
    "volumes caen.calvados",
]


ALL_OF_IT = ["--everything", "--without-backup"]


@pytest.fixture
def stand_in() -> StandIn:
    return StandIn()


@pytest.fixture
def endpoint(stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The API, and a token for it, as the command line takes them."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    with stand_in.served() as address:
        monkeypatch.setenv(hcloud.ENDPOINT, address)
        use(TOKEN, monkeypatch)
        yield address


def use(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cloud_token.VARIABLE, token)
    cloud_token.take()


@pytest.fixture
def mesh(tmp_path: Path, endpoint: str) -> Path:  # noqa: ARG001
    return written(tmp_path / "mesh")


def written(folder: Path, text: str = TERRITORY) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "calvados").mkdir(parents=True)
    (folder / "calvados" / "territory.yml").write_text(text)
    return folder


def rented(mesh: Path) -> list[str]:
    return rent(str(mesh), "calvados")


def there(stand_in: StandIn) -> list[str]:
    """What there is; a key's name ends in a part of its checksum."""
    beginning = len(ALL[4])
    return [line[:beginning] if line.startswith("ssh_keys") else line for line in stand_in.project.listing()]


def changed(mesh: Path, old: str, new: str) -> None:
    path = mesh / "calvados" / "territory.yml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_everything_is_made_once(mesh: Path, stand_in: StandIn) -> None:
    assert len(rented(mesh)) == 8
    assert there(stand_in) == ALL
    text = (mesh / "calvados" / "territory.yml").read_text()
    added = "    address: {ipv4: 203.0.113.100, ipv6: 2001:db8:10::1}\n"
    assert text == TERRITORY.replace("    hcloud:", f"{added}    hcloud:")
    before = len(stand_in.requests)
    assert rented(mesh) == []
    assert len(stand_in.requests) - before <= 12
    assert there(stand_in) == ALL
    assert (mesh / "calvados" / "territory.yml").read_text() == text


def test_as_it_was_asked_for(mesh: Path, stand_in: StandIn) -> None:
    told = []
    stand_in.project.started = lambda _server, keys, text: told.append((keys, text))
    rented(mesh)
    [server] = stand_in.project.things["servers"].values()
    [firewall] = stand_in.project.things["firewalls"].values()
    addresses = stand_in.project.things["primary_ips"].values()
    assert (server["server_type"]["name"], server["location"]["name"], server["image"]["name"]) == (
        "cx23",
        "nbg1",
        "debian-13",
    )
    assert server["labels"] == {"maillage.territory": "calvados", "maillage.host": "caen"}
    opened = {(rule["protocol"], rule["port"]) for rule in firewall["rules"]}
    assert opened == {("icmp", None), ("tcp", "22"), ("tcp", "80"), ("tcp", "443")}
    assert all(rule["source_ips"] == ["0.0.0.0/0", "::/0"] for rule in firewall["rules"])
    assert {each["assignee_id"] for each in addresses} == {server["id"]}
    assert not any(each["auto_delete"] for each in addresses)
    reverse = {entry["ip"]: entry["dns_ptr"] for each in addresses for entry in each["dns_ptr"]}
    assert reverse == dict.fromkeys(["203.0.113.100", "2001:db8:10::1"], "caen.calvados.example")
    [(keys, text)] = told
    assert keys == [KEY]
    assert text.startswith("#cloud-config\n")
    assert TOKEN not in text


def program(mesh: Path, token: str = TOKEN) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, Path(__file__).with_name("renting.py"), mesh, "calvados"],
        env={**os.environ, cloud_token.VARIABLE: token},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def killed_everywhere(
    tmp_path: Path,
    moment: str,
    monkeypatch: pytest.MonkeyPatch,
    prepared: Callable[[StandIn, Path], None] = lambda *_: None,
    start: Callable[[Path], subprocess.Popen[str]] = program,
    left: list[str] = ALL,
) -> list[str]:
    """At every request of a run, polls included: the next one completes, and leaves what it should; gives them."""
    points: list[str] = []
    while True:
        number = len(points) + 1
        stand_in, mesh = StandIn(), written(tmp_path / "mesh")
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / f"config-{number}"))
        with stand_in.served() as address:
            monkeypatch.setenv(hcloud.ENDPOINT, address)
            use(TOKEN, monkeypatch)
            prepared(stand_in, mesh)
            earlier = len(stand_in.requests)
            running: list[subprocess.Popen[str]] = []

            def end(at: int, asked: str, last: int = earlier + number, running: list = running) -> None:
                if at == last:
                    points.append(asked)
                    running[0].send_signal(signal.SIGKILL)
                    running[0].wait()
                    raise Silence

            setattr(stand_in, moment, end)
            with start(mesh) as process:
                running.append(process)
                process.communicate(timeout=60)
            if process.returncode == 0:
                print(f"{moment}: {len(points)} points: {', '.join(points)}")
                return points
            assert process.returncode == -signal.SIGKILL
            setattr(stand_in, moment, lambda *_: None)
            with start(mesh) as again:
                words = again.communicate(timeout=60)[1]
            assert again.returncode == 0, f"{moment} request {number}, {points[-1]}: {words}"
            assert there(stand_in) == left, f"{moment} request {number}, {points[-1]}"
            assert left == [] or rented(mesh) == []


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_at_any_request_the_next_run_completes(
    tmp_path: Path, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = killed_everywhere(tmp_path, moment, monkeypatch)
    assert sum(asked.startswith("POST") for asked in points) == 8


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_while_a_server_is_off_it_is_on_again(
    tmp_path: Path, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prepared(stand_in: StandIn, mesh: Path) -> None:
        rented(mesh)
        other_type(stand_in)

    points = killed_everywhere(tmp_path, moment, monkeypatch, prepared)
    assert [asked.rpartition("/")[2] for asked in points if asked.startswith("POST")] == [
        "shutdown",
        "change_type",
        "poweron",
    ]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_while_it_is_given_back_nothing_is_forgotten(
    tmp_path: Path, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(mesh: Path) -> subprocess.Popen[str]:
        command = [
            sys.executable,
            "-m",
            "orchestrator",
            "--mesh",
            str(mesh),
            "deprovision",
            "calvados",
            "--everything",
            "--without-backup",
        ]
        with tempfile.TemporaryFile("w+") as typed:
            typed.write("calvados\n")
            typed.seek(0)
            return subprocess.Popen(
                command, env={**os.environ, cloud_token.VARIABLE: TOKEN}, stdin=typed,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )  # fmt: skip

    points = killed_everywhere(tmp_path, moment, monkeypatch, lambda _, mesh: rented(mesh), start, [])
    assert sum(asked.startswith("DELETE") for asked in points) == 6


@pytest.mark.parametrize("asked", ["/ssh_keys", "/firewalls", "/primary_ips", "/volumes", "/servers"])
def test_an_answer_that_does_not_come_makes_nothing_twice(
    mesh: Path, stand_in: StandIn, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their library asks again by itself after a timeout, and what the first request made is found."""
    monkeypatch.setattr(hcloud, "SECONDS", (1.0, 0.5))
    late = []

    def slow(_: int, what: str) -> None:
        if what == f"POST {asked}" and not late:
            late.append(what)
            time.sleep(1)

    stand_in.after = slow
    rented(mesh)
    assert late
    assert there(stand_in) == ALL
    assert rented(mesh) == []


def refusing(what: str, status: int, code: str) -> Fault:
    def refuse(_: int, asked: str) -> None:
        if asked == what:
            raise Refused(status, code, "no")

    return refuse


@pytest.mark.parametrize(
    ("what", "status", "code", "sentence"),
    [
        ("POST /ssh_keys", 403, "token_readonly", "the token may only read"),
        ("POST /firewalls", 403, "forbidden", "the token may not do this"),
        ("GET /servers", 429, "rate_limit_exceeded", "wait some minutes"),
        ("POST /primary_ips", 403, "resource_limit_exceeded", "ask them for a higher one"),
        ("POST /servers", 412, "resource_unavailable", "out of stock"),
        ("POST /servers", 422, "placement_error", "no room for it there now"),
        ("POST /volumes", 409, "uniqueness_error", "not made from here"),
        ("POST /volumes", 503, "maintenance", "they are at work on it"),
        ("GET /pricing", 500, "server_error", "the same command goes on"),
    ],
)
def test_what_is_refused_is_said_in_a_sentence_and_done_later(
    mesh: Path, stand_in: StandIn, what: str, status: int, code: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hcloud._client.time.sleep", lambda _: None)
    stand_in.before = refusing(what, status, code)
    with pytest.raises(CloudRefused, match=sentence) as refused:
        rented(mesh)
    assert "\n" not in str(refused.value)
    assert f"({code})" in str(refused.value)
    stand_in.before = lambda *_: None
    rented(mesh)
    assert there(stand_in) == ALL


@pytest.mark.parametrize(
    ("command", "code", "sentence"),
    [
        ("create_server", "resource_unavailable", "out of stock"),
        ("create_volume", "action_failed", "the same command goes on"),
    ],
)
def test_what_fails_later_is_said_too(mesh: Path, stand_in: StandIn, command: str, code: str, sentence: str) -> None:
    stand_in.project.failing[command] = (code, "it did not work out")
    with pytest.raises(CloudRefused, match=sentence):
        rented(mesh)
    rented(mesh)
    assert there(stand_in) == ALL


@pytest.mark.parametrize("code", ["conflict", "rate_limit_exceeded"])
def test_what_passes_is_waited_for(mesh: Path, stand_in: StandIn, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hcloud._client.time.sleep", lambda _: None)
    refuse, times = refusing("POST /volumes", 429, code), []

    def twice(number: int, asked: str) -> None:
        if len(times) < 2 and asked == "POST /volumes":
            times.append(number)
            refuse(number, asked)

    stand_in.before = twice
    rented(mesh)
    assert len(times) == 2


def test_a_wrong_token_a_reading_one_and_none(
    mesh: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["--mesh", str(mesh), "provision", "calvados"]
    for token, sentence in {"another": "not one of theirs", READING: "may only read"}.items():
        monkeypatch.setenv(cloud_token.VARIABLE, token)
        assert cli.main(command) == 4
        said = capsys.readouterr()
        assert sentence in said.err
        assert token not in said.err + said.out
        assert cloud_token.VARIABLE not in os.environ
    monkeypatch.setattr(cloud_token, "_taken", [])
    assert cli.main(command) == 3
    assert "HCLOUD_TOKEN" in capsys.readouterr().err


def test_nobody_listens(mesh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(hcloud.ENDPOINT, "http://127.0.0.1:9/v1")
    with pytest.raises(CloudRefused, match="check this machine's way to the internet"):
        rented(mesh)


Hand = Callable[[StandIn], None]


def _first(stand_in: StandIn, kind: str) -> dict:
    return next(iter(stand_in.project.things[kind].values()))


def other_type(stand_in: StandIn) -> None:
    _first(stand_in, "servers")["server_type"]["name"] = "cx43"


def open_port(stand_in: StandIn) -> None:
    _first(stand_in, "firewalls")["rules"].append(
        {
            "direction": "in",
            "protocol": "tcp",
            "port": "5432",
            "source_ips": ["0.0.0.0/0"],
            "destination_ips": [],
            "description": None,
        }
    )


def no_firewall(stand_in: StandIn) -> None:
    _first(stand_in, "servers")["public_net"]["firewalls"].clear()


def another_firewall(stand_in: StandIn) -> None:
    number = _first(stand_in, "servers")["id"]
    made = stand_in.project.create_firewall({}, {"name": "everything", "rules": []})[1]["firewall"]
    stand_in.project.apply_firewall({}, {"apply_to": [{"server": {"id": number}}]}, str(made["id"]))


def other_reverse(stand_in: StandIn) -> None:
    _first(stand_in, "primary_ips")["dns_ptr"] = []


def bound_to_the_server(stand_in: StandIn) -> None:
    _first(stand_in, "primary_ips")["auto_delete"] = True


def switched_off(stand_in: StandIn) -> None:
    _first(stand_in, "servers")["status"] = "off"


def without_volume(stand_in: StandIn) -> None:
    _first(stand_in, "volumes")["server"] = None


def without_address(stand_in: StandIn) -> None:
    _first(stand_in, "primary_ips")["assignee_id"] = None


def other_type_and_off(stand_in: StandIn) -> None:
    other_type(stand_in)
    switched_off(stand_in)


def without_server(stand_in: StandIn) -> None:
    stand_in.project.delete_server({}, {}, str(_first(stand_in, "servers")["id"]))


HANDS: list[tuple[Hand, list[str]]] = [
    (other_type, ["change server caen.calvados"]),
    (other_type_and_off, ["change server caen.calvados"]),
    (open_port, ["change firewall caen.calvados"]),
    (another_firewall, ["change attached firewall caen.calvados"]),
    (no_firewall, ["change attached firewall caen.calvados"]),
    (bound_to_the_server, ["change address ipv4"]),
    (other_reverse, ["change reverse DNS ipv4"]),
    (switched_off, ["change power caen.calvados"]),
    (without_volume, ["change attached volume caen.calvados"]),
    (without_address, ["change attached address ipv4"]),
    (without_server, ["create server caen.calvados"]),
]


@pytest.mark.parametrize(("hand", "steps"), HANDS)
def test_what_was_changed_by_hand_is_mended(mesh: Path, stand_in: StandIn, hand: Hand, steps: list[str]) -> None:
    rented(mesh)
    address = (mesh / "calvados" / "territory.yml").read_text()
    hand(stand_in)
    assert rented(mesh) == steps
    assert rented(mesh) == []
    assert [each for each in there(stand_in) if each != "firewalls everything"] == ALL
    assert (mesh / "calvados" / "territory.yml").read_text() == address  # a rebuilt node keeps its addresses


def test_another_size_and_another_type(mesh: Path, stand_in: StandIn) -> None:
    rented(mesh)
    changed(mesh, "type: cx23, location: nbg1, volume: 20 GB", "type: cx33, location: nbg1, volume: 30 GB")
    assert rented(mesh) == ["change volume caen.calvados", "change server caen.calvados"]
    changed(mesh, "volume: 30 GB", "volume: 10 GB")
    with pytest.raises(CloudRefused, match="a volume does not shrink; write `volume: 30 GB`"):
        rented(mesh)
    changed(mesh, "location: nbg1, volume: 10 GB", "location: fsn1, volume: 30 GB")
    with pytest.raises(CloudRefused, match="write `location: nbg1`"):
        rented(mesh)
    assert there(stand_in) == ALL


def test_a_server_that_must_not_change_runs_again(mesh: Path, stand_in: StandIn) -> None:
    """Out of stock is no reason to leave a node switched off; two things at once are done one after the other."""
    rented(mesh)
    changed(mesh, "cx23", "cx33")
    without_address(stand_in)
    [number] = stand_in.project.things["servers"]
    asked = f"POST /servers/{number}/actions/change_type"
    stand_in.before = refusing(asked, 412, "resource_unavailable")
    with pytest.raises(CloudRefused, match="out of stock"):
        rented(mesh)
    assert _first(stand_in, "servers")["status"] == "running"
    assert not any(request.endswith("/poweroff") for request in stand_in.requests)
    stand_in.before = lambda *_: None
    assert rented(mesh) == ["change server caen.calvados"]


def test_the_token_of_another_project_makes_no_second_node(mesh: Path, stand_in: StandIn) -> None:
    rented(mesh)
    empty = StandIn()
    stand_in.project = empty.project
    with pytest.raises(CloudRefused, match="another project's"):
        rented(mesh)
    assert empty.project.listing() == []


def test_another_name_of_the_host_makes_no_second_node(mesh: Path, stand_in: StandIn) -> None:
    rented(mesh)
    changed(mesh, "name: caen ", "name: bayeux ")
    with pytest.raises(CloudRefused, match="write `name: caen` back"):
        rented(mesh)
    assert there(stand_in) == ALL


def test_the_volume_is_not_given_back_without_a_backup(
    mesh: Path, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever has become of the server."""
    rented(mesh)
    for prepare in (lambda: None, lambda: without_server(stand_in)):
        prepare()
        monkeypatch.setattr("sys.stdin", StringIO("calvados\n"))
        assert cli.main(["--mesh", str(mesh), "deprovision", "calvados", "--everything"]) == 2
        assert "it makes no backups" in capsys.readouterr().err
        assert "volumes caen.calvados" in stand_in.project.listing()


def test_each_server_gets_a_key_of_its_own(
    mesh: Path, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told: list[str] = []
    stand_in.project.started = lambda _server, _keys, text: told.append(text)
    for _ in range(2):
        rented(mesh)
        monkeypatch.setattr("sys.stdin", StringIO("calvados\n"))
        assert cli.main(["--mesh", str(mesh), "deprovision", "calvados"]) == 0
        assert not list((tmp_path / "config" / "maillage" / "first-contact").iterdir())
    assert len(set(told)) == 2


def test_an_answer_that_is_none_of_theirs_is_one_sentence(mesh: Path, stand_in: StandIn) -> None:
    for strange in ({}, None, []):
        stand_in.project.answer = lambda *_, strange=strange: (200, strange)  # type: ignore[method-assign]
        with pytest.raises(CloudRefused, match="not one of theirs"):
            rented(mesh)


def test_what_netrc_says_is_not_used(mesh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("default login somebody password something\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert len(rented(mesh)) == 8


def test_a_partners_way_to_write_stays(mesh: Path) -> None:
    path = mesh / "calvados" / "territory.yml"
    text = "---\n" + TERRITORY.replace("services:", "\nservices:  # ce qui est offert")
    path.write_bytes(text.replace("\n", "\r\n").encode())
    rented(mesh)
    added = "    address: {ipv4: 203.0.113.100, ipv6: 2001:db8:10::1}\n"
    expected = text.replace("    hcloud:", f"{added}    hcloud:")
    assert path.read_bytes().decode() == expected.replace("\n", "\r\n")


def test_an_unknown_type_names_those_there_are(mesh: Path) -> None:
    changed(mesh, "cx23", "cx99")
    with pytest.raises(CloudRefused, match="no server of type cx99 in nbg1; it has cx23, cx33, cx43"):
        rented(mesh)


def test_somebody_elses_server_of_the_same_name_is_not_taken(mesh: Path, stand_in: StandIn) -> None:
    rented(mesh)
    _first(stand_in, "servers")["labels"] = {}
    for address in stand_in.project.things["primary_ips"].values():
        address["assignee_id"] = None
    _first(stand_in, "volumes")["server"] = None
    with pytest.raises(CloudRefused, match="not made from here"):
        rented(mesh)
    assert there(stand_in) == ALL


@pytest.mark.parametrize(
    ("more", "left"),
    [([], ALL[1:3] + ALL[5:]), (ALL_OF_IT, [])],
    ids=["server", "everything"],
)
def test_what_is_given_back_is_what_is_said(
    mesh: Path, stand_in: StandIn, more: list[str], left: list[str], monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    rented(mesh)
    command = ["--mesh", str(mesh), "deprovision", "calvados", *more]
    monkeypatch.setattr("sys.stdin", StringIO("manche\n"))
    use(TOKEN, monkeypatch)
    assert cli.main(command) == 2
    assert there(stand_in) == ALL
    monkeypatch.setattr("sys.stdin", StringIO("calvados\n"))
    capsys.readouterr()
    assert cli.main(command) == 0
    said = capsys.readouterr().err
    assert there(stand_in) == left
    assert said.count("stays ") == len(left)
    text = (mesh / "calvados" / "territory.yml").read_text()
    assert (text == TERRITORY) is bool(more)
    rented(mesh)
    assert there(stand_in) == ALL


def records(stand_in: StandIn, zone: int) -> set[tuple[str, str, str]]:
    """What a zone holds."""
    return {
        (name, kind, each["value"])
        for (name, kind), rrset in stand_in.project.rrsets[zone].items()
        for each in rrset["records"]
    }


def published(mesh: Path) -> list[str]:
    """What was done to have the records there."""
    found = publication.look(engines.load(mesh).nodes["calvados"])
    assert found
    found.publish()
    return [f"{step.action} {step.record.name} {step.record.type}" for step in found.chosen]


def test_records_are_made_changed_and_removed_and_others_stay(mesh: Path, stand_in: StandIn) -> None:
    """In a zone at Hetzner: what was not published from here is never touched."""
    zone = stand_in.project.add_zone("calvados.example")
    stand_in.project.add_zone("example")
    foreign = {("www", "A", "192.0.2.80"), ("@", "TXT", '"a-site=1"'), ("caen", "TXT", '"somebody"')}
    for name, kind, value in foreign:
        stand_in.project.record(zone, name, kind, value)
        stand_in.project.rrsets[zone][name, kind]["ttl"] = 60
    rented(mesh)
    changed(mesh, "services:", "dns: {provider: hcloud}\nservices:")
    assert "create caen.calvados.example A" in published(mesh)
    ours = records(stand_in, zone) - foreign
    assert {("caen", "A", "203.0.113.100"), ("cloud", "AAAA", "2001:db8:10::1")} <= ours
    before = len(stand_in.requests)
    assert published(mesh) == []
    assert len(stand_in.requests) - before == 2
    changed(mesh, "203.0.113.100", "203.0.113.7")
    assert "delete caen.calvados.example A" in published(mesh)
    assert ("caen", "A", "203.0.113.7") in records(stand_in, zone)
    assert ("caen", "A", "203.0.113.100") not in records(stand_in, zone)
    stand_in.project.record(zone, "cloud", "TXT", '"later"')
    found = publication.look(engines.load(mesh).nodes["calvados"], none=True)
    assert found
    found.publish()
    assert records(stand_in, zone) == foreign | {("cloud", "TXT", '"later"')}


def test_a_record_in_the_way_is_left_and_named(
    mesh: Path, stand_in: StandIn, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    zone = stand_in.project.add_zone("calvados.example")
    stand_in.project.record(zone, "cloud", "CNAME", "elsewhere.example.")
    rented(mesh)
    changed(mesh, "services:", "dns: {provider: hcloud}\nservices:")
    use(TOKEN, monkeypatch)
    assert cli.main(["--mesh", str(mesh), "dns", "calvados", "--publish"]) == 7
    assert "conflict cloud.calvados.example. A 203.0.113.100  ; in the way: CNAME elsewhere.example." in (
        capsys.readouterr().out
    )
    assert ("cloud", "CNAME", "elsewhere.example.") in records(stand_in, zone)
    assert ("caen", "A", "203.0.113.100") in records(stand_in, zone)


def test_a_zone_that_is_not_there_is_one_sentence(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rented(mesh)
    changed(mesh, "services:", "dns: {provider: hcloud}\nservices:")
    assert cli.main(["--mesh", str(mesh), "dns", "calvados", "--plan"]) == 4
    assert "the project has no zone for" in capsys.readouterr().err
