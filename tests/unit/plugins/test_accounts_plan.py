"""What is compared with what is there, without a directory."""

from __future__ import annotations

from typing import Any

import pytest
from maillage import accounts, accounts_plan, ldif
from maillage.accounts_plan import Directory, Record
from maillage.command import NodeError

SUFFIX = "dc=sample,dc=test"
PERSON = {
    "uid": "exemple",
    "name": "Élise d'Exemple",
    "mail": "exemple@sample.test",
    "cloud_quota": 5,
    "state": "active",
}
SERVICE = {"name": "radicale", "password": "of-the-service"}


def wanted(*people: dict[str, Any], **given: Any) -> dict[str, Any]:
    first = {"first_passwords": {"exemple": "first", "a,b+c": "strange"}}
    return {"suffix": SUFFIX, "services": [], "subscribers": list(people), "remove": [], "reset": [], **first, **given}


def agrees(stored: list[str], password: str) -> bool:
    """Hashes of the tests are passwords in braces."""
    return stored == [f"{{{password}}}"]


class Server:
    """Applies records as slapd does, as far as the tests need."""

    def __init__(self) -> None:
        self.entries: dict[str, dict[str, list[str]]] = {}

    def directory(self) -> Directory:
        return Directory(
            SUFFIX,
            "".join(ldif.add(name, entry).replace("changetype: add\n", "") for name, entry in self.entries.items()),
        )

    def converge(self, arguments: dict[str, Any]) -> list[tuple[str, str]]:
        """One run; the changes: name and action."""
        records, changes = accounts_plan.compare(self.directory(), arguments, agrees)
        for record in records:
            values = dict(record.values)
            if record.password is not None:
                values["userPassword"] = [f"{{{record.password}}}"]
            if record.kind == "delete":
                del self.entries[record.name]
            elif record.kind == "add":
                assert record.name not in self.entries
                assert record.name == SUFFIX or record.name.endswith(tuple(f",{name}" for name in self.entries))
                self.entries[record.name] = values
            else:
                self.entries[record.name] |= values
                self.entries[record.name] = {name: found for name, found in self.entries[record.name].items() if found}
        assert all(change["kind"] == "account" for change in changes)
        return [(change["name"], change["action"]) for change in changes]

    def person(self, uid: str = "exemple") -> dict[str, list[str]]:
        return self.entries[f"uid={uid},ou=people,{SUFFIX}"]


@pytest.fixture
def server() -> Server:
    """A directory with one subscriber and one service."""
    server = Server()
    server.converge(wanted(PERSON, services=[SERVICE]))
    return server


def test_empty_directory_gets_everything_in_order() -> None:
    server = Server()
    assert server.converge(wanted(PERSON, services=[SERVICE])) == [
        ("services/radicale", "create"),
        ("exemple", "create"),
    ]
    assert list(server.entries) == [
        SUFFIX,
        f"ou=people,{SUFFIX}",
        f"ou=services,{SUFFIX}",
        f"cn=radicale,ou=services,{SUFFIX}",
        f"uid=exemple,ou=people,{SUFFIX}",
    ]
    assert server.person() == {
        "objectClass": ["inetOrgPerson", "maillagePerson"],
        "uid": ["exemple"],
        "cn": ["Élise d'Exemple"],
        "sn": ["d'Exemple"],
        "mail": ["exemple@sample.test"],
        "maillageState": ["active"],
        "maillageCloudQuota": ["5"],
        "userPassword": ["{first}"],
    }
    assert server.converge(wanted(PERSON, services=[SERVICE])) == []


def test_own_password_is_never_overwritten_but_by_reset(server: Server) -> None:
    server.person()["userPassword"] = ["{changed by the subscriber}"]
    other = wanted({**PERSON, "mail": "new@sample.test"}, services=[SERVICE], first_passwords={"exemple": "other"})
    assert server.converge(other) == [("exemple", "change")]
    assert server.person()["userPassword"] == ["{changed by the subscriber}"]
    assert server.converge({**other, "reset": ["exemple"]}) == [("exemple", "reset")]
    assert server.person()["userPassword"] == ["{other}"]


def test_password_that_the_partner_keeps_always_agrees(server: Server) -> None:
    kept = wanted({**PERSON, "password": "kept"}, services=[SERVICE])
    assert server.converge(kept) == [("exemple", "reset")]
    assert server.converge(kept) == []
    assert server.person()["userPassword"] == ["{kept}"]


def test_no_first_password_is_needed_but_for_a_new_account_or_a_reset(server: Server) -> None:
    none = wanted({**PERSON, "mail": "new@sample.test"}, services=[SERVICE], first_passwords={})
    assert server.converge(none) == [("exemple", "change")]
    for arguments in ({**none, "reset": ["exemple"]}, wanted({**PERSON, "uid": "nouveau"}, first_passwords={})):
        with pytest.raises(NodeError, match="no first password is given"):
            server.converge(arguments)


