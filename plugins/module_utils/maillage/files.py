"""What stands at a path, and how to change it so that neither a kill nor a planted link can do harm.

Every step of a path is opened without following links, but for links that root itself made (/bin, /var/run): a service
that may write below /srv must not be able to lead root elsewhere. Files and links are made beside their place, then
renamed.
"""

from __future__ import annotations

import os
import stat
from collections import namedtuple
from contextlib import contextmanager

from maillage.command import NodeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

Standing = namedtuple("Standing", "kind uid gid mode size target")
Standing.__doc__ = "What is at a path: kind is absent, file, directory, link or other; mode the permission bits."
ABSENT = Standing("absent", -1, -1, 0, 0, "")
DIRECTORY_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
MOST_LINKS = 20
TRUSTED_OWNERS = {0, os.geteuid()}


@contextmanager
def opened(path: str) -> Iterator[int]:
    """Open a directory, each step of the way checked.

    Raises:
        FileNotFoundError: it is not there.
        NodeError: something that is not a directory, or a link that is not root's, is in the way.
    """
    descriptor = os.open("/", DIRECTORY_FLAGS)
    try:
        steps, passed, links = [step for step in path.split("/") if step], "", 0
        while steps:
            step = steps.pop(0)
            try:
                following = os.open(step, DIRECTORY_FLAGS, dir_fd=descriptor)
            except FileNotFoundError:
                raise
            except OSError:
                links += 1
                target = trusted_link(step, descriptor, f"{passed}/{step}", links)
                steps = [part for part in target.split("/") if part] + steps
                if not target.startswith("/"):
                    continue
                following, passed, step = os.open("/", DIRECTORY_FLAGS), "", ""
            os.close(descriptor)
            descriptor = following
            passed += f"/{step}" if step else ""
        yield descriptor
    finally:
        os.close(descriptor)


def trusted_link(name: str, directory: int, path: str, links: int) -> str:
    """Return where the link `name` leads, when following it is safe."""
    there = os.stat(name, dir_fd=directory, follow_symlinks=False)
    if not stat.S_ISLNK(there.st_mode):
        raise NodeError(f"{path} is not a directory: move it away, then deploy again")
    if there.st_uid not in TRUSTED_OWNERS or links > MOST_LINKS:
        raise NodeError(f"{path} is a link that is not to be trusted (it is not root's): remove it, then deploy again")
    return os.readlink(name, dir_fd=directory)


@contextmanager
def parent(path: str) -> Iterator[tuple[int, str]]:
    """Open the directory that holds `path`; give its descriptor and the last name."""
    folder, _, name = path.rpartition("/")
    with opened(folder) as directory:
        yield directory, name


def described(there: os.stat_result, target: str = "") -> Standing:
    """Turn what the system says of a path into a Standing."""
    kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link"}
    kind = kinds.get(stat.S_IFMT(there.st_mode), "other")
    return Standing(kind, there.st_uid, there.st_gid, stat.S_IMODE(there.st_mode), there.st_size, target)


def standing(path: str) -> Standing:
    """Say what is at `path` itself; a link is a link."""
    try:
        with parent(path) as (directory, name):
            there = os.stat(name, dir_fd=directory, follow_symlinks=False)
            return described(there, os.readlink(name, dir_fd=directory) if stat.S_ISLNK(there.st_mode) else "")
    except FileNotFoundError:
        return ABSENT


def standing_directory(path: str) -> Standing:
    """Say what directory is at `path`, or behind root's link there; NodeError when it is anything else."""
    try:
        with opened(path) as descriptor:
            return described(os.fstat(descriptor))
    except FileNotFoundError:
        if standing(path).kind != "absent":
            raise NodeError(f"{path} is a link that leads nowhere: remove it, then deploy again") from None
        return ABSENT


def is_empty(path: str) -> bool:
    """Say whether a directory is empty."""
    with opened(path) as descriptor:
        return not os.listdir(descriptor)


def content(path: str) -> bytes:
    """Read a regular file whole."""
    with parent(path) as (directory, name):
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
        with os.fdopen(descriptor, "rb") as file:
            return file.read()


def temporary(name: str) -> str:
    """Name the file that takes the place of `name`; fixed, so that the next run finds what a killed one left."""
    return f".{name[:200]}.maillage"


def clear(directory: int, name: str) -> None:
    """Remove what a killed run left beside `name`."""
    try:
        os.unlink(temporary(name), dir_fd=directory)
    except FileNotFoundError:
        return
    except IsADirectoryError:
        os.rmdir(temporary(name), dir_fd=directory)


def clear_path(path: str) -> None:
    """Remove what a killed run left beside `path`."""
    try:
        with parent(path) as (directory, name):
            clear(directory, name)
    except FileNotFoundError:
        return


def put(directory: int, name: str) -> None:
    """Move the temporary file to its place; an empty directory gives way."""
    try:
        os.rename(temporary(name), name, src_dir_fd=directory, dst_dir_fd=directory)
    except IsADirectoryError:
        os.rmdir(name, dir_fd=directory)
        os.rename(temporary(name), name, src_dir_fd=directory, dst_dir_fd=directory)
    os.fsync(directory)


def write(path: str, data: bytes, uid: int, gid: int, mode: int) -> None:
    """Put a file in place, whole, with its owner and mode, or not at all."""
    with parent(path) as (directory, name):
        clear(directory, name)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(temporary(name), flags, 0o600, dir_fd=directory), "wb") as file:
            file.write(data)
            file.flush()
            os.fchown(file.fileno(), uid, gid)
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        put(directory, name)


def link(path: str, target: str, uid: int = 0, gid: int = 0) -> None:
    """Put a symbolic link in place."""
    with parent(path) as (directory, name):
        clear(directory, name)
        os.symlink(target, temporary(name), dir_fd=directory)
        os.chown(temporary(name), uid, gid, dir_fd=directory, follow_symlinks=False)
        put(directory, name)


def make_directory(path: str, uid: int, gid: int, mode: int) -> None:
    """Put a directory in place with its owner and mode, or give these to the one that is there."""
    if standing(path).kind != "absent":
        set_directory(path, uid, gid, mode)
        return
    with parent(path) as (directory, name):
        clear(directory, name)
        os.mkdir(temporary(name), 0o700, dir_fd=directory)
        set_directory(f"{path.rpartition('/')[0]}/{temporary(name)}", uid, gid, mode)
        put(directory, name)


def set_directory(path: str, uid: int, gid: int, mode: int) -> None:
    """Give a directory its owner and mode."""
    with opened(path) as descriptor:
        os.fchown(descriptor, uid, gid)
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)


def remove(path: str) -> None:
    """Remove a file, a link or an empty directory, and what a killed run left beside it; a full directory stays."""
    try:
        with parent(path) as (directory, name):
            clear(directory, name)
            there = os.stat(name, dir_fd=directory, follow_symlinks=False)
            if not stat.S_ISDIR(there.st_mode):
                os.unlink(name, dir_fd=directory)
            elif is_empty(path):
                os.rmdir(name, dir_fd=directory)
            os.fsync(directory)
    except FileNotFoundError:
        return
