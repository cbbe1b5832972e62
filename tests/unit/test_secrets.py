import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator import keys, secret_graph, secrets, secretsfile
from orchestrator.errors import SecretsError, UsageError
from orchestrator.model import Node
from orchestrator.secret_graph import Secret

WITHOUT_MAIL = ["directory.radicale", "directory.verify"]
STORED = ["directory.radicale", "directory.mail", "directory.webmail", "mail.webmail", "mail.dkim", "mail.tls"]
STORED += ["directory.verify", "directory.verify2", "directory.postmaster", "subscribers"]


def values(node: Node) -> dict[str, str]:
    return {name: secrets.reveal(node, name).get_secret_value() for name in secrets.names(node)}


def test_a_lab_territory_makes_its_own(lab_node: Node) -> None:
    assert list(secrets.ensure(lab_node)) == STORED
    first = values(lab_node)
    assert len(set(first.values())) == len(STORED)
    before = secretsfile.path_of(lab_node).read_bytes()
    secrets.ensure(lab_node)
    assert secretsfile.path_of(lab_node).read_bytes() == before
    assert secretsfile.path_of(lab_node) == Path(os.environ["MAILLAGE_STATE"]) / "secrets" / "calvados.yml"
    assert not any(value in before.decode() for value in first.values())


def test_a_real_territory_says_what_is_missing_and_what_makes_it(real_node: Node) -> None:
    with pytest.raises(SecretsError, match=r"\(directory\.radicale.*credentials montagne --make"):
        secrets.ensure(real_node)
    assert not secretsfile.path_of(real_node).exists()
    secrets.create_missing(real_node)
    assert list(secrets.ensure(real_node)) == WITHOUT_MAIL
    assert secretsfile.path_of(real_node) == real_node.folder / "secrets.yml"


def test_renew_makes_one_anew_and_leaves_the_others(lab_node: Node) -> None:
    secrets.ensure(lab_node)
    before = values(lab_node)
    assert secrets.renew(lab_node, "directory.verify") == ["directory.verify"]
    after = values(lab_node)
    assert {name for name in before if before[name] != after[name]} == {"directory.verify"}


def test_renew_makes_what_is_missing(real_node: Node) -> None:
    secrets.renew(real_node, "directory.verify")
    assert secrets.reveal(real_node, "directory.verify").get_secret_value()


def test_an_unknown_name(lab_node: Node) -> None:
    for ask in (secrets.renew, secrets.reveal):
        with pytest.raises(UsageError, match=r"did you mean directory\.verify\?"):
            ask(lab_node, "directory.verif")


def test_forget(lab_node: Node) -> None:
    secrets.ensure(lab_node)
    secrets.forget(lab_node, "subscribers.exemple")
    secrets.forget(lab_node, "subscribers.exemple")
    secrets.forget(lab_node, "directory.radicale")
    assert list(secretsfile.read(secretsfile.path_of(lab_node))) == STORED[1:]
    with pytest.raises(SecretsError, match="`deploy calvados` makes it"):
        secrets.reveal(lab_node, "subscribers.exemple")


def test_the_graph_renews_what_depends() -> None:
    graph = [
        Secret("a", secret_graph.token),
        Secret("b", secret_graph.token, ("a",)),
        Secret("c", secret_graph.token),
        Secret("d", secret_graph.token, ("b",)),
    ]
    assert [secret.name for secret in secret_graph.affected(graph, "a")] == ["a", "b", "d"]
    assert [secret.name for secret in secret_graph.affected(graph, "b")] == ["b", "d"]
    assert [secret.name for secret in secret_graph.affected(graph, "c")] == ["c"]
    assert secret_graph.affected(graph, "x") == []


def test_every_dependency_is_declared(lab_node: Node) -> None:
    graph = secrets.declared(lab_node)
    assert {name for secret in graph for name in secret.depends_on} <= {secret.name for secret in graph}


def test_passwords_can_be_read_from_paper() -> None:
    made = {secret_graph.password() for _ in range(100)}
    assert len(made) == 100
    assert {len(password) for password in made} == {19}
    assert set().union(*made) <= set(secret_graph.ALPHABET) | {"-"}
    assert not set("0O1lI") & set(secret_graph.ALPHABET)


def test_the_wrong_key_changes_nothing(lab_node: Node) -> None:
    secrets.ensure(lab_node)
    path = secretsfile.path_of(lab_node)
    before = path.read_bytes()
    keys.create(keys.file(lab_node.territory))
    for attempt in (
        lambda: secrets.renew(lab_node, "directory.verify"),
        lambda: secrets.rekey(lab_node),
        lambda: secrets.reveal(lab_node, "directory.verify"),
    ):
        with pytest.raises(SecretsError, match="the key does not open the value"):
            attempt()
    assert path.read_bytes() == before


