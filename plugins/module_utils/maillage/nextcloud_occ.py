"""What only Nextcloud's own command can do: install, apps, settings, accounts, maintenance."""

from __future__ import annotations

import json
import os
import re

from maillage import files
from maillage.command import NodeError, Outcome, run
from maillage.nextcloud_state import CODE, CONFIG, DATABASE, query

TYPE_CHECKING = False
if TYPE_CHECKING:
    from maillage.nextcloud_plan import Plan

OCC = "/usr/lib/maillage/occ"
PEERS = "/usr/lib/maillage/nextcloud-peers"
SECONDS = 600
HOURS = 6 * 3600  # an upgrade rewrites every row of what may be large tables
INSTALL = [
    *("maintenance:install", "--database=pgsql", "--database-host=/run/postgresql", "--database-user=nextcloud"),
    # The socket knows who we are: there is no password. And no administrator: the partner has `occ`.
    *(f"--database-name={DATABASE}", "--database-pass=", "--disable-admin-user"),
    "--data-dir=/srv/maillage/nextcloud/data",
]


def occ(*words: str, stdin: str = "", seconds: float = SECONDS) -> Outcome:
    """Run `occ`; secrets go through `stdin`.

    Raises:
        NodeError: it did not end well.
    """
    outcome = attempt(*words, stdin=stdin, seconds=seconds)
    if outcome.code:
        raise NodeError(f"`occ {words[0]}` failed (exit code {outcome.code}): {complaint(outcome)}")
    return outcome


def complaint(outcome: Outcome) -> str:
    """Say what `occ` said, without the trace that it prints below."""
    lines = [line.strip() for line in (outcome.error or outcome.output).splitlines()]
    said = [line for line in lines if line and not re.match(r"In \S+ line \d+:|Stack trace:|#\d+ |\{", line)]
    return " ".join(said[:3])[:500] or "it said nothing; see `journalctl -t nextcloud`"


def attempt(*words: str, stdin: str = "", seconds: float = SECONDS) -> Outcome:
    """Run `occ`, however it ends."""
    return run([OCC, words[0], "--no-interaction", "--no-ansi", *words[1:]], stdin=stdin, timeout=seconds)


def install(killed: bool) -> None:
    """Fill the empty database and write config.php.

    Args:
        killed: an earlier run was killed in here: what is in the database is its.

    Raises:
        NodeError: the database is somebody's.
    """
    if killed:
        recreate_database()
    elif query("SELECT 1 FROM pg_tables WHERE schemaname = 'public' LIMIT 1;"):
        raise NodeError(
            f"the database has Nextcloud's tables, but {CONFIG}/config.php is missing or unfinished: put it back "
            "from a backup, then deploy again"
        )
    import pwd

    owner = pwd.getpwnam("nextcloud")
    files.write(f"{CONFIG}/CAN_INSTALL", b"", owner.pw_uid, owner.pw_gid, 0o640)
    occ(*INSTALL)


def recreate_database() -> None:
    """Have an empty database in place of what is there."""
    for command in (["dropdb", "--force", "--if-exists", DATABASE],
                    ["createdb", f"--owner={DATABASE}", "--template=template0", DATABASE]):  # fmt: skip
        outcome = run(["runuser", "-u", "postgres", "--", *command])
        if outcome.code:
            raise NodeError(f"the database could not be made anew:\n{outcome.text}")


def set_up(plan: Plan) -> None:
    """Apps, settings, authorities, peers; those that are wanted and differ."""
    if plan.enable:
        occ("app:enable", *plan.enable)
    for app in plan.store:
        occ("app:install", app)
    if plan.disable:
        occ("app:disable", *plan.disable)
    plain: dict[str, dict[str, str]] = {}
    for app, values in plan.settings.items():
        plain[app] = {key: value for key, value in values.items() if isinstance(value, str)}
        for key in values.keys() - plain[app].keys():  # `config:import` knows no lists
            occ("config:app:set", app, key, "--type=array", f"--value={json.dumps(values[key])}")
    if any(plain.values()):
        occ("config:import", stdin=json.dumps({"apps": plain}))
    for name, text in plan.authorities.items():
        path = f"{CODE}/{name}"
        files.write(path, text.encode(), os.geteuid(), os.getegid(), 0o644)
        occ("security:certificates:import", path)
        files.remove(path)
    if plan.trust or plan.distrust:
        outcome = run([PEERS], stdin=json.dumps({"add": plan.trust, "remove": plan.distrust}))
        if outcome.code:
            raise NodeError(f"the peers could not be changed (exit code {outcome.code}): {complaint(outcome)}")


def subscribers(plan: Plan) -> None:
    """Shut out, let in, and have the directory read again."""
    for uid in plan.suspend:
        occ("user:disable", uid)
    for uid in plan.resume:
        occ("user:enable", uid)
    for uid in plan.refresh:
        occ("ldap:check-user", "--update", uid)


def finish() -> None:
    """What a release asks for once, when it is new."""
    for words in (["db:add-missing-columns"], ["db:add-missing-primary-keys"], ["db:add-missing-indices"],
                  ["maintenance:repair", "--include-expensive"]):  # fmt: skip
        occ(*words, seconds=HOURS)
    # The background jobs for the first time, without waiting for them.
    run(["systemctl", "start", "--no-block", "maillage-nextcloud-cron.service"])


def reload_php() -> None:
    """Have PHP forget the code that it has in memory."""
    outcome = run(["systemctl", "try-reload-or-restart", "php8.4-fpm.service"])
    if outcome.code:
        raise NodeError(f"php8.4-fpm.service did not reload:\n{outcome.text}")
