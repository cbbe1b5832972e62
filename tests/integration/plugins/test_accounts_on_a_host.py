"""`accounts` with the real slapd, configured by role `directory`."""

from __future__ import annotations

import os
import shutil

import pytest
from playbook import REPOSITORY, Playbook, names
from plugin_host import HOST, on_host

from orchestrator.providers.lab import Lab

pytestmark = [pytest.mark.lab, pytest.mark.skipif(os.geteuid() != 0, reason="a lab host needs root")]

SUFFIX = "dc=essai,dc=maillage,dc=test"
SERVER = {"packages": {"names": ["slapd", "ldap-utils"], "debconf": ["slapd slapd/no_configuration boolean true"]}}
DIRECTORY = {
    "tree": {
        "component": "directory",
        "attributes": {"/etc/ldap/slapd.conf": {"group": "openldap", "mode": "0640"}},
        "directories": {"/srv/maillage/directory": {"owner": "openldap", "group": "openldap", "mode": "0700"}},
        "check": [["slaptest", "-u", "-f", "/etc/ldap/slapd.conf"]],
        "services": [{"name": "slapd.service", "on_change": "restart"}],
    }
}
PERSON = {
    "uid": "exemple",
    "name": "Élise d'Exemple",
    "mail": "e@essai.maillage.test",
    "cloud_quota": 10**10,
    "state": "active",
}
OTHER = {
    "uid": "autre",
    "name": "Autre",
    "mail": "autre@essai.maillage.test",
    "state": "suspended",
}
SECOND = "y'\"$(reboot)\\"
FIRST = "första-lösenord '''"


def accounts(*people: dict, service: str = "of the service", **given: object) -> dict:
    """The task, for one service and these subscribers."""
    services = [{"name": "radicale", "password": service}]
    first = {"exemple": FIRST, "autre": SECOND}
    return {
        "accounts": {
            "suffix": SUFFIX,
            "services": services,
            "subscribers": list(people),
            "first_passwords": first,
            **given,
        }
    }


@pytest.fixture
def play(play: Playbook) -> Playbook:
    """Plays with the templates of role `directory`."""
    shutil.copytree(REPOSITORY / "roles" / "directory" / "templates" / "directory", play.templates / "directory")
    return play


def changes(play: Playbook, task: dict, *options: str) -> set[tuple[str, str]]:
    """Run the task; name and action of each change."""
    played = play.play([task], *options)
    assert played.code == 0, played.output
    return {(name, action) for kind, name, action in names(played.of("accounts")) if kind == "account"}


def logs_in(lab: Lab, name: str, password: str) -> bool:
    """Whether an account may log in."""
    program = f"""
import subprocess
argv = ["ldapwhoami", "-x", "-H", "ldapi:///", "-D", {name!r} + ",{SUFFIX}", "-y", "/dev/stdin"]
print(subprocess.run(argv, input={password!r}.encode(), capture_output=True).returncode)
"""
    from orchestrator.ssh import PYTHON

    return lab.connection(HOST.name).run(program, interpreter=PYTHON).stdout.strip() == "0"


def test_life_of_accounts(lab: Lab, play: Playbook) -> None:
    created = {("services/radicale", "create"), ("exemple", "create"), ("autre", "create")}
    assert changes(play, accounts(PERSON, OTHER), "--check") == created  # no slapd yet
    played = play.play([SERVER, DIRECTORY], __directory_suffix=SUFFIX, directory_password_writers=["nextcloud"])
    assert played.code == 0, played.output
    assert changes(play, accounts(PERSON, OTHER), "--check") == created  # an empty directory
    assert changes(play, accounts(PERSON, OTHER)) == created
    assert changes(play, accounts(PERSON, OTHER)) == set()
    assert logs_in(lab, "uid=exemple,ou=people", FIRST)
    assert logs_in(lab, "uid=autre,ou=people", SECOND)
    assert logs_in(lab, "cn=radicale,ou=services", "of the service")
    assert not logs_in(lab, "uid=exemple,ou=people", "another")
    stored = on_host(
        lab, f"ldapsearch -LLL -Q -Y EXTERNAL -H ldapi:/// -o ldif-wrap=no -b {SUFFIX} userPassword | grep Password"
    )
    assert stored.count("userPassword:: e0FSR09OMn0kYXJnb24yaWQk") == 3  # {ARGON2}$argon2id$


def test_own_password_stays_and_reset_gives_the_first_again(lab: Lab, play: Playbook) -> None:
    own = "uid=exemple,ou=people"
    on_host(lab, f'printf %s "{FIRST}" > /run/old; printf own > /run/new')
    on_host(lab, f"ldappasswd -H ldapi:/// -x -D {own},{SUFFIX} -y /run/old -T /run/new")
    assert changes(play, accounts({**PERSON, "mail": "new@essai.maillage.test"}, OTHER)) == {("exemple", "change")}
    assert logs_in(lab, own, "own")
    assert changes(play, accounts(PERSON, OTHER, reset=["exemple"])) == {("exemple", "change"), ("exemple", "reset")}
    assert logs_in(lab, own, FIRST)
    assert not logs_in(lab, own, "own")


def test_service_password_is_made_to_agree(lab: Lab, play: Playbook) -> None:
    assert changes(play, accounts(PERSON, OTHER, service="new")) == {("services/radicale", "reset")}
    assert logs_in(lab, "cn=radicale,ou=services", "new")
    on_host(
        lab,
        f"printf drift > /run/new; ldappasswd -Q -Y EXTERNAL -H ldapi:/// -T /run/new cn=radicale,ou=services,{SUFFIX}",
    )
    assert changes(play, accounts(PERSON, OTHER, service="new"), "--check") == {("services/radicale", "reset")}
    assert changes(play, accounts(PERSON, OTHER, service="new")) == {("services/radicale", "reset")}
    assert changes(play, accounts(PERSON, OTHER, service="new")) == set()


def test_suspend_resume_remove_with_slapd_stopped_in_between(lab: Lab, play: Playbook) -> None:
    here = {"service": "new"}
    assert changes(play, accounts(OTHER, **here)) == {("exemple", "suspend")}
    on_host(lab, "systemctl stop slapd.socket slapd 2>/dev/null || systemctl stop slapd")
    task = accounts({**PERSON, "state": "active"}, **here, remove=["autre"])
    planned = changes(play, task, "--check")
    assert planned == {("exemple", "resume"), ("autre", "remove")}
    on_host(lab, "systemctl start slapd")
    assert changes(play, task) == planned
    assert "maillageState: active" in on_host(
        lab, f"ldapsearch -LLL -Q -Y EXTERNAL -H ldapi:/// -b {SUFFIX} uid=exemple"
    )
    assert "autre" not in on_host(lab, f"ldapsearch -LLL -Q -Y EXTERNAL -H ldapi:/// -b {SUFFIX} dn")


def test_refusals_are_one_sentence_without_secrets(lab: Lab, play: Playbook) -> None:
    played = play.play(
        [accounts({**PERSON, "cloud_quota": "much"}, service="new", first_passwords={"exemple": "s3cr3t-word"})], "-vvv"
    )
    assert played.code == 2
    message = played.of("accounts")["msg"]
    assert message.startswith(
        "the directory refused a change, those before it are made: ldap_modify: Invalid syntax (21)"
    )
    assert "s3cr3t-word" not in str(played.results)
    on_host(lab, "systemctl stop slapd")
    played = play.play([accounts(PERSON, service="new")])
    assert "does not answer root" in played.of("accounts")["msg"]
    on_host(lab, "systemctl start slapd")
