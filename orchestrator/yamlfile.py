"""Read a partner's YAML: fast, strict, and with the line of every problem.

libyaml composes each file once. What YAML 1.1 and 1.2 read differently is refused, because Ansible reads 1.1, editors
read 1.2 and a partner should need to know neither. Places in the file are looked up only when there is an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

import yaml
from yaml._yaml import CParser

from orchestrator.errors import InvalidInventory, Problem, printable
from orchestrator.files import UNWANTED, read_text

Location = tuple[str | int, ...]

LARGEST = 256 * 1024
DEEPEST = 20
LONGEST_NAME = 80

_MAY_BE_SPECIAL = frozenset("0123456789+-.~nNtTfFyYoO<=")
_PLAIN = re.compile(
    r"(?P<null>~|null|Null|NULL|)"
    r"|(?P<boolean>true|True|TRUE|false|False|FALSE)"
    r"|(?P<integer>-?(?:0|[1-9][0-9]{0,17}))"
    r"|(?P<decimal>-?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,17})"
    r"|(?P<ambiguous>[yY]|[yY]es|YES|[nN]|[nN]o|NO|[oO]n|ON|[oO]ff|OFF|<<|="
    r"|[-+]?0[xo][0-9a-fA-F_]+|[-+]?0b[01_]+"
    r"|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?"
    r"|[-+]?(?:[0-9_]+(?:\.[0-9_]*)?|\.[0-9_]+)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt ].*)?)"
)
_AMBIGUOUS = (
    "YAML 1.1 and 1.2 read this differently (like yes, no, on, 012, 1:30, 1_000 or a date); "
    "put it in quotes if it is text, else write true, false or a plain decimal number"
)
_TAG = "this tag (!) is not used here; only !vault is, in secrets.yml"


def is_text(value: str) -> bool:
    """Whether a value that stands in a file without quotes is read as text."""
    match = _PLAIN.fullmatch(value)
    return match is None or match.lastgroup is None


class _Mark(Protocol):
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Vaulted:
    """A value encrypted by ansible-vault, as it stands in the file."""

    ciphertext: str = field(repr=False)


class _Composer(CParser):
    """libyaml's parser with the few rules of this project in place of YAML's own resolver."""

    def __init__(self, text: str) -> None:
        CParser.__init__(self, text)
        self.depth = 0

    def resolve(self, kind: type[yaml.Node], value: str | None, implicit: tuple[bool, bool]) -> str:
        if kind is not yaml.ScalarNode:
            return "mapping" if kind is yaml.MappingNode else "sequence"
        if not implicit[0] or (value and value[0] not in _MAY_BE_SPECIAL):
            return "text"
        match = _PLAIN.fullmatch(value or "")
        return (match.lastgroup or "text") if match else "text"

    def descend_resolver(self, _parent: yaml.Node | None, _index: object) -> None:
        self.depth += 1
        if self.depth > DEEPEST:  # before libyaml's recursion can exhaust the stack
            raise _TooDeep

    def ascend_resolver(self) -> None:
        self.depth -= 1


class _TooDeep(Exception):
    pass


def read(path: Path, largest: int = LARGEST) -> dict[str, Any]:
    """Read one file whose top is a mapping.

    Args:
        path: a regular file; links are not followed.
        largest: bytes.

    Returns:
        Text, int, bool, None, Decimal, Vaulted, lists and dicts with text keys. A file of comments alone is empty.

    Raises:
        InvalidInventory: with every problem that can be found at once.
        FileNotFoundError: there is no such file.
    """
    return parse(path, read_text(path, largest))


def parse(path: Path, text: str) -> dict[str, Any]:
    """Read the text of a file, or of one that is to be written; see `read`."""
    problems: list[Problem] = []

    def report(node: yaml.Node, location: Location, message: str) -> None:
        mark = node.start_mark
        problems.append(Problem(path, mark.line + 1, mark.column + 1, dotted(location), message))

    root = _compose(path, text)
    if root is None:
        return {}
    if not isinstance(root, yaml.MappingNode):
        report(root, (), "the file must be a mapping: lines of the form `name: value`")
    value = _build(root, (), report)
    if problems:
        raise InvalidInventory(problems)
    assert isinstance(value, dict)
    return value


class Places:
    """Line and column of the fields of one file, looked up once something is wrong with it."""

    def __init__(self, path: Path) -> None:
        self._root = _compose(path, read_text(path, path.stat().st_size))

    def find(self, location: Location, at_key: bool = False) -> tuple[int, int]:
        """Give the place of a field's value, or of its key; of the nearest enclosing key if the field is absent."""
        node, place = self._root, self._root
        for index, part in enumerate(location):
            if isinstance(node, yaml.MappingNode):
                found = next((pair for pair in node.value if pair[0].value == part), None)
                if found is None:
                    break
                place, node = found
            elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
                place = node = node.value[part]
            else:
                break
            if index == len(location) - 1 and not at_key:
                place = node
        return (place.start_mark.line + 1, place.start_mark.column + 1) if place is not None else (1, 1)


