"""What a partner writes as free text is text for whoever reads it, and never a tag, a template or a command."""

from html.parser import HTMLParser
from tempfile import gettempdir

import pytest
from ansible.template import trust_as_template
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from rendering import OPTIONS, templar
from role_files import Role

from orchestrator import fields

TEXT = TypeAdapter(fields.Text)
MARK = f"{gettempdir()}/maillage-executed"
# What means something to one of those who handle it: a shell, HTML, YAML, LDAP, SQL, PHP, Ansible, a terminal.
FRAGMENTS = [
    *(f"$(touch {MARK})", f"`touch {MARK}`", f"; touch {MARK}", f"| touch {MARK}", "$HOME", "\\", "\\n", "~", "../.."),
    *("<script>", "</title>", "<!--", "-->", "&lt;", "&", "<?php", "?>", "'", '"', "''", "';--", '"; ', " "),
    *("!vault", "!unsafe", "!!python/object", "&a", "*a", "# ", "- ", ": ", "%s", "%(x)s", "{{ mark }}", "{% raw %}"),
    *("dn: cn=x", ",ou=x", "*)(uid=*", "{SSHA}", "\u202e", "\u2028", "\x85", "\x1b[2J", "é", "🌊"),
]


def accepted(text):
    """Whether a partner may write this as a name."""
    try:
        TEXT.validate_python(text)
    except ValidationError:
        return False
    return True


NAMES = st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=8), min_size=1, max_size=6).map("".join).filter(accepted)


class Page(HTMLParser):
    """The tags of a page, and its words."""

    def __init__(self, source):
        super().__init__()
        self.tags, self.words = [], ""
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, attrs))

    def handle_comment(self, data):
        self.tags.append(("comment", data))

    def handle_data(self, data):
        self.words += data


@pytest.fixture(scope="module")
def page():
    """The page of a territory whose partner has this name."""
    role = Role("web")
    [source] = [path for path in role.templates if path.name == "index.html.j2"]
    template = trust_as_template(source.read_text(encoding="utf-8"))

    def rendered(name):
        environment = templar(role, "full")
        environment.available_variables = {**environment.available_variables, "web_partner_name": name}
        return Page(environment.template(template, overrides=OPTIONS))

    return rendered


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(name=NAMES)
def test_a_name_on_the_page_is_that_name(page, name):
    usual, hostile = page("Xyzzy"), page(name)
    assert usual.words.count("Xyzzy") == 2
    assert hostile.tags == usual.tags
    assert hostile.words == usual.words.replace("Xyzzy", name)
