"""Turn pydantic's errors into sentences for a partner: what is wrong, what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from orchestrator.fields import Says
from orchestrator.yamlfile import Location

_LIST = "must be a list: lines that begin with - and a space"


def explain(model: type[BaseModel], error: ValidationError) -> Iterator[tuple[Location, str, bool]]:
    """Give for each error its location, its sentence, and whether the key (not the value) is at fault."""
    for detail in error.errors(include_input=False, include_url=False, include_context=False):
        location: Location = detail["loc"]
        kind = detail["type"]
        at_key = kind == "says" and location[-1] == "[key]"  # pydantic's mark for the name of an entry
        if at_key:
            location = location[:-1]
        if kind == "extra_forbidden":
            yield location, _unknown(str(location[-1]), _known(model, location[:-1])), True
        elif kind == "missing":
            yield location, _missing(model, location), False
        elif kind in ("model_type", "dict_type"):
            yield location, _mapping(_known(model, location)), False
        elif kind in ("tuple_type", "list_type"):
            yield location, _LIST, False
        else:
            yield location, detail["msg"], at_key


def closest(name: str, known: Iterable[str]) -> str:
    """Say which of the known names was probably meant, or which there are."""
    names = list(known)
    if near := difflib.get_close_matches(name, names, n=1):
        return f"did you mean {near[0]}?"
    return f"there is {', '.join(names[:20])}" if names else "there is none"


def _unknown(name: str, known: list[str]) -> str:
    return f"is not known here; {closest(name, known)}"


def _missing(model: type[BaseModel], location: Location) -> str:
    parent = _at(model, location[:-1])
    information = parent.model_fields[str(location[-1])]
    sentence = next((entry.sentence for entry in information.metadata if isinstance(entry, Says)), None)
    if get_origin(information.annotation) is tuple:
        sentence = _LIST
    return f"is missing; it {sentence or _mapping(_known(model, location))}"


def _mapping(known: list[str]) -> str:
    return (
        f"must be a mapping with {', '.join(known)}" if known else "must be a mapping: lines of the form `name: value`"
    )


def _known(model: type[BaseModel], location: Location) -> list[str]:
    found = _at(model, location)
    return list(found.model_fields) if found else []


def _at(annotation: Any, location: Location) -> Any:  # noqa: ANN401  (annotations are of any type)
    """Find the model that stands at a location, by its type alone."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if not location:
            return annotation
        information = annotation.model_fields.get(str(location[0]))
        return _at(information.annotation, location[1:]) if information else None
    members = get_args(annotation)
    if get_origin(annotation) is dict:
        return _at(members[1], location[1:]) if location else None
    if get_origin(annotation) is tuple:
        return _at(members[0], location[1:]) if location else None
    return next(filter(None, (_at(member, location) for member in members)), None)