def dotted(location: Location) -> str:
    """Write a location the way a message names a field: `hosts.0.address.ipv4`."""
    return ".".join(printable(str(part)[:LONGEST_NAME]) for part in location)


def _compose(path: Path, text: str) -> yaml.Node | None:
    def refused(mark: _Mark | None, message: str) -> InvalidInventory:
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        return InvalidInventory([Problem(path, line, column, "", message)])

    try:
        if "&" in text or "*" in text:  # the only way to write an anchor or an alias; rare enough to look twice
            for event in yaml.parse(text, Loader=yaml.CSafeLoader):
                if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                    raise refused(
                        event.start_mark,
                        "anchors (&) and aliases (*) are not used here; write it out, or put text in quotes",
                    )
        composer = _Composer(text)
        try:
            root: yaml.Node | None = composer.get_single_node()
        finally:
            composer.dispose()
    except _TooDeep:
        raise refused(
            None, f"is nested more than {DEEPEST} levels deep; check the brackets and the indentation"
        ) from None
    except yaml.MarkedYAMLError as error:
        raise refused(error.problem_mark, _syntax(error, text)) from None
    except yaml.YAMLError:
        raise refused(None, "is not YAML; compare it with a sample territory") from None
    return root


def _syntax(error: yaml.MarkedYAMLError, text: str) -> str:
    mark = error.problem_mark
    lines = text.splitlines()
    line = lines[mark.line] if mark and mark.line < len(lines) else ""
    column = mark.column if mark else 0
    if "\t" in line[: len(line) - len(line.lstrip())] or line[column : column + 1] == "\t":
        return "a tab is used to indent; use spaces"
    if error.context == "expected a single document in the stream":
        return "a second document begins here (---); keep one document per file"
    if isinstance(error, yaml.composer.ComposerError):
        return f"{error.problem}; write the value out"
    return f"this is not YAML ({error.problem}); check indentation, colons and quotes here and on the line before"


def _build(node: yaml.Node, location: Location, report: Callable[[yaml.Node, Location, str], None]) -> Any:  # noqa: ANN401
    tag = node.tag
    if tag == "text":
        if UNWANTED.search(node.value):
            report(node, location, "an escape in this value stands for a control or invisible character; remove it")
        return node.value
    if tag == "mapping":
        return _mapping(node, location, report)
    if tag == "sequence":
        return [_build(item, (*location, index), report) for index, item in enumerate(node.value)]
    if tag == "integer":
        return int(node.value)
    if tag == "null":
        return None
    if tag == "boolean":
        return node.value[0] in "tT"
    if tag == "decimal":
        return Decimal(node.value)
    if tag == "!vault" and isinstance(node, yaml.ScalarNode):
        return Vaulted(node.value)
    report(node, location, _AMBIGUOUS if tag == "ambiguous" else _TAG)
    return None


def _mapping(node: yaml.Node, location: Location, report: Callable[[yaml.Node, Location, str], None]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in node.value:
        if key.tag != "text":
            report(key, location, _AMBIGUOUS if key.tag == "ambiguous" else "a name must be text; put it in quotes")
        elif UNWANTED.search(key.value):
            report(key, location, "an escape in this name stands for a control or invisible character; remove it")
        elif key.value in result:
            report(key, (*location, key.value), "is given twice; keep one of them")
        else:
            result[key.value] = _build(value, (*location, key.value), report)
    return result
