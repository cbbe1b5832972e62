import json

import pytest
from sample_territories import SAMPLE

from orchestrator import cli, engines, keys, secrets

pytestmark = pytest.mark.usefixtures("own_folders")


def output(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert cli.main(["--mesh", str(SAMPLE), *arguments]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    return shown.out


def test_a_value_is_shown_only_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    node = engines.load(SAMPLE).nodes["calvados"]
    secrets.ensure(node)
    value = secrets.reveal(node, "subscribers.exemple").get_secret_value()
    between_programs = "directory.radicale\ndirectory.mail\ndirectory.webmail\nmail.webmail\nmail.dkim\nmail.tls\n"
    own_accounts = "directory.verify\ndirectory.verify2\ndirectory.postmaster\n"
    assert output(capsys, "credentials", "calvados") == f"{between_programs}{own_accounts}subscribers.exemple\n"
    assert output(capsys, "credentials", "calvados", "subscribers.exemple") == f"{value}\n"
    as_json = output(capsys, "credentials", "calvados", "subscribers.exemple", "--json")
    assert json.loads(as_json) == {"name": "subscribers.exemple", "value": value}


def test_renewing_shows_nothing_and_leaves_a_subscribers_password_alone(capsys: pytest.CaptureFixture[str]) -> None:
    node = engines.load(SAMPLE).nodes["calvados"]
    secrets.ensure(node)
    before = secrets.reveal(node, "directory.verify").get_secret_value()
    renewed = output(capsys, "credentials", "calvados", "directory.verify", "--renew")
    assert renewed == "renewed: directory.verify; `deploy calvados` puts it in place\n"
    assert secrets.reveal(node, "directory.verify").get_secret_value() not in (before, renewed)
    owned = secrets.reveal(node, "subscribers.exemple")
    assert cli.main(["--mesh", str(SAMPLE), "credentials", "calvados", "subscribers.exemple", "--renew"]) == 2
    assert "subscriber reset calvados exemple" in capsys.readouterr().err
    assert secrets.reveal(node, "subscribers.exemple") == owned


def test_rekey_shows_no_key(capsys: pytest.CaptureFixture[str]) -> None:
    node = engines.load(SAMPLE).nodes["calvados"]
    secrets.ensure(node)
    old = secrets.load_key(node).get_secret_value()
    shown = output(capsys, "rekey", "calvados")
    new = secrets.load_key(node).get_secret_value()
    assert shown == f"calvados: new key in {keys.file(node.territory)}, 10 secrets encrypted with it\n"
    assert new != old


@pytest.mark.parametrize("break_key", ["missing", "another", "readable by others"])
def test_keys_that_do_not_do(break_key: str, capsys: pytest.CaptureFixture[str]) -> None:
    node = engines.load(SAMPLE).nodes["calvados"]
    secrets.ensure(node)
    path = keys.file(node.territory)
    if break_key == "missing":
        path.unlink()
    elif break_key == "another":
        keys.create(path)
    else:
        path.chmod(0o644)
    for arguments in (["credentials", "calvados", "directory.verify"], ["rekey", "calvados"]):
        assert cli.main(["--mesh", str(SAMPLE), *arguments]) == 3
        shown = capsys.readouterr()
        assert shown.out == ""
        assert len(shown.err.splitlines()) == 1
    assert cli.main(["--mesh", str(SAMPLE), "credentials", "calvados", "--renew"]) == 2
    assert "name the secret to renew" in capsys.readouterr().err


def test_what_is_missing_is_made_at_once_and_the_rest_stays(capsys: pytest.CaptureFixture[str]) -> None:
    node = engines.load(SAMPLE).nodes["calvados"]
    secrets.ensure(node)
    kept = secrets.reveal(node, "mail.dkim")
    secrets.forget(node, "mail.tls")
    secrets.forget(node, "subscribers.exemple")
    made = json.loads(output(capsys, "credentials", "calvados", "--make", "--json"))
    assert sorted(made["made"]) == ["mail.tls", "subscribers.exemple"]
    assert secrets.reveal(node, "mail.dkim") == kept
    assert secrets.reveal(node, "mail.tls").get_secret_value()
    assert output(capsys, "credentials", "calvados", "--make") == "nothing is missing\n"
    assert cli.main(["--mesh", str(SAMPLE), "credentials", "calvados", "mail.tls", "--make"]) == 2
