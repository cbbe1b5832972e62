"""Nextcloud's own checks, judged by class and severity."""

import json

import pytest

from orchestrator.verify import inside
from orchestrator.verify.check import CheckFailedError, CheckSkippedError


def answer(proof, **severities):
    checks = {f"OCA\\Settings\\SetupChecks\\{name}": {"severity": severity} for name, severity in severities.items()}
    return f"{proof}\nsome notice\n{json.dumps({'security': checks})}\n"


def test_all_is_well():
    said = inside.judge(answer("signature", CodeIntegrity="success", PhpModules="info"))
    assert said == "1 of 2 passed; code signed by Nextcloud's release key"


def test_an_archive_that_nothing_vouches_for_may_be_incomplete():
    said = inside.judge(answer("none", CodeIntegrity="error", PhpModules="success"))
    assert said.endswith("nothing shows that the archive is the official one, and it is incomplete or changed")


@pytest.mark.parametrize(
    ("proof", "severities", "words"),
    [
        ("signature", {"CodeIntegrity": "error"}, r"CodeIntegrity \(error\)"),
        ("none", {"CodeIntegrity": "error", "CronErrors": "warning"}, r"^CronErrors \(warning\); see"),
    ],
)
def test_what_somebody_can_mend(proof, severities, words):
    with pytest.raises(CheckFailedError, match=words):
        inside.judge(answer(proof, **severities))


def test_a_host_that_does_not_say():
    with pytest.raises(CheckSkippedError):
        inside.judge("")
