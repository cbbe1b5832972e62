"""A component on a scratch folder, and a small systemctl: what the tests of `tree` share."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from pathlib import Path
from typing import Any

SYSTEMCTL = """#!/bin/sh
# units remember the configuration that they were (re)started or reloaded with
state={state} root={root}
verb=$1; shift
echo $verb "$@" >> $state/log
read_configuration() {{
  if [ $1 = a.service ] && grep -qs BROKEN $root/service.conf; then
    echo "$1: cannot read BROKEN" >&2; rm -f $state/$1.active; exit 1
  fi
  cp $root/service.conf $state/$1.running 2>/dev/null || : > $state/$1.running
  touch $state/$1.active
}}
case $verb in
show)
  shift 3
  for unit; do
    load=loaded; [ -e $state/$unit.masked ] && load=masked; [ -e $state/$unit.missing ] && load=not-found
    active=inactive; [ -e $state/$unit.active ] && active=active
    enabled=disabled; [ -e $state/$unit.enabled ] && enabled=enabled
    echo "LoadState=$load"; echo "ActiveState=$active"; echo "SubState=running"; echo "UnitFileState=$enabled"
    echo "Type=notify"; echo "RemainAfterExit=no"; echo "ConditionResult=yes"; echo "ConditionTimestampMonotonic=1"
    echo
  done ;;
start) [ -e $state/$1.active ] || read_configuration $1 ;;
restart|reload|reload-or-restart) read_configuration $1 ;;
try-reload-or-restart) [ -e $state/$1.active ] && read_configuration $1 ;;
stop) rm -f $state/$1.active ;;
enable) touch $state/$1.enabled ;;
disable)
  for word; do unit=$word; done
  rm -f $state/$unit.enabled
  [ "$1" = --now ] && rm -f $state/$unit.active ;;
esac
exit 0
"""


class Systemd:
    """A systemctl whose units copy `root/service.conf` when they read it; a.service refuses one that says BROKEN."""

    def __init__(self, folder: Path, root: Path) -> None:
        self.folder, self.root = folder, root

    def install(self) -> None:
        """Write the program."""
        self.folder.mkdir(exist_ok=True)
        for name, text in (
            ("systemctl", SYSTEMCTL.format(state=self.folder, root=self.root)),
            ("systemd-run", f'#!/bin/sh\necho systemd-run "$@" >> {self.folder}/log\n'),
            ("journalctl", "#!/bin/sh\necho 'the unit says: cannot read BROKEN'\n"),
        ):
            program = self.folder / name
            program.write_text(text, encoding="utf-8")
            program.chmod(0o755)

    def running(self, unit: str) -> str | None:
        """What a unit runs with, or None when it does not run."""
        if not (self.folder / f"{unit}.active").exists():
            return None
        return (self.folder / f"{unit}.running").read_text(encoding="utf-8")

    def calls(self) -> list[str]:
        """Every call so far but `show`."""
        log = self.folder / "log"
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        return [line for line in lines if not line.startswith("show")]


class Component:
    """Builds manifests as the action plugin does, and runs the module's library on them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.root = folder, folder / "root"
        self.root.mkdir(exist_ok=True)
        self.owner, self.group = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name

    def path(self, name: str) -> str:
        """The absolute path of a name below the root."""
        return str(self.root / name)

    def manifest(self, **given: Any) -> dict[str, Any]:
        """A manifest; files: name to text or (text, mode); the other names relative to the root too."""
        files = {}
        for name, wanted in given.pop("files", {}).items():
            text, mode = wanted if isinstance(wanted, tuple) else (wanted, "0644")
            owned = {"owner": self.owner, "group": self.group, "mode": mode}
            files[self.path(name)] = {"content": text, **owned}
        directories = {
            self.path(name): {"owner": self.owner, "group": self.group, "mode": mode}
            for name, mode in given.pop("directories", {}).items()
        }
        return {
            "component": "sample",
            "state": "present",
            "files": files,
            "directories": directories,
            "links": {self.path(name): target for name, target in given.pop("links", {}).items()},
            "absent": [self.path(name) for name in given.pop("absent", [])],
            "check": [],
            "live": [],
            "services": [],
            "reload": [],
            "guard": False,
            "secrets": [],
            "sources": {},
            "journals": str(self.folder / "journals"),
            **given,
        }

    def run(self, dry: bool = False, diff: bool = False, **given: Any) -> dict[str, Any]:
        """Run the module's library."""
        from maillage import tree

        return tree.main(self.manifest(**given), check=dry, diff=diff)

    def changes(self, answer: dict[str, Any]) -> set[tuple[str, str, str]]:
        """The changes of an answer: kind, name below the root, action."""
        prefix = f"{self.root}/"
        return {(change["kind"], change["name"].removeprefix(prefix), change["action"]) for change in answer["changes"]}

    def snapshot(self) -> dict[str, tuple[str, str]]:
        """Everything below the root: name to its kind with mode, and its content or target."""
        found = {}
        for path in sorted(self.root.rglob("*")):
            there = path.lstat()
            mode = f"{stat.S_IMODE(there.st_mode):o}"
            if path.is_symlink():
                value = ("link", str(path.readlink()))
            elif path.is_dir():
                value = (f"directory {mode}", "")
            else:
                value = (f"file {mode}", path.read_bytes().decode("utf-8", "surrogateescape"))
            found[str(path.relative_to(self.root))] = value
        return found
