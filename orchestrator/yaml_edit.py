"""Changes to a YAML file of a partner's that keep their comments and order."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from io import StringIO
from pathlib import Path
from typing import Any

from orchestrator.errors import InvalidInventory, UsageError
from orchestrator.files import UNWANTED, read_text, write_text
from orchestrator.secretsfile import LARGEST, locked
from orchestrator.yamlfile import is_text, parse

INDENTED_LIST = re.compile(r"^( *)[^\s#-][^\n]*:[^\n]*\n\1  - ", re.MULTILINE)


def edit(path: Path, change: Callable[[Any], None]) -> None:
    """Change a file in place, or make it.

    Args:
        path: the file.
        change: changes what is in it, a mapping; raises where the result would be wrong, and nothing is written then.

    Raises:
        UsageError: what would be written could not be read again.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.comments import CommentedMap

    yaml = YAML()
    yaml.width = 4096  # an entry stays on its line
    yaml.preserve_quotes = True
    with locked(path):
        given = read_text(path, LARGEST) if path.exists() else ""
        written = given.replace("\r\n", "\n")
        yaml.explicit_start = written.startswith("---")
        if INDENTED_LIST.search(written):
            yaml.indent(mapping=2, sequence=4, offset=2)
        content = yaml.load(written) or CommentedMap()
        before = StringIO()
        yaml.dump(content, before)
        change(content)
        text = StringIO()
        yaml.dump(content, text)
        if text.getvalue() == before.getvalue():
            return
        _readable(path, text.getvalue())
        lines = text.getvalue().replace("\n", "\r\n") if "\r\n" in given else text.getvalue()
        write_text(path, lines, path.stat().st_mode & 0o777 if path.exists() else 0o644)


def mapping() -> Any:  # noqa: ANN401 - ruamel's own type
    """An empty one."""
    from ruamel.yaml.comments import CommentedMap

    return CommentedMap()


def one_line(values: Mapping[str, str]) -> Any:  # noqa: ANN401 - ruamel's own type
    """A mapping that is written on one line."""
    from ruamel.yaml.comments import CommentedMap

    written = CommentedMap({name: quoted(value) for name, value in values.items()})
    written.fa.set_flow_style()
    return written


def quoted(text: str) -> str:
    """Text as it is to be written: in quotes where it would be read as something else, such as yes or 12."""
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString

    return text if is_text(text) else DoubleQuotedScalarString(text)


def _readable(path: Path, text: str) -> None:
    """See that the file which is to be written can be read again."""
    if UNWANTED.search(text):
        raise UsageError("a control or invisible character stands in what was given; nothing is written")
    try:
        parse(path, text)
    except InvalidInventory as error:
        sentences = ": ".join(part for part in (error.problems[0].field, error.problems[0].message) if part)
        raise UsageError(f"{sentences}; nothing is written") from None
