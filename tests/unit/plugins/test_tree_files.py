"""`tree` on a scratch folder: files, directories, links, what it removes and what it refuses."""

from __future__ import annotations

import os
import socket

import pytest
from component import Component
from maillage.command import NodeError


def test_first_run_writes_all_and_second_nothing(component: Component) -> None:
    wanted = {
        "files": {"a.conf": "one\n", "deep/er/b.conf": ("two\n", "0640"), "binary": "\udcff\x00\udcfe"},
        "directories": {"data": "0750"},
        "links": {"link": "/nowhere"},
    }
    first = component.run(**wanted)
    assert component.changes(first) == {
        ("file", "a.conf", "create"),
        ("file", "deep/er/b.conf", "create"),
        ("file", "binary", "create"),
        ("directory", "data", "create"),
        ("link", "link", "create"),
    }
    assert component.snapshot() == {
        "a.conf": ("file 644", "one\n"),
        "binary": ("file 644", "\udcff\x00\udcfe"),
        "data": ("directory 750", ""),
        "deep": ("directory 755", ""),
        "deep/er": ("directory 755", ""),
        "deep/er/b.conf": ("file 640", "two\n"),
        "link": ("link", "/nowhere"),
    }
    assert component.run(**wanted) == {"changed": False, "changes": [], "diff": [], "components": ["sample"]}


def test_check_mode_names_the_same_and_touches_nothing(component: Component) -> None:
    component.run(files={"a": "one\n", "gone": "x\n"})
    wanted = {"files": {"a": "two\n", "b": "new\n"}, "directories": {"d": "0755"}, "links": {"l": "a"}}
    before, journals = component.snapshot(), sorted((component.folder / "journals").rglob("*"))
    predicted = component.changes(component.run(dry=True, **wanted))
    assert component.snapshot() == before
    assert sorted((component.folder / "journals").rglob("*")) == journals
    assert component.changes(component.run(**wanted)) == predicted
    assert ("file", "gone", "remove") in predicted


def test_check_mode_on_a_bare_host_makes_no_folder_and_counts_unknown_owners_as_changes(component: Component) -> None:
    manifest = component.manifest(files={"a": "one\n"}, directories={"d": "0755"})
    manifest["files"][component.path("a")]["owner"] = "nobody-of-that-name"
    from maillage import tree

    answer = tree.main(manifest, check=True, diff=True)
    assert component.changes(answer) == {("file", "a", "create"), ("directory", "d", "create")}
    assert not (component.folder / "journals").exists()
    with pytest.raises(NodeError, match="there is no user nobody-of-that-name on this host"):
        tree.main(manifest, check=False, diff=False)
    assert component.snapshot() == {}


def test_what_it_wrote_and_no_longer_should_is_removed_and_nothing_else(component: Component) -> None:
    component.run(files={"kept": "1", "stale": "2"}, links={"stale-link": "kept"})
    (component.root / "foreign").write_text("3", encoding="utf-8")
    answer = component.run(files={"kept": "1"})
    assert component.changes(answer) == {("file", "stale", "remove"), ("link", "stale-link", "remove")}
    assert set(component.snapshot()) == {"kept", "foreign"}


def test_a_path_that_another_component_took_over_is_not_removed(component: Component) -> None:
    component.run(files={"moved": "1"})
    component.run(component="other", files={"moved": "1"})
    assert component.run()["changes"] == []
    assert set(component.snapshot()) == {"moved"}


def test_state_absent_removes_what_was_written_and_keeps_directories(component: Component) -> None:
    wanted = {"files": {"a": "1", "sub/b": "2"}, "links": {"l": "a"}, "directories": {"data": "0700"}}
    component.run(**wanted)
    (component.root / "data" / "of-a-subscriber").write_text("kept", encoding="utf-8")
    answer = component.run(state="absent", **wanted)
    assert component.changes(answer) == {("file", "a", "remove"), ("file", "sub/b", "remove"), ("link", "l", "remove")}
    assert set(component.snapshot()) == {"data", "data/of-a-subscriber", "sub"}
    assert list((component.folder / "journals").iterdir()) == []
    assert component.run(state="absent", **wanted)["changed"] is False


def test_stock_files_that_must_not_be_there_are_removed(component: Component) -> None:
    (component.root / "default").symlink_to("/elsewhere")
    (component.root / "empty").mkdir()
    answer = component.run(absent=["default", "empty", "never-was"])
    assert component.changes(answer) == {("link", "default", "remove"), ("directory", "empty", "remove")}


