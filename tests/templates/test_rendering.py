"""What the templates say for sample variables; the checkers have their word in test_checkers.py."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from rendering import SAMPLES, rendered
from role_files import Role, roles

every_role = pytest.mark.parametrize("role", roles(), ids=lambda role: role.name)
every_sample = pytest.mark.parametrize("sample", SAMPLES)

# Alertmanager fills these in itself, in the same brackets.
OF_GO = ("/etc/prometheus/maillage.tmpl", "/etc/prometheus/alertmanager.yml")


@every_role
@every_sample
def test_samples_pass_the_spec(role: Role, sample: str) -> None:
    result = ArgumentSpecValidator(role.options).validate(SAMPLES[sample][role.name])
    assert result.error_messages == []


@every_role
@every_sample
def test_no_trace_of_a_template_is_left(role: Role, sample: str) -> None:
    made = {path: text for path, text in rendered(role, sample).items() if path not in OF_GO}
    left = [path for path, text in made.items() if "{{" in text or "{%" in text]
    assert left == []


@every_role
@every_sample
def test_json_is_json(role: Role, sample: str) -> None:
    for path, text in rendered(role, sample).items():
        if path.endswith(".json"):
            json.loads(text)


@every_sample
def test_no_further_authority_means_no_file(sample: str) -> None:
    path = "/usr/local/share/ca-certificates/maillage.crt"
    given = bool(SAMPLES[sample]["certificates"].get("certificates_trusted_ca"))
    assert (path in rendered(Role("certificates"), sample)) == given


@every_sample
def test_the_firewall_refuses_by_default_and_opens_what_is_declared(sample: str) -> None:
    rules = rendered(Role("base"), sample)["/etc/nftables.conf"]
    assert rules.count("policy drop") == 2
    declared = SAMPLES[sample]["base"].get("base_ports", [])
    opened = [line.strip() for line in rules.splitlines() if line.strip().endswith(" accept") and " dport " in line]
    assert [f"{port['protocol']} dport {port['port']} accept" for port in declared] == opened[-len(declared) :][
        : len(declared)
    ]


def test_the_page_shows_a_name_as_it_is_written_and_runs_nothing() -> None:
    page = rendered(Role("web"), "full")["/usr/share/maillage/web/index.html"]
    seen = Seen()
    seen.feed(page)
    assert "Association <d'exemple> & Cie" in seen.text
    assert not {"script", "iframe", "img", "form"} & seen.tags
    assert seen.languages == ["fr", "en"]


class Seen(HTMLParser):
    """What a browser would see."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.languages: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.languages += [value for name, value in attrs if name == "lang" and value]

    def handle_data(self, data: str) -> None:
        self.text += data
