import shutil
import tempfile
from pathlib import Path

import pytest

from lab.second import NETWORK, ONE, TWO
from lab.traces import traces
from orchestrator.providers.lab import Lab, Place


@pytest.fixture(scope="package")
def lab():
    """The second lab with two hosts; once it is down again, this machine must be as it was before."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="maillage-test-") as path:  # /tmp may be in memory
        directory = Path(path) / "lab"
        before = traces(NETWORK, directory)
        made = Lab(Place(directory, NETWORK))
        try:
            made.up([ONE, TWO], print)
            assert traces(NETWORK, directory) != before
            yield made
            leave_half_made(made)
        finally:
            made.down(print)
        assert traces(NETWORK, directory) == before
        remaining = sorted(path.name for path in directory.iterdir())
        assert remaining == ["archives", "id_ed25519", "id_ed25519.pub", "images", "locks"]
        made.down(print)  # once more does no harm


def leave_half_made(made: Lab) -> None:
    """What a run that was killed while it made a host leaves behind."""
    half = made.place.host(".half")
    half.mkdir()
    shutil.copytree(made.place.image("debian-13") / "etc", half / "etc", symlinks=True)
