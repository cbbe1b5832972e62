"""A component's files and services, made so in one pass; see plugins/modules/tree.py for what it promises."""

from __future__ import annotations

from maillage import differences, files, guard, services
from maillage.command import NodeError, exists, refusal, run
from maillage.journal import FOLDER, Journal, check_component, components

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from maillage.differences import Change, Wanted
    from maillage.services import Step, Unit


class Plan:
    """What is to be done, found without writing anything.

    Attributes:
        changes: paths to change.
        steps: units to touch.
        units: how the units are.
        written: the paths that this component will have written.
        content_changed: whether files changed, now or in a run that was killed.
    """

    def __init__(self, manifest: dict[str, Any], journal: Journal) -> None:
        present = manifest["state"] == "present"
        named = [entry["name"] for entry in manifest["services"]]
        wanted = wanted_paths(manifest)
        stale = stale_paths(journal, {item.path for item in wanted})
        self.changes: list[Change] = differences.differences(wanted + differences.gone(stale))
        self.written = [item.path for item in wanted if item.kind in ("file", "link")]
        self.content_changed = journal.pending or any(change.kind != "directory" for change in self.changes)
        removed = services.owned_units([change.path for change in self.changes if change.action == "remove"])
        ending = removed if present else list(dict.fromkeys([*named, *removed]))
        self.units: dict[str, Unit] = services.look([*named, *manifest["reload"], *ending])
        self.ending: list[Step] = services.steps_absent(ending, self.units)
        own = manifest["services"] if present else []
        drifted = self.content_changed or not live(manifest["live"] if present else [])
        self.steps: list[Step] = services.steps_present(own, self.units, drifted)
        if self.content_changed:
            self.steps += services.steps_of_others(manifest["reload"], self.units)

    def report(self) -> list[dict[str, str]]:
        """Name every change, in the words that all modules of this project share.

        Directories that only come along with a file are not named: on a bare host some of them come with a package.
        """
        named = [change for change in self.changes if not change.wanted.implied]
        paths = [{"kind": change.kind, "name": change.path, "action": change.action} for change in named]
        actions = [(step.unit, step.action.removeprefix("try-")) for step in [*self.ending, *self.steps]]
        return paths + [{"kind": "service", "name": name, "action": action} for name, action in actions]


def wanted_paths(manifest: dict[str, Any]) -> list[Wanted]:
    """List what the component wants on disk: nothing when it is to be absent."""
    return differences.wanted_paths(manifest) if manifest["state"] == "present" else []


def stale_paths(journal: Journal, kept: set[str]) -> list[str]:
    """List what this component once wrote, no longer should, and no other component has taken over."""
    stale = [path for path in journal.written if path not in kept]
    claimed = journal.claimed_by_others() if stale else set()
    return sorted(path for path in stale if path not in claimed)


def tidy(manifest: dict[str, Any], journal: Journal) -> None:
    """After a killed run, remove its temporary files, and put back what it changed and nobody asks for any more."""
    known = {item.path for item in wanted_paths(manifest)} | set(journal.written)
    for path, entry in reversed(journal.entries.items()):
        files.clear_path(path)
        if path not in known:
            journal.put_back_path(path, entry)


def live(commands: list[list[str]]) -> bool:
    """Say whether the running state is what the files say; a command that is not there yet has nothing to say."""
    return all(run(argv).code == 0 for argv in commands if exists(argv[0]))


def main(arguments: dict[str, Any], check: bool, diff: bool) -> dict[str, Any]:
    """Converge one component.

    Args:
        arguments: the manifest that the action plugin made; or `confirm` and `component`, to end a guarded change.
        check: only say what would be done.
        diff: describe how files differ.

    Returns:
        `changed`, `changes`, `diff`, and `components`: those that are on the node now.
    """
    folder = arguments.get("journals", FOLDER)
    journal = Journal(check_component(arguments["component"]), folder)
    if "confirm" in arguments:
        return confirm(journal, arguments["confirm"])
    if arguments["state"] == "absent" and arguments["component"] not in (there := components(folder)):
        return {"changed": False, "changes": [], "diff": [], "components": there}
    if check:
        return {**result(Plan(arguments, journal), diff), "components": components(folder)}
    with journal.locked():
        if journal.guard:
            guard.disarm(journal.guard)
            journal.put_back()
        tidy(arguments, journal)
        answer = converge(arguments, journal, diff)
    return {**answer, "components": components(folder)}


