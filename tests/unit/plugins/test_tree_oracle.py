"""The oracle: for 200 random drifts, `tree` in check mode names exactly what the stock modules name, and mends it; when
the component's checker objects, every drift is what it was."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playbook import Playbook, Played, names

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="other owners and a mount namespace need root")

SEED = 20_251_122
RENDERED, COPIED, DIRECTORIES, LINKS, ABSENT, UNTOUCHED = 110, 40, 20, 15, 15, 20
DRIFTS = RENDERED + COPIED + DIRECTORIES + LINKS + ABSENT
OWNERS = [
    ("root", "root", "0644"),
    ("daemon", "root", "0640"),
    ("root", "games", "0600"),
    ("nobody", "nogroup", "0755"),
]
TEXT = "{{ ansible_managed | comment }}\n{% for word in words %}\n{{ word }} #NUMBER#\n{% endfor %}\n"
# A scratch /var/lib: nothing of the machine's own state is touched.
APART = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs tmpfs /var/lib && exec "$@"', "sh")


def other_content(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"drift\n")


def same_length(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-2] + b"x\n")


def other_mode(path: Path) -> None:
    path.chmod((path.stat().st_mode & 0o777) ^ 0o011)


def other_owner(path: Path) -> None:
    os.chown(path, 4711, -1)


def other_group(path: Path) -> None:
    os.chown(path, -1, 4711)


def missing(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    else:
        path.unlink()


def link_instead(path: Path) -> None:
    """A link to a file that has the very content that is wanted."""
    kept = path.with_name(path.name + ".kept")
    path.rename(kept)
    path.symlink_to(kept)


def directory_instead(path: Path) -> None:
    path.unlink()
    path.mkdir()


def other_target(path: Path) -> None:
    path.unlink()
    path.symlink_to("/elsewhere")


def there(path: Path) -> None:
    path.write_text("of a package", encoding="utf-8")


def linked(path: Path) -> None:
    path.symlink_to("/elsewhere")


Drift = Callable[[Path], None]
OF_FILES: list[Drift] = [
    other_content,
    same_length,
    other_mode,
    other_owner,
    other_group,
    missing,
    link_instead,
    directory_instead,
]
OF_DIRECTORIES: list[Drift] = [other_mode, other_owner, other_group, missing]
OF_LINKS: list[Drift] = [other_target, missing]
OF_ABSENT: list[Drift] = [there, linked]


class Sample:
    """A component with every kind of path, and the same asked of the stock modules."""

    def __init__(self, folder: Path) -> None:
        self.random = random.Random(SEED)
        self.root = folder / "root"
        # Two hosts, both this machine: each does half of the stock tasks.
        connection = {"ansible_connection": "local"}
        self.playbook = Playbook(folder / "play", {"first": connection, "second": connection}, APART)
        self.files: dict[str, dict[str, str]] = {}
        for number in range(RENDERED + UNTOUCHED):
            path = self.wanted(number, f"rendered/{number % 7}")
            self.playbook.template("sample", f"{path}.j2", TEXT.replace("#NUMBER#", str(number)))
        for number in range(RENDERED + UNTOUCHED, RENDERED + UNTOUCHED + COPIED):
            content = self.random.randbytes(self.random.randrange(2, 3000)) + b"\n"
            self.playbook.template("sample", self.wanted(number, "copied"), content)
        self.directories = {f"{self.root}/directories/{number}": self.owned(number) for number in range(DIRECTORIES)}
        self.links = {f"{self.root}/links/{number}": f"/target/{number}" for number in range(LINKS)}
        self.absent = [f"{self.root}/absent/{number}" for number in range(ABSENT)]
        self.words = {"words": ["été", "a b", "{{ '{{ raw }}' }}"]}

    def owned(self, number: int) -> dict[str, str]:
        owner, group, mode = OWNERS[number % len(OWNERS)]
        return {"owner": owner, "group": group, "mode": mode}

    def wanted(self, number: int, folder: str) -> str:
        path = f"{self.root}/{folder}/{number}.conf"
        self.files[path] = self.owned(number)
        return path

    def converge(self) -> Played:
        (self.root / "absent").mkdir(parents=True, exist_ok=True)
        return self.tree()

    def tree(self, *options: str, **arguments: Any) -> Played:
        task = {
            "component": "sample",
            "attributes": self.files,
            "directories": self.directories,
            "links": self.links,
            "absent": self.absent,
            **arguments,
        }
        return self.playbook.play([{"tree": task}], "--limit", "first", *options, **self.words)

    def stock(self) -> set[str]:
        """The paths that the stock modules would change."""
        templates = self.playbook.templates / "sample"
        rendered = [
            {
                "module": {
                    "src": f"sample{path}.j2" if (templates / f"{path}.j2".lstrip("/")).exists() else "",
                    "dest": path,
                    **owned,
                }
            }
            for path, owned in self.files.items()
        ]
        items: dict[str, list[dict[str, Any]]] = {
            "ansible.builtin.template": [item["module"] for item in rendered if item["module"]["src"]],
            "ansible.builtin.copy": [
                {**item["module"], "src": f"{templates}{item['module']['dest']}"}
                for item in rendered
                if not item["module"]["src"]
            ],
            "ansible.builtin.file": [
                *({"path": path, "state": "directory", **owned} for path, owned in self.directories.items()),
                *(
                    {"path": path, "state": "link", "src": target, "follow": False, "force": True}
                    for path, target in self.links.items()
                ),
                *({"path": path, "state": "absent"} for path in self.absent),
            ],
        }
        half = "{{ wanted[groups['all'].index(inventory_hostname) :: 2] }}"
        tasks = []
        for action, wanted in items.items():
            options = {
                name: f"{{{{ item.{name} | default(omit) }}}}"
                for name in sorted({key for entry in wanted for key in entry})
            }
            tasks.append({action: options, "loop": half, "vars": {"wanted": wanted}, "loop_control": {"label": "x"}})
        played = self.playbook.play(tasks, "--check", **self.words)
        assert played.code == 0, played.output[-3000:]
        changed = set()
        for _, _, result in played.results:
            if "item" in result and result["changed"]:
                changed.add(result["item"].get("dest") or result["item"]["path"])
        assert sum("item" in result for _, _, result in played.results) == sum(map(len, items.values()))
        return changed

    def state(self) -> dict[str, tuple[Any, ...]]:
        """Every path below the root, but what the drifts put aside: owner, group, mode, and content or target."""
        found = {}
        for path in self.root.rglob("*"):
            if path.suffix != ".kept":
                there = path.lstat()
                content = str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else ""
                found[str(path)] = (there.st_uid, there.st_gid, there.st_mode, content)
        return found

    def drift(self) -> dict[str, str]:
        """Make 200 drifts; path to the drift's name."""
        files = list(self.files)
        chosen = self.random.sample(files[: RENDERED + UNTOUCHED], RENDERED) + files[RENDERED + UNTOUCHED :]
        made = {}
        for paths, kinds in (
            (chosen, OF_FILES),
            (self.directories, OF_DIRECTORIES),
            (self.links, OF_LINKS),
            (self.absent, OF_ABSENT),
        ):
            for path in paths:
                drift = self.random.choice(kinds)
                drift(Path(path))
                made[path] = drift.__name__
        return made


def test_tree_names_what_the_stock_modules_name_and_mends_it(tmp_path: Path) -> None:
    sample = Sample(tmp_path)
    played = sample.converge()
    assert played.code == 0, played.output[-3000:]
    assert sample.tree("--check").of("tree")["changed"] is False
    converged = sample.state()

    drifts = sample.drift()
    assert len(drifts) == DRIFTS == 200
    predicted = names(sample.tree("--check").of("tree"))
    by_stock = sample.stock()
    assert by_stock == set(drifts)
    by_tree = {name for _, name, _ in predicted}
    assert by_tree == by_stock, {name: drifts.get(name) for name in by_stock ^ by_tree}

    drifted = sample.state()
    objected = sample.tree(check=[["false"]])
    assert objected.code != 0
    assert "`false` refuses the new files (exit code 1); the previous files are back" in objected.output
    assert sample.state() == drifted
    assert names(sample.tree().of("tree")) == predicted
    assert sample.state() == converged
    assert sample.tree("--check").of("tree")["changed"] is False
