import argparse
import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from orchestrator import __version__, cli
from orchestrator.errors import HostError, MaillageError


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "orchestrator", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | environment, timeout=60
    )


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> type[BaseException]:
    """A command `fail` that raises what the test puts in `Fail.error`."""

    class Fail(Exception):
        error: BaseException

    module = ModuleType("orchestrator.commands.fail")
    module.add_arguments = lambda _parser: None  # type: ignore[attr-defined]

    def fail(_arguments: argparse.Namespace) -> int:
        raise Fail.error

    module.run = fail  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(cli.COMMANDS, "fail", cli.Command("fail", reports=True))
    monkeypatch.delenv("MAILLAGE_DEBUG", raising=False)
    return Fail


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_has_its_module(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    module = import_module(f"orchestrator.commands.{name}")
    assert module.__doc__
    assert module.__doc__.startswith(f"`{name}")
    with pytest.raises(SystemExit) as raised:
        cli.main([name, "--help"])
    assert raised.value.code == 0
    assert f"maillage {name}" in capsys.readouterr().out


def test_help_names_every_command_and_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom orchestrator import cli\ntry: cli.main(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'pydantic', 'yaml', 'ruamel', 'ansible', 'ansible_runner', 'cryptography', 'json'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert all(f"    {name} " in done.stdout for name in cli.COMMANDS)


def test_version() -> None:
    assert run("--version").stdout == f"maillage {__version__}\n"


@pytest.mark.parametrize(
    "arguments", [(), ("deploi",), ("validate", "--no-such-option"), ("validate", "calvado"), ("validate", "../x")]
)
def test_wrong_command_lines(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_mesh_before_and_after_the_command_and_from_the_environment(tmp_path: Path) -> None:
    for arguments, environment in (
        (("--mesh", str(tmp_path), "validate"), {}),
        (("validate", "--mesh", str(tmp_path)), {}),
        (("validate",), {"MAILLAGE_MESH": str(tmp_path)}),
    ):
        done = run(*arguments, **environment)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"{tmp_path} has no territory; ")
    assert "calvados: valid" in run("validate", MAILLAGE_MESH="").stdout


def test_json_of_a_report_and_of_problems(tmp_path: Path) -> None:
    assert json.loads(run("validate", "--json", "calvados").stdout) == {"valid": ["calvados"]}
    (tmp_path / "calvados").mkdir()
    (tmp_path / "calvados" / "territory.yml").write_text("territory: [\n")
    done = run("validate", "--json", "--mesh", str(tmp_path))
    report = json.loads(done.stdout)
    assert (done.returncode, report["exit_code"]) == (3, 3)
    assert (report["problems"][0]["line"], report["problems"][0]["column"]) == (2, 1)


def test_an_error_ends_in_its_sentence_and_its_code(
    failing: type[BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    failing.error = HostError("the host does not answer; switch it on")  # type: ignore[attr-defined]
    assert cli.main(["fail"]) == 5
    assert capsys.readouterr().err == "the host does not answer; switch it on\n"
    assert cli.main(["fail", "--json"]) == 5
    assert json.loads(capsys.readouterr().out)["error"] == "the host does not answer; switch it on"


def test_ctrl_c(failing: type[BaseException], capsys: pytest.CaptureFixture[str]) -> None:
    failing.error = KeyboardInterrupt()  # type: ignore[attr-defined]
    assert cli.main(["fail"]) == 130
    assert "Interrupted" in capsys.readouterr().err


def test_the_unforeseen_is_one_sentence_without_its_text(
    failing: type[BaseException], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    failing.error = ValueError("hunter2")  # type: ignore[attr-defined]
    assert cli.main(["fail"]) == 1
    error = capsys.readouterr().err
    assert "Unexpected ValueError" in error
    assert "hunter2" not in error
    monkeypatch.setenv("MAILLAGE_DEBUG", "1")
    with pytest.raises(ValueError, match="hunter2"):
        cli.main(["fail"])


def test_a_reader_that_leaves_early() -> None:
    command = f"{sys.executable} -m orchestrator schema | head -c 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.stderr) == ("{", "")


def test_exit_codes_are_distinct_and_documented() -> None:
    def below(kind: type[MaillageError]) -> list[type[MaillageError]]:
        return [kind, *(deeper for child in kind.__subclasses__() for deeper in below(child))]

    direct = [kind.exit_code for kind in MaillageError.__subclasses__() if kind.__module__ == "orchestrator.errors"]
    assert len(set(direct)) == len(direct)
    codes = {kind.exit_code for kind in below(MaillageError)} | {0, cli.INTERRUPTED}
    assert all(f"{code} " in cli.EPILOG for code in codes)