def test_a_lost_key_is_not_replaced_in_silence(lab_node: Node) -> None:
    secrets.ensure(lab_node)
    keys.file(lab_node.territory).unlink()
    secrets.forget(lab_node, "directory.verify")
    with pytest.raises(SecretsError, match="the key of calvados is not there"):
        secrets.ensure(lab_node)


def test_rekey(real_node: Node) -> None:
    secrets.create_missing(real_node)
    before, old = values(real_node), secrets.load_key(real_node)
    assert secrets.rekey(real_node) == 2
    assert values(real_node) == before
    assert secrets.load_key(real_node) != old
    assert [path.name for path in keys.file(real_node.territory).parent.iterdir()] == ["montagne"]


def test_rekey_is_refused_where_the_key_is_not_a_file(real_node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets.create_missing(real_node)
    monkeypatch.setenv("MAILLAGE_KEY_MONTAGNE", secrets.load_key(real_node).get_secret_value())
    with pytest.raises(SecretsError, match="MAILLAGE_KEY_MONTAGNE gives the key of montagne; unset it"):
        secrets.rekey(real_node)


def killed_at(step: int, work: Callable[[], object]) -> bool:
    """Do the work in a process that dies, with no chance to clean up, at its nth touch of the file system."""
    child = os.fork()
    if child == 0:
        left = step

        def watch(event: str, _arguments: tuple[object, ...]) -> None:
            nonlocal left
            if event in ("open", "os.rename", "os.remove", "os.mkdir"):
                left -= 1
                if left == 0:
                    os._exit(9)

        sys.addaudithook(watch)
        work()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, 9)
    return code == 9


def test_rekey_killed_at_any_moment(real_node: Node) -> None:
    secrets.create_missing(real_node)
    expected = values(real_node)
    step, found = 1, set()
    while killed_at(step, lambda: secrets.rekey(real_node)):
        pending = keys.file(real_node.territory).with_suffix(".new").exists()
        found.add(pending)
        assert values(real_node) == expected, f"lost at step {step}"
        assert not keys.file(real_node.territory).with_suffix(".new").exists()
        secrets.rekey(real_node)
        assert values(real_node) == expected
        step += 1
    assert step > 5
    assert found == {True, False}  # it was killed between its two files, too


def test_making_secrets_killed_at_any_moment(lab_node: Node) -> None:
    step = 1
    while killed_at(step, lambda: secrets.ensure(lab_node)):
        assert list(secrets.ensure(lab_node)) == STORED
        assert len(values(lab_node)) == len(STORED)
        secretsfile.path_of(lab_node).unlink()
        keys.file(lab_node.territory).unlink()
        step += 1
    assert step > 5


def test_two_at_once_agree(lab_node: Node) -> None:
    children = []
    for _ in range(8):
        child = os.fork()
        if child == 0:
            secrets.ensure(lab_node)
            os._exit(0)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 8
    assert list(secretsfile.read(secretsfile.path_of(lab_node))) == STORED
    assert len(values(lab_node)) == len(STORED)


def test_what_only_the_partner_knows_is_given(lab_node: Node) -> None:
    smarthost = {"host": "smtp.provider.example", "user": "exemple", "spf": "spf.provider.example"}
    mail = lab_node.territory.services.mail
    services = lab_node.territory.services.model_copy(update={"mail": mail.model_validate({"smarthost": smarthost})})
    node = replace(lab_node, territory=lab_node.territory.model_copy(update={"services": services}))
    with pytest.raises(SecretsError, match=r"`credentials calvados mail\.smarthost --set`"):
        secrets.ensure(node)
    with pytest.raises(UsageError, match="--set"):
        secrets.renew(node, "mail.smarthost")
    with pytest.raises(UsageError, match="--renew"):
        secrets.give(node, "directory.mail", "a word")
    secrets.give(node, "mail.smarthost", "a word")
    assert secrets.reveal(node, "mail.smarthost").get_secret_value() == "a word"
    assert "mail.smarthost" in secrets.ensure(node)


def test_renewing_the_signing_keys_takes_the_next_ones(lab_node: Node) -> None:
    secrets.ensure(lab_node)
    before = json.loads(secrets.reveal(lab_node, "mail.dkim").get_secret_value())
    secrets.renew(lab_node, "mail.dkim")
    after = json.loads(secrets.reveal(lab_node, "mail.dkim").get_secret_value())
    assert after["current"] == before["next"]
    assert after["previous"][0]["rsa"] == before["current"]["rsa"]