def test_service_passwords_always_agree_and_old_services_go(server: Server) -> None:
    assert server.converge(wanted(PERSON, services=[{**SERVICE, "password": "new"}])) == [
        ("services/radicale", "reset")
    ]
    assert server.converge(wanted(PERSON, services=[{**SERVICE, "password": "new"}])) == []
    assert server.converge(wanted(PERSON)) == [("services/radicale", "remove")]


def test_when_nobody_is_listed_nobody_is_suspended(server: Server) -> None:
    for verifier in ([], [{**PERSON, "uid": "verify", "password": "of-the-partner"}]):
        with pytest.raises(NodeError, match=r"would be suspended \(exemple\): bring subscriptions.yml back"):
            server.converge(wanted(*verifier, services=[SERVICE]))
    assert server.person()["maillageState"] == ["active"]


def test_absent_is_suspended_and_only_remove_removes(server: Server) -> None:
    other = {**PERSON, "uid": "a,b+c"}
    server.converge(wanted(PERSON, other, services=[SERVICE]))
    assert server.converge(wanted(other, services=[SERVICE])) == [("exemple", "suspend")]
    assert server.person()["maillageState"] == ["suspended"]
    assert server.converge(wanted(other, services=[SERVICE])) == []
    assert server.converge(wanted(PERSON, services=[SERVICE], remove=["a,b+c"])) == [
        ("exemple", "resume"),
        ("a,b+c", "remove"),
    ]
    assert server.converge(wanted(services=[SERVICE], remove=["exemple", "never-was"])) == [("exemple", "remove")]
    assert f"uid=exemple,ou=people,{SUFFIX}" not in server.entries


def test_several_changes_of_one_person_are_one_record(server: Server) -> None:
    other = {**PERSON, "state": "suspended", "cloud_quota": None, "mail_quota": 7, "name": "Autre"}
    records, _ = accounts_plan.compare(server.directory(), wanted(other, services=[SERVICE], reset=["exemple"]), agrees)
    (record,) = records
    assert record == Record(
        "modify",
        f"uid=exemple,ou=people,{SUFFIX}",
        {
            "cn": ["Autre"],
            "sn": ["Autre"],
            "maillageState": ["suspended"],
            "maillageCloudQuota": [],
            "maillageMailQuota": ["7"],
        },
        "first",
    )
    changes = server.converge(wanted(other, services=[SERVICE], reset=["exemple"]))
    assert changes == [("exemple", "suspend"), ("exemple", "change"), ("exemple", "reset")]
    assert "maillageCloudQuota" not in server.person()


def test_names_that_must_be_escaped(server: Server) -> None:
    strange = {**PERSON, "uid": "a,b+c"}
    assert server.converge(wanted(PERSON, strange, services=[SERVICE])) == [("a,b+c", "create")]
    assert f"uid=a\\,b\\+c,ou=people,{SUFFIX}" in server.entries
    assert server.converge(wanted(PERSON, strange, services=[SERVICE])) == []


def test_upper_case_and_entries_of_others_are_left_alone(server: Server) -> None:
    server.entries[f"cn=group,ou=groups,{SUFFIX}"] = {"cn": ["group"]}
    server.entries[f"uid=Exemple,ou=People,{SUFFIX.upper()}"] = server.entries.pop(f"uid=exemple,ou=people,{SUFFIX}")
    assert server.converge(wanted(PERSON, services=[SERVICE])) == []


def test_a_name_both_wanted_and_to_remove_is_refused() -> None:
    with pytest.raises(NodeError, match="exemple: among the subscribers, and among those to remove"):
        accounts.main(wanted(PERSON, remove=["exemple"]), check=True, diff=False)


def test_check_mode_on_a_bare_host_reports_every_account_as_created(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    from maillage import command

    monkeypatch.setitem(command.ENVIRONMENT, "PATH", str(tmp_path))
    answer = accounts.main(wanted(PERSON, services=[SERVICE]), check=True, diff=True)
    assert [(change["name"], change["action"]) for change in answer["changes"]] == [
        ("services/radicale", "create"),
        ("exemple", "create"),
    ]
    with pytest.raises(NodeError, match="the package ldap-utils is not on this host"):
        accounts.main(wanted(PERSON), check=False, diff=False)


def test_five_thousand_are_compared_quickly() -> None:
    server = Server()
    first = {f"p{number}": "first" for number in range(5000)}
    people = [{**PERSON, "uid": f"p{number}", "mail": f"p{number}@sample.test"} for number in range(5000)]
    assert len(server.converge(wanted(*people, first_passwords=first))) == 5000
    assert server.converge(wanted(*people)) == []
