"""The engine that a lab territory leaves open: who decides, when, and what is remembered."""

import re
from pathlib import Path

import pytest
from sample_territories import REAL, SAMPLE

from orchestrator import archive, engines, mesh
from orchestrator.errors import ArchiveMissing, ArchiveRefused, InvalidInventory
from orchestrator.model import Release

NAMES = ["calvados", "manche", "orne"]


@pytest.fixture
def said(own_folders, monkeypatch):  # noqa: ARG001
    monkeypatch.delenv(archive.VARIABLE, raising=False)
    return []


@pytest.fixture
def to_be_had(monkeypatch):
    """Sets whether an archive is to be had."""

    def set_(answer):
        def choose(_given, *, allow_unsigned, say):  # noqa: ARG001
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(archive, "choose", choose)

    return set_


def decide(said, given=None):
    loaded = engines.choose(mesh.load(SAMPLE), NAMES, given, allow_unsigned=False, say=said.append)
    return [loaded.nodes[name].territory.engine for name in NAMES]


RELEASE = Release("33.0.9", "/tmp/nextcloud-33.0.9.tar.bz2", "a checksum", "checksum")
NONE = ArchiveMissing("no archive of Nextcloud: not given, nowhere else.\nWays out: several")


def deployed(engine):
    """Calvados, on a lab host that runs an engine."""
    node = mesh.load(SAMPLE).nodes["calvados"]
    engines.record(engines.replace(node, territory=node.territory.with_engine(engine)))


def test_nextcloud_where_its_archive_can_be_had(said, to_be_had):
    to_be_had(RELEASE)
    assert decide(said) == ["nextcloud", "nextcloud", "radicale"]
    assert said == []


def test_else_the_light_one_with_reason_and_way_out_in_one_line(said, to_be_had):
    to_be_had(NONE)
    assert decide(said) == ["radicale", "nextcloud", "radicale"]
    assert len(said) == 1
    for words in ("calvados: the light engine, radicale", "not given, nowhere else", "--nextcloud-archive PATH"):
        assert words in said[0]


def test_a_wrong_archive_never_falls_back(said, to_be_had):
    to_be_had(ArchiveRefused("x: is not Nextcloud"))
    with pytest.raises(ArchiveRefused):
        decide(said, "x")


def test_no_archive_is_looked_for_where_none_is_open(said, to_be_had):
    to_be_had(AssertionError())
    engines.choose(mesh.load(SAMPLE), ["orne", "manche"], None, allow_unsigned=False, say=said.append)


def test_a_decision_lasts_as_long_as_the_host(said, to_be_had, own_folders):
    to_be_had(RELEASE)
    decide(said)
    assert not list(own_folders.rglob("engine"))  # a plan decides, too, and records nothing
    deployed("radicale")
    assert decide(said) == ["radicale", "nextcloud", "radicale"]
    deployed("nextcloud")
    to_be_had(NONE)
    assert decide(said) == ["nextcloud", "nextcloud", "radicale"]
    assert engines.load(SAMPLE).nodes["calvados"].territory.engine == "nextcloud"
    assert said == []
    [kept] = own_folders.rglob("engine")
    assert kept.parent == own_folders / "state" / "lab" / "hosts" / "caen.calvados"  # goes with the host
    kept.unlink()
    assert engines.load(SAMPLE).nodes["calvados"].territory.engine == "radicale"


def test_an_archive_that_comes_too_late_is_said(said, to_be_had):
    to_be_had(RELEASE)
    deployed("radicale")
    assert decide(said, "x")[0] == "radicale"
    assert re.search(r"calvados stays with radicale.*`engine: nextcloud`.*`move calvados`", said[0])


def test_the_host_of_a_real_territory_is_recorded_nowhere(real_node, own_folders):
    engines.record(real_node)
    assert not list(own_folders.rglob("engine"))


def test_a_real_territory_must_name_its_engine(tmp_path: Path):
    (tmp_path / "montagne").mkdir()
    (tmp_path / "montagne" / "territory.yml").write_text(REAL.replace("engine: radicale, ", ""))
    with pytest.raises(InvalidInventory, match=r"services\.cloud: name the engine: nextcloud or radicale") as raised:
        mesh.load(tmp_path)
    assert raised.value.problems[0].line == 7


def test_nothing_goes_on_with_an_open_engine(said):  # noqa: ARG001
    with pytest.raises(ValueError, match="not decided yet"):
        _ = mesh.load(SAMPLE).nodes["calvados"].territory.engine