def test_link_or_empty_directory_in_the_place_of_a_file_gives_way(component: Component) -> None:
    target = component.folder / "target"
    target.write_text("untouched", encoding="utf-8")
    (component.root / "a").symlink_to(target)
    (component.root / "b").mkdir()
    component.run(files={"a": "mine", "b": "mine"})
    assert target.read_text(encoding="utf-8") == "untouched"
    assert component.snapshot() == {"a": ("file 644", "mine"), "b": ("file 644", "mine")}


@pytest.mark.parametrize("dry", [True, False])
def test_full_directory_or_socket_in_the_place_of_a_file_is_refused(
    component: Component, dry: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    (component.root / "full").mkdir()
    (component.root / "full" / "work").write_text("somebody's", encoding="utf-8")
    with pytest.raises(NodeError, match="full is a directory that is not empty, not a file: move it away"):
        component.run(dry=dry, files={"full": "x", "other": "y"})
    assert set(component.snapshot()) == {"full", "full/work"}
    monkeypatch.chdir(component.root)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind("s")
    with pytest.raises(NodeError, match="s is neither a file nor a directory nor a link"):
        component.run(dry=dry, files={"s": "x"})


@pytest.mark.parametrize("wanted", [{"directories": {"d": "0755"}}, {"files": {"d/x": "1"}}, {"links": {"d/x": "1"}}])
def test_file_in_the_place_of_a_directory_is_refused(component: Component, wanted: dict) -> None:
    (component.root / "d").write_text("somebody's", encoding="utf-8")
    with pytest.raises(NodeError, match="d is not a directory: move it away"):
        component.run(**wanted)


def test_dangling_link_in_the_place_of_a_directory_is_refused(component: Component) -> None:
    (component.root / "d").symlink_to("nowhere")
    with pytest.raises(NodeError, match="d is a link that leads nowhere"):
        component.run(directories={"d": "0755"})


@pytest.mark.skipif(os.geteuid() != 0, reason="giving a link away needs root")
def test_a_link_that_a_service_planted_is_not_followed(component: Component) -> None:
    outside = component.folder / "outside"
    outside.mkdir()
    (component.root / "data").symlink_to(outside)
    os.chown(component.root / "data", 65534, 65534, follow_symlinks=False)
    for wanted in ({"files": {"data/x": "1"}}, {"directories": {"data": "0700"}}, {"directories": {"data/y": "0700"}}):
        with pytest.raises(NodeError, match="data is a link that is not to be trusted"):
            component.run(**wanted)
    assert list(outside.iterdir()) == []


def test_a_link_that_root_made_to_a_directory_counts_as_the_directory(component: Component) -> None:
    volume = component.folder / "volume"
    volume.mkdir()
    (component.root / "data").symlink_to("../volume")
    component.run(files={"data/x": "1"}, directories={"data": "0710"})
    assert (volume / "x").read_text(encoding="utf-8") == "1"
    assert volume.stat().st_mode & 0o777 == 0o710
    assert (component.root / "data").is_symlink()


def test_hard_link_to_another_file_is_cut_rather_than_written_through(component: Component) -> None:
    other = component.folder / "other"
    other.write_text("other", encoding="utf-8")
    os.link(other, component.root / "a")
    component.run(files={"a": ("other", "0600")})
    assert other.stat().st_mode & 0o777 != 0o600
    assert component.snapshot()["a"] == ("file 600", "other")


def test_diff_shows_contents_and_attributes_but_no_secret(component: Component) -> None:
    component.run(
        files={
            "a": "first-version\n",
            "s": ("hidden-old\n", "0640"),
            "was-secret": ("hidden-2\n", "0600"),
            "gone": ("hidden-3", "0600"),
        }
    )
    answer = component.run(
        dry=True, diff=True, files={"a": ("two\n", "0600"), "s": ("hidden-new\n", "0640"), "was-secret": "now open\n"}
    )
    text = repr(answer)
    assert "hidden" not in text
    assert "first-version" not in text  # it becomes secret
    assert f"{component.path('s')}: secret content differs" in text
    answer = component.run(dry=True, diff=True, files={"a": ("three\n", "0755"), "s": ("hidden-old\n", "0640")})
    shown = {part["before_header"]: (part["before"], part["after"]) for part in answer["diff"] if "before" in part}
    assert shown[component.path("a")] == ("first-version\n", "three\n")
    assert "mode: 0644" in shown[f"{component.path('a')} (file)"][0]
    assert "mode: 0755" in shown[f"{component.path('a')} (file)"][1]


@pytest.mark.parametrize("name", ["", "..", "a/b", "a b", "."])
def test_component_names_that_are_no_folder_names_are_refused(component: Component, name: str) -> None:
    with pytest.raises(NodeError, match="is not the name of a component"):
        component.run(component=name)
