"""The units of a component: how they are, what is to be done with them, and doing it through systemctl."""

from __future__ import annotations

import time
from collections import namedtuple

from maillage.command import NodeError, run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

UNIT_FOLDERS = ("/etc/systemd/", "/usr/lib/systemd/", "/lib/systemd/")
UNIT_SUFFIXES = (".service", ".timer", ".socket", ".path", ".mount", ".target")
PROPERTIES = (
    "LoadState,ActiveState,SubState,UnitFileState,Type,RemainAfterExit,ExecStartPost,NRestarts,"
    "ConditionResult,ConditionTimestampMonotonic"
)
MOMENT = 1.0  # by then a daemon that cannot read its configuration has died, most likely
LOG_LINES = 15

Unit = namedtuple("Unit", "name load active enabled static settled hasty restarts")
Unit.__doc__ = """A unit as systemd sees it.

load is LoadState (not-found, masked, loaded…); active and enabled are booleans; static units cannot be enabled; settled
units need not run: a oneshot that is done, or a unit whose own conditions refuse it on this host; hasty ones count as
started before they have read their configuration; restarts is how often systemd itself had to start it again.
"""
Step = namedtuple("Step", "unit action")
Step.__doc__ = (
    "What is to be done with a unit: enable, start, reload, restart or stop; `try-reload` for other components' units."
)


def look(names: list[str]) -> dict[str, Unit]:
    """Ask systemd for units; without systemd, every unit is simply not found."""
    units = {name: Unit(name, "not-found", False, False, False, False, False, 0) for name in names}
    if not names:
        return units
    outcome = run(["systemctl", "show", "--property", PROPERTIES, "--", *names])
    for name, block in zip(names, outcome.output.strip().split("\n\n"), strict=False):
        values = dict(line.partition("=")[::2] for line in block.splitlines())
        if "LoadState" in values:
            units[name] = described(name, values)
    return units


def described(name: str, values: dict[str, str]) -> Unit:
    """Turn the properties of a unit into a Unit."""
    active, state = values["ActiveState"], values["UnitFileState"]
    running = active in ("active", "reloading", "refreshing") or (
        active == "activating" and not values["SubState"].startswith("auto-restart")
    )
    refused = values["ConditionResult"] == "no" and values["ConditionTimestampMonotonic"] != "0"
    done = values.get("Type") == "oneshot" and values.get("RemainAfterExit") == "no"
    return Unit(
        name=name,
        load=values["LoadState"],
        active=running,
        enabled=state in ("enabled", "enabled-runtime", "alias"),
        static=state not in ("enabled", "enabled-runtime", "alias", "disabled"),
        settled=active == "inactive" and (refused or done),
        hasty=values.get("Type") in ("simple", "exec", "idle") and not values.get("ExecStartPost"),
        restarts=int(values.get("NRestarts") or 0),
    )


def steps_present(wanted: list[dict[str, str]], units: dict[str, Unit], changed: bool) -> list[Step]:
    """What brings a component's own units where they should be.

    Args:
        wanted: `name` and `on_change` of each, in the order in which they are to be touched.
        units: how they all are.
        changed: whether files changed, now or in a run that was killed.
    """
    steps = []
    for entry in wanted:
        unit = units[entry["name"]]
        rests = unit.settled and not (changed and entry["on_change"] != "none")
        if not unit.active and not rests:
            steps.append(Step(unit.name, "start"))
            continue
        if not unit.enabled and not unit.static:
            steps.append(Step(unit.name, "enable"))
        if changed and entry["on_change"] != "none":
            steps.append(Step(unit.name, entry["on_change"]))
    return steps


def steps_of_others(names: list[str], units: dict[str, Unit]) -> list[Step]:
    """Reload units of other components, that read files of this one; one that does not run reads them at its start."""
    return [Step(name, "try-reload") for name in names if units[name].active or units[name].load == "not-found"]


def steps_absent(names: list[str], units: dict[str, Unit]) -> list[Step]:
    """Units to stop and disable."""
    return [Step(name, "stop") for name in names if units[name].active or units[name].enabled]


def owned_units(paths: list[str]) -> list[str]:
    """Name the units whose files are among `paths`."""
    names = [path.rpartition("/")[2] for path in paths if path.startswith(UNIT_FOLDERS)]
    return [name for name in names if name.endswith(UNIT_SUFFIXES) and "@." not in name]