def result(plan: Plan, diff: bool) -> dict[str, Any]:
    """Make the module's answer; the difference is read from disk, so before anything is written."""
    changes = plan.report()
    shown = [part for change in plan.changes for part in differences.shown(change)] if diff else []
    return {"changed": bool(changes), "changes": changes, "diff": shown}


def converge(manifest: dict[str, Any], journal: Journal, diff: bool) -> dict[str, Any]:
    """Do what the plan says; on an objection put all back."""
    plan = Plan(manifest, journal)
    answer = result(plan, diff)
    if answer["changed"] or journal.pending:
        differences.require_owners(plan.changes)
        armed = guard.arm(journal, manifest["sources"]) if manifest["guard"] and plan.changes else None
        if plan.changes or journal.pending:
            journal.begin(plan.changes, plan.written, armed)
        try:
            apply(manifest, plan, journal)
        except NodeError as error:
            raise objection(manifest, journal, str(error)) from None
        except OSError as error:
            raise objection(manifest, journal, refusal(error)) from None
        if armed:
            return {**answer, "confirm": armed}
    if manifest["state"] == "present":
        journal.finish(plan.written)
    else:
        journal.forget()
    return answer


def apply(manifest: dict[str, Any], plan: Plan, journal: Journal) -> None:
    """Change the paths, have the result checked, touch the units."""
    journal.note(services.before(plan.ending, plan.units))
    services.take(plan.ending, manifest["component"])
    for change in plan.changes:
        make(change)
    if plan.content_changed:
        if services.needs_daemon_reload(list(journal.entries)):
            services.daemon_reload()
        for argv in manifest["check"]:
            outcome = run(argv)
            if outcome.code:
                raise NodeError(f"`{' '.join(argv)}` refuses the new files (exit code {outcome.code}):\n{outcome.text}")
    journal.note(services.before(plan.steps, plan.units))
    services.take(plan.steps, manifest["component"])


def make(change: Change) -> None:
    """Change one path."""
    item = change.wanted
    if change.action == "remove":
        files.remove(item.path)
    elif item.kind == "directory":
        files.make_directory(item.path, change.uid, change.gid, item.mode)
    elif item.kind == "link":
        files.link(item.path, item.target)
    else:
        files.write(item.path, item.data, change.uid, change.gid, item.mode)


def objection(manifest: dict[str, Any], journal: Journal, message: str) -> NodeError:
    """Put the previous set back; make the error that says so, with no secret in it."""
    for word in sorted(manifest["secrets"], key=len, reverse=True):
        message = message.replace(word, "***")
    if not journal.pending:
        return NodeError(f"«{manifest['component']}»: {message}")
    if journal.guard:
        guard.disarm(journal.guard)
    try:
        journal.put_back()
    except (NodeError, OSError) as error:
        return NodeError(f"«{manifest['component']}»: {message}\nThe previous files could not all be put back: {error}")
    sentence, _, output = message.partition("\n")
    return NodeError(
        f"«{manifest['component']}»: {sentence.rstrip(':')}; the previous files are back.\n{output}".rstrip()
    )


def confirm(journal: Journal, name: str) -> dict[str, Any]:
    """End a guarded change: the new connection that asks for it is the proof."""
    with journal.locked():
        if journal.guard != name:
            return {"changed": False, "confirmed": False}
        guard.disarm(name)
        journal.finish(journal.promised)
    return {"changed": False, "confirmed": True}
