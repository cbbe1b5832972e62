"""Runs a playbook through ansible-runner: the only module that imports it.

What ansible-runner leaves behind (events, the environment of the run) lives in a private folder in memory
that goes when the run ends. Secrets travel as vaulted values in the inventory; their keys are read by
Ansible from this process's own memory.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from orchestrator.errors import DeployFailed
from orchestrator.outcome import Collector, Outcome

ROOT = Path(__file__).resolve().parent.parent
MEMORY = Path("/dev/shm")  # noqa: S108 - a tmpfs: nothing written here reaches a disk
PREFIX = "maillage-run-"
KEPT_ENVIRONMENT = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TERM", "TMPDIR", "SSH_AUTH_SOCK")

Listener = Callable[[Mapping[str, Any]], None]


def run(
    playbook: str,
    inventory: Mapping[str, Any],
    vault_identities: Sequence[str],
    *,
    check: bool = False,
    variables: Mapping[str, Any] | None = None,
    listener: Listener | None = None,
) -> Outcome:
    """Run one of `playbooks/` to its end.

    Args:
        playbook: file name below `playbooks/`.
        inventory: Ansible inventory as nested mappings; secret values only as `{"__ansible_vault": ciphertext}`.
        vault_identities: at least one `label@path`, as ansible-playbook's `--vault-id` takes them.
        check: change nothing, gather what would change and the differences.
        variables: variables of every host for this run alone. No secret: they are seen by other processes.
        listener: called with every event.

    Returns:
        What was done. `interrupted` is set after Ctrl-C or SIGTERM: no further task was started.
    """
    import ansible_runner

    collector = Collector()
    stop = False

    def handle(event: Mapping[str, Any]) -> bool:
        collector.add(event)
        if listener is not None:
            listener(event)
        return False

    def ask_to_stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stop
        stop = True

    sources = dict(inventory)
    if variables:
        sources["all"] = {**sources.get("all", {}), "vars": {**sources.get("all", {}).get("vars", {}), **variables}}
    with _private_folder() as folder, _signals(ask_to_stop), _environment():
        result = ansible_runner.run(
            private_data_dir=str(folder),
            project_dir=str(ROOT),
            playbook=str(ROOT / "playbooks" / playbook),
            inventory=sources,
            cmdline="--check --diff" if check else None,
            envvars={
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
                "ANSIBLE_ROLES_PATH": str(ROOT / "roles"),
                "ANSIBLE_HOST_KEY_CHECKING": "True",
                "ANSIBLE_VAULT_IDENTITY_LIST": ",".join(vault_identities),
                "ANSIBLE_LOCAL_TEMP": str(folder / "local"),
                "ANSIBLE_NOCOLOR": "1",
                "ANSIBLE_FORCE_COLOR": "0",
            },
            settings={"pexpect_timeout": 1, "suppress_ansible_output": True},
            suppress_env_files=True,
            quiet=True,
            event_handler=handle,
            cancel_callback=lambda: stop,
        )
        outcome = collector.outcome
        outcome.interrupted = result.status == "canceled"
        if not collector.complete and not outcome.interrupted:
            raise AnsibleStoppedError(_last_words(folder))
    return outcome


class AnsibleStoppedError(DeployFailed):
    """Ansible ended before or outside its tasks: a defect of the project or of its installation."""


def _last_words(folder: Path) -> str:
    printed = [path.read_text(encoding="utf-8", errors="replace") for path in folder.glob("artifacts/*/std*")]
    lines = [line.strip() for line in "\n".join(printed).splitlines() if line.strip()]
    errors = [line for line in lines if "ERROR" in line]
    return " ".join((errors or lines[-3:])[:3]) or "Ansible ended without a word"


@contextmanager
def _private_folder() -> Iterator[Path]:
    """A folder in memory, gone afterwards; those of runs that were killed are removed first."""
    for stale in MEMORY.glob(f"{PREFIX}*"):
        owner = stale.name.removeprefix(PREFIX).split("-")[0]
        if owner.isdigit() and not Path("/proc", owner).exists() and stale.owner() == Path("/proc/self").owner():
            shutil.rmtree(stale, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{PREFIX}{os.getpid()}-", dir=MEMORY) as name:
        yield Path(name)


@contextmanager
def _signals(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Route Ctrl-C and SIGTERM to `handler`; ansible-runner would replace them for good."""
    watched = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, handler) for number in watched}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


@contextmanager
def _environment() -> Iterator[None]:
    """Let the children inherit what they need and nothing else: a token in our environment stays ours."""
    before = dict(os.environ)
    for name in set(before) - set(KEPT_ENVIRONMENT):
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
