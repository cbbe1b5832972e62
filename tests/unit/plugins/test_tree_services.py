"""`tree` with units and checkers: what is touched when, and how all is put back."""

from __future__ import annotations

import json

import pytest
from component import Component, Systemd
from maillage import services
from maillage.command import NodeError

RELOADED = [{"name": "a.service", "on_change": "reload"}]


def test_first_run_enables_and_starts_then_nothing(component: Component, systemd: Systemd) -> None:
    wanted = {"files": {"service.conf": "1"}, "services": [*RELOADED, {"name": "t.timer", "on_change": "none"}]}
    expected = {("file", "service.conf", "create"), ("service", "a.service", "start"), ("service", "t.timer", "start")}
    assert component.changes(component.run(dry=True, **wanted)) == expected
    assert systemd.calls() == []
    assert component.changes(component.run(**wanted)) == expected
    assert systemd.calls() == [
        "enable a.service", "reset-failed a.service", "start a.service",
        "enable t.timer", "reset-failed t.timer", "start t.timer",
    ]  # fmt: skip
    assert component.run(**wanted)["changed"] is False
    assert len(systemd.calls()) == 6


@pytest.mark.parametrize(("on_change", "verb"), [("reload", "reload"), ("restart", "restart"), ("none", None)])
def test_changed_file_reloads_or_restarts(
    component: Component, systemd: Systemd, on_change: str, verb: str | None
) -> None:
    wanted = [{"name": "a.service", "on_change": on_change}]
    component.run(files={"service.conf": "1"}, services=wanted)
    answer = component.run(files={"service.conf": "2"}, services=wanted)
    assert systemd.calls()[3:] == ([f"{verb} a.service"] if verb else [])
    assert (("service", "a.service", verb) in component.changes(answer)) is bool(verb)


def test_stopped_or_disabled_units_are_mended(component: Component, systemd: Systemd) -> None:
    component.run(files={"service.conf": "1"}, services=RELOADED)
    (systemd.folder / "a.service.active").unlink()
    assert component.changes(component.run(services=RELOADED, files={"service.conf": "1"})) == {
        ("service", "a.service", "start")
    }
    (systemd.folder / "a.service.enabled").unlink()
    assert component.changes(component.run(services=RELOADED, files={"service.conf": "1"})) == {
        ("service", "a.service", "enable")
    }
    assert component.run(services=RELOADED, files={"service.conf": "1"})["changed"] is False


def test_changed_directory_alone_touches_no_unit(component: Component, systemd: Systemd) -> None:
    component.run(directories={"d": "0700"}, services=RELOADED)
    calls = systemd.calls()
    assert component.changes(component.run(directories={"d": "0750"}, services=RELOADED)) == {
        ("directory", "d", "change")
    }
    assert systemd.calls() == calls


def test_units_of_other_components_are_only_reloaded_and_only_when_they_run(
    component: Component, systemd: Systemd
) -> None:
    answer = component.run(files={"x": "1"}, reload=["web.service"])
    assert component.changes(answer) == {("file", "x", "create")}
    systemd.folder.joinpath("web.service.active").touch()
    answer = component.run(files={"x": "2"}, reload=["web.service"])
    assert component.changes(answer) == {("file", "x", "change"), ("service", "web.service", "reload")}
    component.run(state="absent", reload=["web.service"])
    assert systemd.calls() == ["try-reload-or-restart web.service"] * 2
    systemd.folder.joinpath("web.service.missing").touch()
    assert ("service", "web.service", "reload") in component.changes(
        component.run(dry=True, files={"x": "1"}, reload=["web.service"])
    )


