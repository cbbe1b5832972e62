"""The lab host of these tests."""

from __future__ import annotations

from orchestrator.providers.lab import HostSpec, Lab

HOST = HostSpec("module.essai", ("10.99.0.122",), ("fd4d:6169:6c6c::122",), 4 * 10**9)


def on_host(lab: Lab, script: str, timeout: float = 120) -> str:
    """What a script prints on the host; it must succeed."""
    done = lab.connection(HOST.name).run(script, timeout=timeout)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()
