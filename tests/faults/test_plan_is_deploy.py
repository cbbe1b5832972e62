"""What `plan` names is what `deploy` does, for ten edits of a territory, each on the host that the last one left."""

import re

import pytest

MEANT = {"file", "package", "service", "account", "certificate"}
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBm5C2PBVIQ8AyKi4wW5YBbBF1dCk2nqGQ8cYcEhsWqd essai"
PERSON = "  essai: {name: Personne d'essai, mail: essai@orne.maillage.test, plan: famille, state: active}"
TERRITORY, SUBSCRIPTIONS = "territory.yml", "subscriptions.yml"
EDITS = {  # the file, what is replaced (a regular expression), and by what
    "another name": (TERRITORY, "name: Partenaire.*", "name: \"Un 'autre' <nom> & $HOME\""),
    "another contact": (TERRITORY, "contact: [^ ]*", "contact: quelqu-un@exterieur.test"),
    "another language": (TERRITORY, "locale: fr_FR", "locale: en_GB"),
    "a key": (TERRITORY, "  locale:", f'  ssh_keys: ["{KEY}"]\n  locale:'),
    "forwarders": (TERRITORY, "\nplans:", "\nresolver:\n  forwarders: [10.99.0.3]\n\nplans:"),
    "somebody new": (SUBSCRIPTIONS, r"\Z", f"{PERSON}\n"),
    "another plan": (SUBSCRIPTIONS, "plan: essentiel", "plan: famille"),
    "a larger plan": (TERRITORY, "quota: 100 GB", "quota: 200 GB"),
    "somebody suspended": (SUBSCRIPTIONS, "state: active", "state: suspended"),
    "nobody any more": (SUBSCRIPTIONS, r"(?s)subscribers:.*", "subscribers: {}\n"),
}


def meant(report, host):
    return {
        (change["role"], change["kind"], change["name"], change["action"])
        for change in report["changes"]
        if change["kind"] in MEANT and change["host"] == host
    }


@pytest.fixture
def folder(orne):
    """The territory's files, which are afterwards what they were."""
    folder = orne.mesh / orne.name
    before = {name: (folder / name).read_text(encoding="utf-8") for name in (TERRITORY, SUBSCRIPTIONS)}
    yield folder
    for name, text in before.items():
        (folder / name).write_text(text, encoding="utf-8")
    orne.deploy()


def test_ten_edits(orne, folder, note):
    orne.deploy()
    for edit, (name, pattern, replacement) in EDITS.items():
        text, count = re.subn(pattern, lambda _, words=replacement: words, (folder / name).read_text(), count=1)
        assert count == 1, edit
        (folder / name).write_text(text, encoding="utf-8")
        planned = meant(orne.run("plan", orne.name, "--json"), orne.host)
        done = meant(orne.deploy(), orne.host)
        assert planned, edit
        assert planned == done, edit
        assert orne.run("plan", orne.name, "--json")["changes"] == [], edit
    note("ten edits: other than planned", lost=0)
