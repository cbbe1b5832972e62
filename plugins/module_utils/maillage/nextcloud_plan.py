"""What is to be done with Nextcloud, from what is there and what is wanted. Pure."""

from __future__ import annotations

import json

from maillage.command import NodeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from maillage.nextcloud_state import State


class Plan:
    """What is to be done.

    Attributes:
        changes: in the words that all modules of this project share.
        notices: what cannot be done here, and why.
        release: the version to bring about, or "".
        unpack: its code is not on this host yet.
        enable: apps to switch on.
        disable: apps to switch off.
        store: apps to install from the app store.
        given: apps to install from an archive, each with the version that this host had of it, or "".
        settings: app to key to value: those to set.
        suspend: login names to shut out.
        resume: login names to let in again.
        refresh: login names whose quota has changed in the directory.
        authorities: name to PEM: those to trust, too.
        trust: addresses of peers to exchange with from now on.
        distrust: addresses of those that are peers no longer.
    """

    def __init__(self) -> None:
        self.changes: list[dict[str, str]] = []
        self.notices: list[str] = []
        self.release = ""
        self.unpack = False
        self.enable: list[str] = []
        self.disable: list[str] = []
        self.store: list[str] = []
        self.given: dict[str, str] = {}
        self.settings: dict[str, dict[str, Any]] = {}
        self.suspend: list[str] = []
        self.resume: list[str] = []
        self.refresh: list[str] = []
        self.authorities: dict[str, str] = {}
        self.trust: list[str] = []
        self.distrust: list[str] = []

    def add(self, kind: str, name: str, action: str) -> None:
        """Add one change."""
        self.changes.append({"kind": kind, "name": name, "action": action})


def compare(state: State, wanted: dict[str, Any]) -> Plan:
    """Find what is to be done.

    Raises:
        NodeError: the wanted release cannot follow the one that is there.
    """
    plan = Plan()
    if wanted["release"]:
        release(plan, state, wanted["release"]["version"])
        apps(plan, state, wanted["apps"])
        settings(plan, state, wanted["settings"])
        authorities(plan, state, wanted["authorities"])
        peers(plan, state, wanted["peers"])
    subscribers(plan, state, wanted["subscribers"])
    return plan


def release(plan: Plan, state: State, version: str) -> None:
    """The release: installed, followed by a newer one, or what a killed run has left finished."""
    installed = state.installed[:3]
    number = tuple(int(part) for part in version.split(".")) if version else ()
    if not number:
        if not installed:
            raise NodeError("no archive of Nextcloud was given, and this host has none: `--nextcloud-archive PATH`")
        number = installed
    version = ".".join(str(part) for part in number)
    if number < installed:
        there = ".".join(str(part) for part in installed)
        raise NodeError(
            f"this host runs Nextcloud {there}, which cannot go back to {version}: give {there} or a later one"
        )
    if installed and number[0] > installed[0] + 1:
        raise NodeError(
            f"Nextcloud {installed[0]} cannot become {version} in one step: deploy the last release of "
            f"{installed[0] + 1} first"
        )
    if installed == number and state.current == version and not state.under_way:
        return
    fresh = not installed or state.under_way.get("action", "" if state.current else "install") == "install"
    plan.release, plan.unpack = version, version not in state.releases
    plan.add("release", version, "install" if fresh else "upgrade")


def apps(plan: Plan, state: State, wanted: dict[str, Any]) -> None:
    """Apps on and off; one that the partner declares is on, also when it is part of the release."""
    fresh = not state.installed
    part = [app for app in wanted["store"] if app in state.shipped]
    plan.enable = [app for app in [*wanted["enabled"], *part] if fresh or not state.enabled(app)]
    plan.disable = [app for app in wanted["disabled"] if app not in wanted["store"] and (fresh or state.enabled(app))]
    others = [app for app in wanted["store"] if app not in part]
    archives = {app: wanted["archives"].get(app) or {"path": "", "sha256": ""} for app in others}
    lacking = [app for app in archives if fresh or not state.enabled(app)]
    given = [app for app in lacking if archives[app]["sha256"]]
    plan.given = {app: state.settings.get(app, {}).get("installed_version", "") for app in given}
    plan.store = [app for app in lacking if app not in plan.given]
    if plan.store and not wanted["store_reached"]:
        names = ", ".join(plan.store)
        places = ", ".join(archives[app]["path"] for app in plan.store if archives[app]["path"])
        notice = f"apps not installed, because the app store is not reached from here: {names}"
        plan.notices.append(notice + (f"; give their archives as {places}" if places else ""))
        plan.store = []
    for action, chosen in (("enable", plan.enable), ("disable", plan.disable), ("install", [*plan.given, *plan.store])):
        for app in chosen:
            plan.add("app", app, action)


def settings(plan: Plan, state: State, wanted: dict[str, dict[str, Any]]) -> None:
    """Settings of apps."""
    for app, values in wanted.items():
        there = state.settings.get(app, {})
        if changed := {key: value for key, value in values.items() if not same(there.get(key), value)}:
            plan.settings[app] = changed
            plan.add("setting", app, "set")


def authorities(plan: Plan, state: State, wanted: dict[str, str]) -> None:
    """Who vouches for peers."""
    plan.authorities = {name: text for name, text in wanted.items() if state.authorities.get(name) != text}
    for name in plan.authorities:
        plan.add("authority", name, "trust")


def peers(plan: Plan, state: State, wanted: list[str]) -> None:
    """Whom to exchange with."""
    plan.trust = sorted(set(wanted) - state.trusted)
    plan.distrust = sorted(state.trusted - set(wanted))
    for action, urls in (("create", plan.trust), ("remove", plan.distrust)):
        for url in urls:
            plan.add("peer", url, action)


def same(there: str | None, wanted: str | list[str]) -> bool:
    """Say whether a setting is as it should be; Nextcloud keeps a list as JSON."""
    return there is not None and (there == wanted if isinstance(wanted, str) else json.loads(there) == wanted)


def subscribers(plan: Plan, state: State, wanted: list[dict[str, Any]]) -> None:
    """Who is let in, with how much room; who never came is the directory's business alone."""
    for subscriber in wanted:
        uid, active = subscriber["uid"], subscriber["state"] == "active"
        if active and uid in state.disabled:
            plan.resume.append(uid)
        if not active and uid in state.known and uid not in state.disabled:
            plan.suspend.append(uid)
        # Known without a quota: the first login, or the job that found the person, was cut short; no limit at all.
        if active and uid in state.known and state.quotas.get(uid) != human(subscriber["cloud_quota"]):
            plan.refresh.append(uid)
    for action, uids in (("suspend", plan.suspend), ("resume", plan.resume), ("change", plan.refresh)):
        for uid in uids:
            plan.add("account", f"cloud/{uid}", action)


def human(size: int) -> str:
    """Write a number of bytes as Nextcloud keeps a quota: 10000000000 is `9.3 GB`."""
    value, places = float(size), 0
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if value < 1024 or unit == "TB":
            break
        value, places = int(value / 1024 * 10**places + 0.5) / 10**places, 1
    return f"{value:.{1 if value % 1 else 0}f} {unit}"
