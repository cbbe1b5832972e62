"""The action plugins through real ansible: what they render and refuse, and that no secret comes out anywhere."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from playbook import Playbook, names

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a mount namespace needs root")

APART = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs tmpfs /var/lib && exec "$@"', "sh")
SECRET = "kzr7-Very-Hidden-q2"
TEMPLATE = "# {{ ansible_managed }}\npassword = {{ password }}\nadjacent=({{ password }})\n"


@pytest.fixture
def playbook(tmp_path: Path) -> Playbook:
    """Plays on this machine."""
    return Playbook(tmp_path / "play", {"local": {"ansible_connection": "local"}}, APART)


def test_rendering_is_that_of_the_stock_module(playbook: Playbook, tmp_path: Path) -> None:
    templates = {
        "json": "{{ {'a': [1, 'é']} | to_nice_json }}",
        "number": "{{ number }}",
        "included": "{% include 'part.inc' %}{{ template_destpath | basename }}\n",
        "managed": "{{ ansible_managed | comment }}\n",
        "blocks": "{% for n in [1, 2] %}\n  {% if n %}\n  {{ n }}\n  {% endif %}\n{% endfor %}\n\n",
        "header": "#jinja2: lstrip_blocks: True\n{% for n in [1] %}\n  {% if n %}\n{{ n }}\n{% endif %}\n{% endfor %}",
        "escapes": "a\\n{{ '\\\\' }}{# remark #}\tend",
    }
    root, stock = tmp_path / "root", tmp_path / "stock"
    root.mkdir()
    stock.mkdir()
    for name, text in templates.items():
        playbook.template("sample", root / f"{name}.j2", text)
    playbook.template("sample", root / "nothing.j2", "{% if false %}\nx\n{% endif %}\n \n")
    playbook.template("sample", root / "plain", b"{{ not a template }}\xff\n")
    (playbook.templates / "part.inc").write_text("part {{ number }}\n", encoding="utf-8")
    (root / "nothing").write_text("of a package", encoding="utf-8")
    tasks = [
        {"ansible.builtin.template": {"src": f"sample{root}/{name}.j2", "dest": str(stock / name)}}
        for name in templates
    ]
    played = playbook.play([{"tree": {"component": "sample"}}, *tasks], number=7, ansible_managed="by us")
    assert played.code == 0, played.output
    assert ("file", str(root / "nothing"), "remove") in names(played.of("tree"))
    rendered = {path.name: path.read_bytes() for path in root.iterdir()}
    assert rendered.pop("plain") == b"{{ not a template }}\xff\n"
    assert rendered == {path.name: path.read_bytes() for path in stock.iterdir()}
    assert b"by us" in rendered["managed"]


REFUSED = [
    ({"component": "sample", "mode": "0644"}, "unknown option mode"),
    ({}, "the option component is missing"),
    ({"component": "sample", "absent": "/x"}, "the option absent must be a list"),
    ({"component": "sample", "state": "gone"}, "state is present or absent"),
    (
        {"component": "sample", "attributes": {"/no/such": {"mode": "0600"}}},
        "attributes of /no/such, which is no template",
    ),
    ({"component": "sample", "directories": {"/d": {"mode": 644}}}, "mode is a string of octal digits in quotes"),
    ({"component": "sample", "directories": {"/d": {"modus": "0644"}}}, "unknown attribute modus"),
    ({"component": "sample", "absent": ["/a/../b"]}, "a destination is an absolute path"),
    ({"component": "sample", "links": {"relative": "/x"}}, "a destination is an absolute path"),
    ({"component": "sample", "services": [{"name": "nginx"}]}, "such as nginx.service"),
    ({"component": "sample", "services": [{"name": "a.service", "on_change": "kick"}]}, "none, reload or restart"),
    ({"component": "sample", "reload": ["nginx"]}, "such as nginx.service"),
    ({"component": "sample", "check": ["nginx -t"]}, "a command is a list of words"),
    ({"component": "sample", "live": [[]]}, "a command is a list of words"),
    ({"component": "sample", "absent": ["/x"]}, "/x: asked for twice"),
    ({"component": "never-made"}, "never-made"),
    ({"component": "mapping"}, "renders to a mapping or a list"),
]


def test_refusals(playbook: Playbook) -> None:
    playbook.template("sample", "/x.j2", "x")
    playbook.template("mapping", "/x.j2", "{{ {'a': 1} }}")
    played = playbook.play([{"tree": options, "ignore_errors": True} for options, _ in REFUSED], "--check")
    assert len(played.results) == len(REFUSED)
    for (options, sentence), (_, _, result) in zip(REFUSED, played.results, strict=True):
        assert sentence in result.get("msg", "accepted"), options


def test_a_component_that_never_was_is_absent_without_a_question(playbook: Playbook, tmp_path: Path) -> None:
    playbook.template("sample", tmp_path / "x", "x")
    wanted = [("sample", "present"), ("other", "absent"), ("sample", "absent"), ("sample", "absent")]
    played = playbook.play([{"tree": {"component": component, "state": state}} for component, state in wanted])
    assert played.code == 0, played.output
    results = [result for _, _, result in played.results]
    assert [result["changed"] for result in results] == [True, False, True, False]
    assert ["ansible_facts" in result for result in results] == [True, False, True, False]
    assert not (tmp_path / "x").exists()


def test_estimate_contacts_no_host(playbook: Playbook) -> None:
    playbook.template("sample", "/etc/a/x.conf.j2", "{{ word }}")
    (playbook.folder / "inventory.json").write_text('{"all": {"hosts": {"nowhere.invalid": {}}}}', encoding="utf-8")
    services = [{"name": "a.service", "on_change": "reload"}]
    tasks = [
        {
            "tree": {
                "component": "sample",
                "directories": {"/srv/x": {}},
                "links": {"/l": "/x"},
                "services": services,
                "reload": ["b.service"],
            }
        },
        {"packages": {"names": ["p"], "debconf": ["p p/question string answer"]}},
        {
            "accounts": {
                "suffix": "dc=test",
                "services": [{"name": "s", "password": "x"}],
                "subscribers": [{"uid": "u"}],
            }
        },
    ]
    played = playbook.play(tasks, "--check", word="x", maillage_estimate=True)
    assert played.code == 0, played.output
    assert names(played.of("tree")) == {
        ("directory", "/srv/x", "create"),
        ("file", "/etc/a/x.conf", "create"),
        ("link", "/l", "create"),
        ("service", "a.service", "start"),
        ("service", "b.service", "reload"),
    }
    assert names(played.of("packages")) == {("package", "p", "install"), ("debconf", "p p/question", "set")}
    assert names(played.of("accounts")) == {("account", "services/s", "create"), ("account", "u", "create")}


class Arguments(threading.Thread):
    """Reads the argument lists and environments of all processes, again and again."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.readings, self.over = 0, threading.Event()

    def run(self) -> None:
        while not self.over.is_set():
            self.readings += 1
            for process in Path("/proc").glob("[0-9]*"):
                for name in ("cmdline", "environ"):
                    try:
                        content = (process / name).read_bytes()
                    except OSError:  # it has ended meanwhile
                        continue
                    if SECRET.encode() in content:
                        self.found.append(content.decode(errors="replace"))


def test_secrets_come_out_nowhere(playbook: Playbook, tmp_path: Path) -> None:
    root, printed = tmp_path / "root", ""
    path = str(root / "secret.conf")
    playbook.template("sample", f"{path}.j2", TEMPLATE)
    task = {"component": "sample", "attributes": {path: {"mode": "0640"}}}
    chatty = {**task, "check": [["sh", "-c", f"cat {path}; echo refused >&2; exit 3"]]}
    watch = Arguments()
    watch.start()
    try:
        for options, tree, password in (
            (("--check",), task, SECRET),
            ((), task, SECRET),
            ((), task, "other"),
            (("--check",), task, SECRET),
            ((), chatty, SECRET),
        ):
            played = playbook.play([{"tree": tree}], "--diff", "-vvv", *options, password=password)
            printed += played.output + str(played.results)
    finally:
        watch.over.set()
        watch.join()
    assert watch.readings > 5
    # The play itself, which a test writes with its variables in clear, is not what is looked at.
    assert "password = ***" in printed
    assert "adjacent=(***)" in printed
    assert "secret content differs" in printed
    assert "refused" in printed
    assert SECRET not in printed
    assert watch.found == []
    assert Path(path).read_text(encoding="utf-8").count("other") == 2
