"""What risks data waits for a good drill."""

from dataclasses import replace

import pytest
from test_preflight import FIT

from orchestrator import drills
from orchestrator.preflight import parse

DAY = 86400.0
ANSWER = """system=debian 13
root=yes
systemd=yes
python=yes
node=yes
people=0
mailboxes=0
files=yes
nextcloud=33.0.1
drill={drill}
disk=8000000
inodes=500000
memory=2000000
clock=1000000
"""


@pytest.mark.parametrize("age", [None, 0.0, 13 * DAY, 14 * DAY])
def test_proven_lately_or_no_backups_at_all(age):
    assert drills.refusal(replace(FIT, drill=age), "calvados", "an upgrade") is None


@pytest.mark.parametrize(("age", "words"), [(15 * DAY, "was 15 days ago"), (float("inf"), "was never made")])
def test_not_proven(age, words):
    why = drills.refusal(replace(FIT, drill=age), "calvados", "to remove exemple")
    assert why is not None
    assert why.startswith("to remove exemple risks data")
    assert words in why
    assert "`backup drill calvados`" in why


@pytest.mark.parametrize(("said", "age"), [("none", None), ("", float("inf")), ("999900", 100.0)])
def test_what_the_host_says(said, age):
    assert parse(ANSWER.format(drill=said), 1_000_000.0).drill == age