def needs_daemon_reload(paths: list[str]) -> bool:
    """Say whether systemd must read its unit files again."""
    return any(path.startswith(UNIT_FOLDERS) for path in paths)


def daemon_reload() -> None:
    """Have systemd read its unit files again."""
    outcome = run(["systemctl", "daemon-reload"])
    if outcome.code:
        raise NodeError(f"systemd did not read its unit files again:\n{outcome.text}")


def take(steps: list[Step], component: str) -> None:
    """Do the steps, then make sure that what was started is still there after a moment.

    Raises:
        NodeError: a unit is not there, is masked, or did not do what it was told; with its last log lines.
    """
    units = look([step.unit for step in steps])
    for step in steps:
        unit = units[step.unit]
        if unit.load == "masked":
            raise NodeError(
                f"{unit.name} is masked on this host: `systemctl unmask {unit.name}` there, then deploy again"
            )
        if unit.load == "not-found":
            if step.action in ("stop", "try-reload"):
                continue
            raise NodeError(
                f"there is no unit {unit.name} on this host, which «{component}» needs: is its package missing?"
            )
        take_one(step, unit)
    verify([step.unit for step in steps if step.action in ("start", "restart")])


def take_one(step: Step, unit: Unit) -> None:
    """Do one step."""
    began = time.time()
    commands = {
        "stop": [["systemctl", "disable", "--now", unit.name]],
        "enable": [["systemctl", "enable", unit.name]],
        "start": [["systemctl", "reset-failed", unit.name], ["systemctl", "start", unit.name]],
        "try-reload": [["systemctl", "try-reload-or-restart", unit.name]],
    }.get(step.action, [["systemctl", step.action, unit.name]])
    if step.action == "stop" and not unit.enabled:
        commands = [["systemctl", "stop", unit.name]]
    if step.action == "start" and not unit.enabled and not unit.static:
        commands.insert(0, ["systemctl", "enable", unit.name])
    for command in commands:
        outcome = run(command)
        if outcome.code and "reset-failed" not in command:
            verb = "reload" if step.action == "try-reload" else step.action
            raise NodeError(f"{unit.name} did not {verb}:\n{log(unit.name, began) or outcome.text}")


def verify(names: list[str]) -> None:
    """Wait a moment, and refuse a unit that does not stay up."""
    if not names:
        return
    began, units = time.time(), look(names)
    patient = any(unit.hasty for unit in units.values())
    while True:
        for unit in units.values():
            if unit.restarts or (not unit.active and not unit.settled):
                raise NodeError(f"{unit.name} started and ended at once:\n{log(unit.name, began - 30)}")
        if not patient or time.time() - began > MOMENT:
            return
        time.sleep(0.25)
        units = look(names)


def log(name: str, since: float) -> str:
    """Return the last lines that a unit wrote."""
    lines = ["--lines", str(LOG_LINES), "--no-pager", "--output", "cat", "--since", f"@{int(since)}"]
    return run(["journalctl", "--quiet", "--unit", name, *lines]).text


def before(steps: list[Step], units: dict[str, Unit]) -> dict[str, Any]:
    """Note how the units of `steps` are, for the journal."""
    return {
        step.unit: {"active": units[step.unit].active, "enabled": units[step.unit].enabled, "action": step.action}
        for step in steps
    }


def put_back_stop(noted: dict[str, Any]) -> None:
    """Before the previous files are put back: what did not run, or was not enabled, before, is so again."""
    for name, was in noted.items():
        if was["action"] == "try-reload":
            continue
        if not was["enabled"]:
            run(["systemctl", "disable", name])
        if not was["active"]:
            run(["systemctl", "stop", name])


def put_back_start(noted: dict[str, Any]) -> None:
    """After the previous files were put back: what ran before runs with them again."""
    for name, was in noted.items():
        if was["enabled"] and was["action"] == "stop":
            run(["systemctl", "enable", name])
        if was["active"] and was["action"] != "enable":
            verb = {"try-reload": "try-reload-or-restart", "reload": "reload-or-restart"}.get(was["action"], "restart")
            run(["systemctl", "reset-failed", name])
            run(["systemctl", verb, name])