def test_unit_files_are_read_again_and_units_that_go_are_stopped_first(component: Component, systemd: Systemd) -> None:
    wanted = {"services": [{"name": "own.timer", "on_change": "restart"}]}
    component.run(files={"units/own.timer": "1"}, **wanted)
    assert systemd.calls()[0] == "daemon-reload"
    answer = component.run(dry=True)
    assert component.changes(answer) == {("file", "units/own.timer", "remove"), ("service", "own.timer", "stop")}
    assert component.changes(component.run()) == component.changes(answer)
    assert systemd.calls()[-2:] == ["disable --now own.timer", "daemon-reload"]
    assert component.run()["changed"] is False


def test_live_state_that_differs_from_the_files_is_mended(component: Component, systemd: Systemd) -> None:
    drifted = component.folder / "drifted"
    probe = component.folder / "probe"
    wanted = {"files": {"service.conf": "1"}, "services": RELOADED, "live": [[str(probe)]]}
    component.run(**wanted)  # the probe is not there yet
    probe.write_text(f"#!/bin/sh\ntest ! -e {drifted}\n", encoding="utf-8")
    probe.chmod(0o755)
    assert component.run(**wanted)["changed"] is False
    drifted.touch()
    for dry in (True, False):
        assert component.changes(component.run(dry=dry, **wanted)) == {("service", "a.service", "reload")}
    assert systemd.calls()[-1] == "reload a.service"


def test_checker_that_objects_puts_everything_back(component: Component, systemd: Systemd) -> None:
    component.run(
        files={"service.conf": "old", "stale": "s", "sub/x": ("1", "0640")}, links={"l": "old"}, services=RELOADED
    )
    before, calls = component.snapshot(), systemd.calls()
    checker = ["sh", "-c", f"grep -q old {component.path('service.conf')} || {{ echo 'line 3: no' >&2; exit 2; }}"]
    with pytest.raises(NodeError) as caught:
        component.run(
            files={"service.conf": "new", "sub/x": ("2", "0600"), "fresh/y": "3"},
            directories={"made": "0700"},
            links={"l": "new", "m": "new"},
            check=[checker],
            services=RELOADED,
        )
    message = str(caught.value)
    assert message.startswith("«sample»: `sh -c")
    assert "refuses the new files (exit code 2); the previous files are back.\nline 3: no" in message
    assert component.snapshot() == before
    assert systemd.calls() == calls
    journal = json.loads((component.folder / "journals" / "sample" / "journal.json").read_text(encoding="utf-8"))
    assert journal["change"] == {}
    assert list((component.folder / "journals" / "sample" / "previous").iterdir()) == []


def test_checkers_run_only_after_a_change_and_never_in_check_mode(component: Component) -> None:
    wanted = {"files": {"a": "1"}, "check": [["sh", "-c", f"echo ran >> {component.folder}/ran"]]}
    component.run(dry=True, **wanted)
    assert not (component.folder / "ran").exists()
    component.run(**wanted)
    component.run(**wanted)
    assert (component.folder / "ran").read_text(encoding="utf-8") == "ran\n"


def test_a_checker_that_is_not_there_is_an_objection(component: Component) -> None:
    with pytest.raises(NodeError, match=r"(?s)refuses the new files \(exit code 127\).*there is no such program"):
        component.run(files={"a": "1"}, check=[["no-such-program"]])
    assert component.snapshot() == {}


@pytest.mark.parametrize("on_change", ["reload", "restart"])
def test_unit_that_refuses_the_new_files_runs_again_with_the_previous_ones(
    component: Component, systemd: Systemd, on_change: str
) -> None:
    wanted = [{"name": "a.service", "on_change": on_change}, {"name": "b.service", "on_change": "none"}]
    component.run(files={"service.conf": "old"}, services=wanted[:1])
    with pytest.raises(
        NodeError, match=rf"(?s)a.service did not {on_change}; the previous files are back.*cannot read BROKEN"
    ):
        component.run(files={"service.conf": "BROKEN"}, services=[wanted[1], wanted[0]])
    assert component.snapshot()["service.conf"] == ("file 644", "old")
    assert systemd.running("a.service") == "old"
    assert systemd.running("b.service") is None
    assert not (systemd.folder / "b.service.enabled").exists()


