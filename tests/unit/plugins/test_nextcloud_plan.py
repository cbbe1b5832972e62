"""What is to be done with Nextcloud, from what is there and what is wanted."""

import pytest
from maillage import nextcloud, nextcloud_plan, nextcloud_state
from maillage.command import NodeError

APPS = {"enabled": ["user_ldap"], "disabled": ["survey_client"], "store": [], "archives": {}, "store_reached": False}
SETTINGS = {"core": {"backgroundjobs_mode": "cron"}, "user_ldap": {"configuration_prefixes": ["s01"]}}


@pytest.fixture
def state(tmp_path, monkeypatch):
    """A host that runs 32.0.1, as it should be."""
    monkeypatch.setattr(nextcloud_state, "CODE", str(tmp_path / "code"))
    monkeypatch.setattr(nextcloud_state, "LINK", str(tmp_path / "link"))
    monkeypatch.setattr(nextcloud_state, "CONFIG", str(tmp_path))
    monkeypatch.setattr(nextcloud_state, "UNDER_WAY", str(tmp_path / "under-way.json"))
    (tmp_path / "code" / "32.0.1").mkdir(parents=True)
    (tmp_path / "code" / "32.0.1" / "version.php").write_text("<?php\n$OC_Version = array(32,0,1,2);\n")
    (tmp_path / "link").symlink_to(tmp_path / "code" / "32.0.1")
    (tmp_path / "config.php").write_text(
        "<?php\n$CONFIG = array (\n  'version' => '32.0.1.2',\n  'installed' => true,\n);\n"
    )
    found = nextcloud_state.State()
    found.settings = {
        "core": {"backgroundjobs_mode": "cron"},
        "user_ldap": {"enabled": "yes", "configuration_prefixes": '["s01"]'},
        "survey_client": {"enabled": "no"},
    }
    return found


def plan(state, version="32.0.1", subscribers=(), **changed):
    wanted = {"release": {"version": version}, "apps": APPS, "settings": SETTINGS}
    wanted |= {"peers": [], "authorities": {}}
    wanted["subscribers"] = list(subscribers)
    return nextcloud_plan.compare(state, wanted | changed)


def said(found):
    return [f"{each['kind']} {each['name']} {each['action']}" for each in found.changes]


def test_a_host_as_it_should_be(state):
    assert (state.current, state.code, state.installed) == ("32.0.1", (32, 0, 1, 2), (32, 0, 1, 2))
    assert said(plan(state)) == []


def test_without_a_release_the_host_keeps_its_own(state):
    assert said(plan(state, version="")) == []


def test_a_bare_host_gets_everything(state):
    state.installed, state.current, state.releases, state.settings = (), "", [], {}
    found = plan(state)
    assert said(found) == [
        "release 32.0.1 install",
        "app user_ldap enable",
        "app survey_client disable",
        "setting core set",
        "setting user_ldap set",
    ]
    assert found.unpack


def test_a_bare_host_without_any_release(state):
    state.installed, state.releases = (), []
    with pytest.raises(NodeError, match="no archive of Nextcloud was given"):
        plan(state, version="")


@pytest.mark.parametrize("version", ["32.0.2", "33.0.9"])
def test_a_newer_release_is_upgraded_to(state, version):
    found = plan(state, version)
    assert said(found) == [f"release {version} upgrade"]
    assert found.unpack


@pytest.mark.parametrize(
    ("version", "words"),
    [
        ("32.0.0", "cannot go back to 32.0.0"),
        ("34.0.4", "cannot become 34.0.4 in one step: deploy the last release of 33"),
    ],
)
def test_a_jump_or_a_step_back_is_refused(state, version, words):
    with pytest.raises(NodeError, match=words):
        plan(state, version)


def test_what_a_killed_run_was_doing_is_finished(state):
    state.under_way = {"action": "install", "old": "", "new": "32.0.1"}
    assert said(plan(state)) == ["release 32.0.1 install"]


def test_what_somebody_has_changed_is_put_right(state):
    state.settings["survey_client"]["enabled"] = "yes"
    state.settings["user_ldap"] = {"enabled": "no", "configuration_prefixes": "[]"}
    found = plan(state)
    assert said(found) == ["app user_ldap enable", "app survey_client disable", "setting user_ldap set"]
    assert found.settings == {"user_ldap": {"configuration_prefixes": ["s01"]}}


def test_apps_of_the_store_are_installed_or_named(state):
    asked = APPS | {"store": ["calendar"]}
    assert plan(state, apps=asked).notices == [
        "apps not installed, because the app store is not reached from here: calendar"
    ]
    assert said(plan(state, apps=asked | {"store_reached": True})) == ["app calendar install"]
    state.settings["calendar"] = {"enabled": "yes"}
    assert plan(state, apps=asked).notices == []


