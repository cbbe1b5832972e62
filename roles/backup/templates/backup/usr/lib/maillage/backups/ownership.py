"""Whom restored files belong to: the numbers of users differ from host to host, their names do not."""

import os


def numbers(path):
    """Numbers by name, of passwd(5) or group(5)."""
    with open(path) as file:
        return {name: int(number) for name, _, number, *_ in (line.split(":") for line in file if ":" in line)}


def changes(recorded, own):
    """Which number becomes which, where both hosts know the name."""
    return {number: own[name] for name, number in recorded.items() if own.get(name, number) != number}


def give(folder, recorded):
    """Give a folder and all in it to the users of this host; not to be done twice.

    Args:
        folder: with the numbers of the host that made the backup.
        recorded: its `users` and `groups`.
    """
    users = changes(recorded["users"], numbers("/etc/passwd"))
    groups = changes(recorded["groups"], numbers("/etc/group"))
    if not users and not groups:
        return
    for path, _, names in os.walk(folder):
        for place in (path, *(os.path.join(path, name) for name in names)):
            found = os.lstat(place)
            user, group = users.get(found.st_uid, -1), groups.get(found.st_gid, -1)
            if (user, group) != (-1, -1):
                os.chown(place, user, group, follow_symlinks=False)
                if os.lstat(place).st_mode != found.st_mode:  # a change of owner takes some bits away
                    os.chmod(place, found.st_mode & 0o7777)