def test_unit_that_does_not_start_the_first_time_leaves_nothing_behind(component: Component, systemd: Systemd) -> None:
    with pytest.raises(NodeError, match=r"a\.service did not start; the previous files are back"):
        component.run(files={"service.conf": "BROKEN"}, services=RELOADED)
    assert component.snapshot() == {}
    assert not (systemd.folder / "a.service.enabled").exists()


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ("masked", "a.service is masked on this host: `systemctl unmask a.service` there"),
        ("missing", "there is no unit a.service on this host"),
    ],
)
def test_masked_and_missing_units_are_named(component: Component, systemd: Systemd, state: str, sentence: str) -> None:
    (systemd.folder / f"a.service.{state}").touch()
    with pytest.raises(NodeError, match=sentence):
        component.run(files={"x": "1"}, services=RELOADED)
    assert component.snapshot() == {}
    assert ("service", "a.service", "start") in component.changes(
        component.run(dry=True, files={"x": "1"}, services=RELOADED)
    )


def test_secret_words_do_not_come_back_in_messages(component: Component) -> None:
    checker = ["sh", "-c", f"cat {component.path('s')}; exit 1"]
    with pytest.raises(NodeError) as caught:
        component.run(files={"s": ("password = pr1v4te\n", "0600")}, secrets=["pr1v4te"], check=[checker])
    assert "password = ***" in str(caught.value)
    assert "pr1v4te" not in str(caught.value)


def test_a_component_that_never_was_stops_nothing(component: Component, systemd: Systemd) -> None:
    answer = component.run(state="absent", services=RELOADED)
    assert (answer["changed"], systemd.calls()) == (False, [])


def test_state_absent_stops_and_disables(component: Component, systemd: Systemd) -> None:
    component.run(files={"service.conf": "1"}, services=RELOADED)
    answer = component.run(state="absent", services=RELOADED)
    assert component.changes(answer) == {("file", "service.conf", "remove"), ("service", "a.service", "stop")}
    assert systemd.calls()[-1] == "disable --now a.service"
    assert component.run(state="absent", services=RELOADED)["changed"] is False


def shown(**given: str) -> services.Unit:
    """A unit as `systemctl show` describes it."""
    values = {
        "LoadState": "loaded", "ActiveState": "active", "SubState": "running", "UnitFileState": "enabled",
        "Type": "simple", "RemainAfterExit": "no", "ConditionResult": "yes", "ConditionTimestampMonotonic": "1",
    }  # fmt: skip
    return services.described("x.service", {**values, **given})


def test_units_that_need_not_run() -> None:
    refused = shown(ActiveState="inactive", ConditionResult="no")
    done = shown(ActiveState="inactive", Type="oneshot")
    never_tried = shown(ActiveState="inactive", ConditionResult="no", ConditionTimestampMonotonic="0")
    wanted = [{"name": "x.service", "on_change": "restart"}]
    assert services.steps_present(wanted, {"x.service": refused}, changed=False) == []
    assert services.steps_present(wanted, {"x.service": done}, changed=False) == []
    assert services.steps_present(wanted, {"x.service": done}, changed=True) == [("x.service", "start")]
    assert services.steps_present(wanted, {"x.service": never_tried}, changed=False) == [("x.service", "start")]


def test_unit_that_dies_and_is_restarted_again_and_again_does_not_count_as_active() -> None:
    assert shown(ActiveState="activating", SubState="auto-restart").active is False
    assert shown(ActiveState="activating", SubState="start").active is True
    assert shown(ActiveState="failed", Type="oneshot").settled is False


def test_static_units_are_started_and_never_enabled() -> None:
    unit = shown(UnitFileState="static")
    assert (
        services.steps_present([{"name": "x.service", "on_change": "none"}], {"x.service": unit}, changed=False) == []
    )
