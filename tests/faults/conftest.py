"""Every moment of every seed, the territory that it happens to, and the table of what came of it."""

import os
import statistics
from collections import defaultdict
from itertools import cycle, product
from pathlib import Path

import pytest
from borrowed import borrowed
from disturbed import KILLS, MOMENTS, SEEDS, Territory, copy_of_the_mesh
from nextcloud_fixture.archive import pack

COLUMNS = ("fault", "seeds", "times", "lost", "converged", "seconds")


ALWAYS = ("test_killed.py", "test_canary.py")  # `make test` too; the others take too long for every change


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.lab)
            item.add_marker(pytest.mark.skipif(os.geteuid() != 0, reason="a lab host needs root"))
            left_out = "MOMENTS" not in os.environ and item.path.name not in ALWAYS
            item.add_marker(pytest.mark.skipif(left_out, reason="takes too long for every change: `make faults`"))


def pytest_generate_tests(metafunc):
    """`seed` and `moment`: every moment of every seed, the kinds of kills by turns; a network cut takes minutes."""
    if "kill" in metafunc.fixturenames:
        kills = cycle(KILLS)
        moments = [(seed, moment, next(kills)) for seed in SEEDS for moment in range(MOMENTS)]
        metafunc.parametrize(("seed", "moment", "kill"), moments)
    elif "moment" in metafunc.fixturenames:
        metafunc.parametrize(("seed", "moment"), list(product(SEEDS, range(min(MOMENTS, 10)))))


@pytest.fixture
def note(record_property):
    """Puts a line into the table: what was lost, and how long the run took that mended it."""

    def noted(fault, *, seed="", lost=None, seconds=0.0):
        record_property("fault", (fault, seed, lost, seconds))

    return noted


def pytest_terminal_summary(terminalreporter):
    rows = defaultdict(list)
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            for name, value in report.user_properties if report.when == "call" else []:
                if name == "fault":
                    rows[value[0]].append((*value[1:], outcome == "passed"))
    if not rows:
        return
    lines = [COLUMNS]
    for fault, found in rows.items():
        seeds = ",".join(sorted({str(seed) for seed, *_ in found}))
        lost = [lost for _, lost, _, _ in found if lost is not None]
        seconds = statistics.median(seconds for _, _, seconds, _ in found)
        converged = f"{sum(good for *_, good in found)} of {len(found)}"
        lines.append((fault, seeds, str(len(found)), str(sum(lost)) if lost else "-", converged, f"{seconds:.1f}"))
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    terminalreporter.section("faults")
    for line in lines:
        terminalreporter.line("  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip())


@pytest.fixture(scope="session")
def mesh(tmp_path_factory):
    """A copy of the sample mesh that the faults may change."""
    return copy_of_the_mesh(tmp_path_factory.mktemp("mesh") / "normandie")


@pytest.fixture(scope="session")
def archive(tmp_path_factory):
    """The arguments that give an archive of Nextcloud: the fixture's."""
    path = pack(tmp_path_factory.mktemp("archives"), "33.0.1")
    return ("--nextcloud-archive", str(path), "--allow-unsigned-archive")


@pytest.fixture(scope="session")
def orne(mesh):
    """The territory that most faults are done to; what was in the lab before is there afterwards."""
    territory = Territory(mesh, "orne")
    with borrowed(territory.host):
        yield territory
