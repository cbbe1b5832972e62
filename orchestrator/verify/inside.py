"""What nobody can see from outside, asked of the host itself: Nextcloud's own checks, and where its code is from."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from orchestrator.verify.check import CheckFailedError, CheckSkippedError, Step

Ask = Callable[[str], str]  # a command to what it wrote; raises CheckSkippedError when the host cannot be asked
# On a new node the background jobs may be at work for the first time: they are waited for, or a check would miss them.
# The address stands for a visitor's: without one, two of the checks have nothing to judge.
QUESTION = """
jobs=maillage-nextcloud-cron.service
[ "$(systemctl is-active $jobs)" != activating ] || systemctl start $jobs
cat "/var/lib/maillage/nextcloud/$(basename "$(readlink /usr/share/maillage/nextcloud)").proof"
REMOTE_ADDR=192.0.2.1 /usr/lib/maillage/occ setupchecks --output=json || true
"""
PROOFS = {
    "signature": "signed by Nextcloud's release key",
    "checksum": "of the known checksum",
    "none": "nothing shows that the archive is the official one",
}
INTEGRITY = "CodeIntegrity"


def steps(ask: Ask) -> Iterator[Step]:
    """One look for all."""
    yield Step("Nextcloud's own checks", lambda: judge(ask(QUESTION)))


def judge(answer: str) -> str:
    """Say how many of its own checks Nextcloud passes; by class and severity, since the sentences are translated.

    Args:
        answer: how the archive was proven, on one line; then what `occ setupchecks --output=json` says.

    Raises:
        CheckFailedError: an error or a warning that somebody can mend.
    """
    proof, _, rest = answer.partition("\n")
    try:
        categories = json.loads(next(line for line in rest.splitlines() if line.startswith("{")))
    except (StopIteration, ValueError):
        raise CheckSkippedError("the host does not say") from None
    severities = {
        name.rpartition("\\")[2]: each["severity"] for part in categories.values() for name, each in part.items()
    }
    wrong = sorted(f"{name} ({severity})" for name, severity in severities.items() if severity in ("error", "warning"))
    said = f"code {PROOFS.get(proof.strip(), PROOFS['none'])}"
    # Whoever accepts an archive that nothing vouches for has accepted this, too.
    if proof.strip() == "none" and f"{INTEGRITY} (error)" in wrong:
        wrong.remove(f"{INTEGRITY} (error)")
        said += ", and it is incomplete or changed"
    if wrong:
        raise CheckFailedError(f"{', '.join(wrong)}; see `occ setupchecks` on the host")
    return f"{sum(severity == 'success' for severity in severities.values())} of {len(severities)} passed; {said}"
