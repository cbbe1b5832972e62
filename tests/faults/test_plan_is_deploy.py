"""What `plan` names is what `deploy` does: on bare hosts, with every role of either engine and the lab's internet, and
for ten random edits of the territory, each on the hosts that the last one left."""

import random

import pytest
import yaml
from disturbed import SEEDS, Territory, copy_of_the_mesh, named

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBm5C2PBVIQ8AyKi4wW5YBbBF1dCk2nqGQ8cYcEhsWqd"
WORDS = ["été", "'", '"', "<b>", "&", "$HOME", "`id`", "%s", "\\", "#", "🌊", "--", ";", "é è"]
ROLES = {
    "orne": {"base", "resolver", "certificates", "directory", "web", "radicale", "lab_internet"},
    "manche": {
        "base",
        "resolver",
        "certificates",
        "directory",
        "web",
        "database",
        "redis",
        "nextcloud",
        "lab_internet",
    },
}


def words(chance):
    return f"Nom {' '.join(chance.choices(WORDS, k=4))} {chance.randrange(10**6)}"


def rename_the_partner(chance, territory, _people):
    territory["partner"]["name"] = words(chance)


def change_the_contact(chance, territory, _people):
    territory["partner"]["contact"] = f"contact-{chance.randrange(10**6)}@exterieur.test"


def change_the_language(_chance, territory, _people):
    territory["partner"]["locale"] = "en_GB" if territory["partner"]["locale"] == "fr_FR" else "fr_FR"


def let_keys_in(chance, territory, _people):
    territory["partner"]["ssh_keys"] = [f"{KEY} essai-{number}" for number in range(chance.randrange(3))]


def ask_others_for_names(chance, territory, _people):
    territory["resolver"] = {"forwarders": chance.sample(["10.99.0.2", "10.99.0.3", "10.99.0.4"], 2)}


def ask_as_usual_for_names(_chance, territory, _people):
    territory.pop("resolver", None)


def resize_a_plan(chance, territory, _people):
    territory["plans"][chance.choice(list(territory["plans"]))]["quota"] = f"{chance.randrange(1, 900)} GB"


def offer_another_plan(chance, territory, _people):
    territory["plans"][f"formule-{chance.randrange(10**6)}"] = {"quota": "1 GB", "mailboxes": 0, "price": 1}


def admit_somebody(chance, territory, people):
    uid = f"essai{chance.randrange(10**6)}"
    mail = f"{uid}@{territory['domain']}"
    people[uid] = {"name": words(chance), "mail": mail, "plan": chance.choice(list(territory["plans"]))}


def rename_somebody(chance, _territory, people):
    if people:
        people[chance.choice(list(people))]["name"] = words(chance)


def change_somebody_s_plan(chance, territory, people):
    if people:
        people[chance.choice(list(people))]["plan"] = chance.choice(list(territory["plans"]))


def suspend_or_resume_somebody(chance, _territory, people):
    if people:
        person = people[chance.choice(list(people))]
        person["state"] = "active" if person.get("state") == "suspended" else "suspended"


def forget_somebody(chance, _territory, people):
    if len(people) > 1:  # that nobody is left is refused
        people.pop(chance.choice(list(people)))


EDITS = [rename_the_partner, change_the_contact, change_the_language, let_keys_in, ask_others_for_names,
         ask_as_usual_for_names, resize_a_plan, offer_another_plan, admit_somebody, rename_somebody,
         change_somebody_s_plan, suspend_or_resume_somebody, forget_somebody]  # fmt: skip


@pytest.fixture(params=ROLES)
def territory(request, tmp_path, archive):
    """A territory whose host is bare, as the internet around it is."""
    territory = Territory(copy_of_the_mesh(tmp_path / "mesh"), request.param, archive)
    for name in (territory.host, "internet"):
        territory.lab.destroy(name)
    territory.run("lab", "up", territory.name)
    yield territory
    territory.lab.destroy(territory.host)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_planned_is_done(territory, note, seed):
    plan = territory.plan()
    planned = named(plan)
    assert {role for _, role, *_ in planned} == ROLES[territory.name]
    assert named(territory.deploy()) == planned
    installed = territory.lab.connection(territory.host).run("dpkg-query -Wf '${Package} ${Version}\\n'").stdout
    versions = dict(line.split() for line in installed.splitlines())
    assert plan["packages"][territory.name]
    assert plan["packages"][territory.name].items() <= versions.items()
    assert territory.plan()["changes"] == []
    chance, folder, different = random.Random(f"edits {seed}"), territory.mesh / territory.name, 0
    for edit in chance.choices(EDITS, k=10):
        files = {name: yaml.safe_load((folder / f"{name}.yml").read_text()) for name in ("territory", "subscriptions")}
        edit(chance, files["territory"], files["subscriptions"]["subscribers"])
        for name, content in files.items():
            (folder / f"{name}.yml").write_text(yaml.safe_dump(content, allow_unicode=True))
        planned = named(territory.plan())
        assert named(territory.deploy()) == planned, edit
        assert territory.plan()["changes"] == [], edit
        different += bool(planned)
    assert different > 3
    note(f"planned and done otherwise ({territory.name})", seed=seed, lost=0)
