"""Nextcloud made so: its release, apps, settings and peers, and who is let in; see plugins/modules/nextcloud.py."""

from __future__ import annotations

from maillage import nextcloud_apps, nextcloud_occ, nextcloud_plan, nextcloud_release, nextcloud_upgrade
from maillage.command import exists
from maillage.nextcloud_state import State, note_under_way, nothing_under_way

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from maillage.nextcloud_plan import Plan


def main(arguments: dict[str, Any], check: bool, diff: bool) -> dict[str, Any]:  # noqa: ARG001 - settings may be secret
    """Converge Nextcloud.

    Args:
        arguments: see plugins/modules/nextcloud.py; and `sent`: archives by their path on the controller, and where
            the action plugin has put them on this host.
        check: only say what would be done.
        diff: not used.
    """
    if arguments["ahead"]:
        return {"changed": False, "changes": []} if check else ahead(arguments)
    if not check:
        nextcloud_release.wait()
    state = known()
    plan = nextcloud_plan.compare(state, arguments)
    result: dict[str, Any] = {"changed": bool(plan.changes), "changes": plan.changes, "notices": plan.notices}
    if check or not plan.changes:
        return result
    if state.under_way.get("action") == "roll back":
        nextcloud_upgrade.roll_back(state.under_way["old"])
        state = known()
        plan = nextcloud_plan.compare(state, arguments)
    if "sent" not in arguments and (archives := needed(plan, arguments)):
        return {"changed": False, "changes": [], "archives_wanted": archives}
    if plan.release:
        bring(state, plan, arguments)
        # Installing and upgrading switch apps on and off, and know people: what is left to do is found anew.
        plan = nextcloud_plan.compare(known(), arguments)
    nextcloud_occ.set_up(plan)
    nextcloud_occ.subscribers(plan)
    if state.under_way or plan.release:
        nextcloud_occ.finish()
        nothing_under_way()
    # Last, so that an archive that is refused keeps nothing else from being done.
    for app, known_version in plan.given.items():
        archive = arguments["apps"]["archives"][app]
        nextcloud_apps.install(app, known_version, arguments["sent"][archive["path"]], archive)
    return result


def needed(plan: Plan, arguments: dict[str, Any]) -> list[str]:
    """Say which archives this host lacks; a new release may switch any app off, so all of them come with it."""
    archives = arguments["apps"].get("archives", {})
    apps = [app for app in archives if archives[app]["sha256"]] if plan.release else [*plan.given]
    release = [arguments["release"]["path"]] if plan.unpack else []
    return release + [archives[app]["path"] for app in apps]


def ahead(arguments: dict[str, Any]) -> dict[str, Any]:
    """Begin to unpack, where this host lacks the release; it is the task that needs it that reports the change."""
    nextcloud_release.wait()
    lacks = arguments["release"]["version"] not in State().releases
    path = arguments["release"]["path"]
    if lacks and "sent" in arguments:
        nextcloud_release.unpack_behind(arguments["sent"][path], arguments["release"])
        lacks = False
    return {"changed": False, "changes": [], "archives_wanted": [path] if lacks else []}


def known() -> State:
    """Read what is there; the database only when there is something in it, and all of it."""
    state = State()
    whole = state.installed and state.under_way.get("action") != "roll back"
    return state.read_database() if whole and exists("psql") else state


def bring(state: State, plan: Plan, arguments: dict[str, Any]) -> None:
    """Bring the release about: unpacked, installed or upgraded to."""
    if plan.unpack:
        nextcloud_release.unpack(arguments["sent"][arguments["release"]["path"]], arguments["release"])
    if not state.installed:
        killed = state.under_way.get("action") == "install"
        note_under_way("install", "", plan.release)
        nextcloud_release.switch(plan.release)
        nextcloud_occ.install(killed)
        nextcloud_occ.reload_php()
    elif state.installed[:3] != state.code[:3] or state.current != plan.release:
        nextcloud_upgrade.upgrade(state, plan.release)
        nextcloud_release.remove_others({plan.release, state.current}, state.releases)
