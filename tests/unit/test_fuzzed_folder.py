"""Whatever a folder of somebody else holds, it is refused with its sentences, or what Ansible would get of it is text
without any template; nothing is executed, nothing else is touched, and it does not take long."""

import contextlib
import io
import json
import os
import re
import tempfile
import time
from copy import deepcopy
from pathlib import Path
from textwrap import indent

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from sample_territories import REAL

from orchestrator import cli, vault

SUBSCRIPTIONS = "subscribers:\n  exemple: {name: Personne d'exemple, mail: exemple@montagne.example, plan: essentiel}\n"
SECRET = vault.encrypt("a secret", SecretStr("a key"), "montagne")
SECRETS = f"directory.admin: !vault |\n{indent(SECRET, '  ')}\n"
FILES = {"territory.yml": REAL, "subscriptions.yml": SUBSCRIPTIONS, "secrets.yml": SECRETS}
MARK = Path(tempfile.gettempdir()) / f"maillage-fuzzed-{os.getpid()}"
LOOKUP = f"lookup('pipe', 'touch {MARK}')"
TEXTS = [
    *(f"{{{{ {LOOKUP} }}}}", f"{{% set x = {LOOKUP} %}}", f"{{# {LOOKUP} #}}", f"!unsafe {{{{ {LOOKUP} }}}}", "{{"),
    *(f"$(touch {MARK})", f"`touch {MARK}`", f"; touch {MARK} #", f"-oProxyCommand=touch {MARK}", f"|touch {MARK}"),
    *("../../../etc/passwd", "/etc/passwd", "..", ".", "", "~", "$HOME", "a/b", "a\0b", "-", "--", "é\u202e"),
    *("localhost", "all", "cards", "true", "null", "[]", "!vault x", "&a", "*a", "<<", "\r\n", "a\nb", "\x1b[2J"),
    *("x" * 5000, "\ufeff"),
]  # fmt: skip
KEYS = [
    *("ansible_connection", "ansible_host", "ansible_ssh_common_args", "ansible_python_interpreter", "__ansible_vault"),
    *(
        "__ansible_unsafe",
        "hooks",
        "tasks",
        "roles",
        "vars",
        "lookup",
        "../x",
        "__proto__",
        "<<",
        f"{{{{ {LOOKUP} }}}}",
    ),
]
# What YAML itself, or who reads it, could be made to do.
LINES = [
    *("!!python/object/apply:os.system ['touch {0}']", "!!python/object/new:subprocess.Popen [[touch, '{0}']]"),
    *("x: !!python/name:os.system", "- &a [*a, *a]", "? {{}}", "--- {{}}\n---", "%YAML 1.1", "!include {0}", "\t"),
    *("ssh: {{user: root, host_key: \"$(touch {0})\"}}", "<<: *x", "x: *y", "y: &y {{<<: *y}}", "{{{{ {1} }}}}: x"),
]  # fmt: skip
VALUES = st.one_of(
    st.sampled_from(TEXTS),
    st.text(max_size=40),
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.sampled_from([None, True, [], {}, [[[[[[]]]]]], {"x": {"x": {"x": {}}}}, [{}] * 50]),
    st.dictionaries(st.sampled_from(KEYS), st.sampled_from(TEXTS), max_size=3),
)


def places(value, found):
    """Every mapping and list within a value."""
    if isinstance(value, dict | list):
        found.append(value)
        for part in value.values() if isinstance(value, dict) else value:
            places(part, found)
    return found


@st.composite
def rewritten(draw, text):
    """The file with values, keys and entries replaced or added, well-formed all the same."""
    content = yaml.safe_load(text)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from(places(content, [])))
        value = deepcopy(draw(VALUES))
        if isinstance(place, list):
            place.insert(draw(st.integers(0, len(place))), value)
        elif place and draw(st.booleans()):
            place[draw(st.sampled_from(sorted(place, key=str)))] = value
        else:
            place[draw(st.sampled_from(KEYS + TEXTS))] = value
    style = draw(st.sampled_from([None, '"', "'", "|"]))
    return yaml.dump(content, allow_unicode=draw(st.booleans()), default_style=style, width=10**6)


@st.composite
def damaged(draw, text):
    """The file with lines of another kind in it, or with bytes changed, most often not well-formed any more."""
    lines = text.splitlines()
    for line in draw(st.lists(st.sampled_from(LINES), max_size=2)):
        where = draw(st.integers(0, len(lines)))
        lines.insert(where, " " * draw(st.sampled_from([0, 2, 4])) + line.format(MARK, LOOKUP))
    content = "\n".join(lines).encode()
    for _ in range(draw(st.integers(0, 2))):
        where = draw(st.integers(0, len(content)))
        content = content[:where] + draw(st.binary(max_size=4)) + content[where + draw(st.integers(0, 4)) :]
    return content


def renamed(text):
    """The file with another free text in it, which may well be accepted."""
    names = st.lists(st.sampled_from(TEXTS) | st.text(max_size=20), min_size=1, max_size=3).map(" ".join)
    return names.map(lambda name: re.sub("Partenaire d'exemple|Personne d'exemple", lambda _: json.dumps(name), text))


def file(text):
    ways = [damaged] if "!vault" in text else [rewritten, damaged, renamed]
    return st.one_of([way(text) for way in ways])


NAMES = {name: renamed(text) for name, text in FILES.items() if name != "secrets.yml"}
FOLDERS = st.fixed_dictionaries(NAMES) | st.fixed_dictionaries({}, optional={n: file(t) for n, t in FILES.items()})


def strings(value):
    """Every text of the inventory, names included."""
    if isinstance(value, dict):
        return [part for pair in value.items() for each in pair for part in strings(each)]
    if isinstance(value, list):
        return [part for each in value for part in strings(each)]
    return [value] if isinstance(value, str) else []


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Runs a command on a folder in this process; exit code, output, words."""
    place = tmp_path_factory.mktemp("fuzzed")
    kept = dict(os.environ)
    for name in ("MAILLAGE_STATE", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        os.environ[name] = str(place / name.lower())

    def command(files, *words):
        folder = place / "mesh" / "montagne"
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in {**FILES, **files}.items():
            (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        output, errors = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            code = cli.main(["--mesh", str(place / "mesh"), *words])
        assert {path.name for path in place.iterdir()} == {"mesh"}
        assert {path.name for path in folder.iterdir()} == set(FILES)
        return code, output.getvalue(), errors.getvalue()

    yield command
    os.environ.clear()
    os.environ.update(kept)


def test_the_folder_itself_is_good(run):
    assert run({}, "validate")[0] == 0
    assert len(strings(json.loads(run({}, "inventory", "--list")[1]))) > 100


@settings(max_examples=1500, deadline=None, suppress_health_check=list(HealthCheck))
@given(files=FOLDERS)
def test_any_folder(run, files):
    begun = time.process_time()
    code, output, words = run(files, "validate")
    assert code in (0, 3), words
    assert time.process_time() - begun < 5  # a bomb, not a measurement: the usual is some milliseconds
    lines = words.splitlines()
    assert all(len(line) < 400 and line.isprintable() for line in lines)
    assert bool(lines) == (code == 3)
    if code == 0:
        code, output, words = run(files, "inventory", "--list")
        if code == 3:  # a secret that is not one
            assert "secrets.yml" in words
        else:
            found = strings(json.loads(output))
            assert [text for text in found if any(sign in text for sign in ("{{", "{%", "{#"))] == []
            assert max(map(len, found)) < 5000
    assert not MARK.exists()