def test_apps_of_given_archives(state):
    there = {"path": "/given/calendar-6.1.0.tar.gz", "sha256": "a checksum"}
    asked = APPS | {
        "store": ["calendar", "tasks"],
        "archives": {"calendar": there, "tasks": {"path": "/given/tasks.tar.gz", "sha256": ""}},
    }
    found = plan(state, apps=asked)
    assert (said(found), found.given) == (["app calendar install"], {"calendar": ""})
    assert found.notices == [
        "apps not installed, because the app store is not reached from here: tasks; "
        "give their archives as /given/tasks.tar.gz"
    ]
    found = plan(state, apps=asked | {"store_reached": True})
    assert (said(found), found.store) == (["app calendar install", "app tasks install"], ["tasks"])
    state.settings["calendar"] = {"enabled": "no", "installed_version": "6.0.0"}
    assert plan(state, apps=asked).given == {"calendar": "6.0.0"}
    state.settings["calendar"]["enabled"] = "yes"
    assert said(plan(state, apps=asked)) == []


def test_the_archives_that_a_host_lacks(state):
    archives = {
        "calendar": {"path": "/given/calendar.tar.gz", "sha256": "a checksum"},
        "tasks": {"path": "/given/tasks.tar.gz", "sha256": ""},
    }
    arguments = {"release": {"version": "32.0.2", "path": "/given/nextcloud-32.0.2.tar.bz2"}}
    arguments["apps"] = APPS | {"store": ["calendar", "tasks"], "archives": archives}
    state.settings["calendar"] = {"enabled": "yes"}

    def needed(version):
        return nextcloud.needed(plan(state, version, apps=arguments["apps"]), arguments)

    assert needed("32.0.1") == []
    # A new release may switch off what is on.
    assert needed("32.0.2") == ["/given/nextcloud-32.0.2.tar.bz2", "/given/calendar.tar.gz"]
    state.settings["calendar"]["enabled"] = "no"
    assert needed("32.0.1") == ["/given/calendar.tar.gz"]
    assert nextcloud.needed(plan(state, release={}), {"release": {}, "apps": {}}) == []


def test_a_declared_app_of_the_release_is_switched_on_and_stays(state):
    state.shipped = {"survey_client"}
    asked = APPS | {"store": ["survey_client"], "store_reached": True}
    assert said(plan(state, apps=asked)) == ["app survey_client enable"]
    state.settings["survey_client"] = {"enabled": "yes"}
    assert said(plan(state, apps=asked)) == []


def test_authorities_are_added(state):
    state.authorities = {"known.crt": "a", "older.crt": "b"}
    found = plan(state, authorities={"known.crt": "a", "older.crt": "c", "new.crt": "d"})
    assert said(found) == ["authority older.crt trust", "authority new.crt trust"]
    assert found.authorities == {"older.crt": "c", "new.crt": "d"}


def test_peers_come_and_go(state):
    state.trusted = {"https://cloud.orne.test", "https://cloud.left.test"}
    found = plan(state, peers=["https://cloud.orne.test", "https://cloud.manche.test"])
    assert said(found) == ["peer https://cloud.manche.test create", "peer https://cloud.left.test remove"]


def person(uid, state="active", quota=10**10):
    return {"uid": uid, "state": state, "cloud_quota": quota}


def test_subscribers_are_let_in_and_shut_out(state):
    state.known, state.disabled = {"here", "out", "back", "poor", "mapped"}, {"out", "back"}
    state.quotas = {"here": "9.3 GB", "back": "9.3 GB", "poor": "1 GB"}
    people = [person("here", "suspended"), person("out", "suspended"), person("back"), person("poor"), person("never")]
    people.append(person("mapped"))  # who was cut short
    found = plan(state, subscribers=people, release={})
    assert said(found) == [
        "account cloud/here suspend",
        "account cloud/back resume",
        "account cloud/poor change",
        "account cloud/mapped change",
    ]


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (1024, "1 KB"), (10**9, "953.7 MB"), (10**10, "9.3 GB"), (5 * 2**30, "5 GB"), (10**12, "931.3 GB")],
)
def test_a_quota_is_written_as_nextcloud_does(size, text):
    assert nextcloud_plan.human(size) == text


def test_the_releases_that_code_takes_over_from(tmp_path):
    (tmp_path / "version.php").write_text(
        "<?php\n$OC_Version = array(33,0,9,1);\n$OC_VersionCanBeUpgradedFrom = array (\n  'nextcloud' => \n  array (\n"
        "    '32.0' => true,\n    '33.0' => true,\n  ),\n  'owncloud' => \n  array (\n    '10.13' => true,\n  ),\n);\n"
    )
    assert nextcloud_state.upgradable_from(str(tmp_path)) == {"32.0", "33.0"}
    assert nextcloud_state.code_version(str(tmp_path)) == (33, 0, 9, 1)
