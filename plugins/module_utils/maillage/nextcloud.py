"""Nextcloud made so: its release, apps, settings and peers, and who is let in; see plugins/modules/nextcloud.py."""

from __future__ import annotations

from maillage import nextcloud_occ, nextcloud_plan, nextcloud_release, nextcloud_upgrade
from maillage.command import exists
from maillage.nextcloud_state import State, note_under_way, nothing_under_way

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from maillage.nextcloud_plan import Plan


def main(arguments: dict[str, Any], check: bool, diff: bool) -> dict[str, Any]:  # noqa: ARG001 - settings may be secret
    """Converge Nextcloud.

    Args:
        arguments: see plugins/modules/nextcloud.py; and `archive`, where the action plugin has put it on this host.
        check: only say what would be done.
        diff: not used.
    """
    state = known()
    plan = nextcloud_plan.compare(state, arguments)
    result: dict[str, Any] = {"changed": bool(plan.changes), "changes": plan.changes, "notices": plan.notices}
    if check or not plan.changes:
        return result
    if plan.unpack and not arguments.get("archive"):
        return {"changed": False, "changes": [], "archive_wanted": True}
    if plan.release:
        bring(state, plan, arguments)
        # Installing and upgrading switch apps on and off, and know people: what is left to do is found anew.
        plan = nextcloud_plan.compare(known(), arguments)
    nextcloud_occ.set_up(plan)
    nextcloud_occ.subscribers(plan)
    if state.under_way or plan.release:
        nextcloud_occ.finish()
        nothing_under_way()
    return result


def known() -> State:
    """Read what is there; the database only when there is something in it."""
    state = State()
    return state.read_database() if state.installed and exists("psql") else state


def bring(state: State, plan: Plan, arguments: dict[str, Any]) -> None:
    """Bring the release about: unpacked, installed or upgraded to."""
    if state.under_way.get("action") == "roll back":
        nextcloud_upgrade.roll_back(state.under_way["old"])
        state = known()
    if plan.unpack:
        nextcloud_release.unpack(arguments["archive"], arguments["release"])
    if not state.installed:
        killed = state.under_way.get("action") == "install"
        note_under_way("install", "", plan.release)
        nextcloud_release.switch(plan.release)
        nextcloud_occ.install(killed)
        nextcloud_occ.reload_php()
    elif state.installed[:3] != state.code[:3] or state.current != plan.release:
        nextcloud_upgrade.upgrade(state, plan.release)
        nextcloud_release.remove_others({plan.release, state.current}, state.releases)
