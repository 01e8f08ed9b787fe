"""Typed reading of records from JSON: every field there, none foreign, each its type.

Stage: under every parser of the protocol. In: a JSON value and the dataclass that it
must have the form of; out: the dataclass, nested ones read likewise. It never converts
a value to another type: `"5"` is no number and `true` is no 1.
"""

from __future__ import annotations

from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import cache
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    TypeVar,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from overt.protocol.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

Form = TypeVar("Form")

_WORDS = {str: "a text", int: "a whole number", bool: "true or false"}


def read_form(kind: type[Form], body: object, *, what: str) -> Form:
    """Return a dataclass made from a JSON object.

    Args:
        kind: The dataclass; its annotations say what each field must be.
        body: The JSON value.
        what: What is read, as the subject of a sentence: `A receipt`.

    Raises:
        DataError: It is no object, or a field is missing, foreign or of another type;
            the message names the field by its path.
    """
    if not isinstance(body, dict):
        raise DataError(f"{what} is no table of fields.")
    forms = _fields(cast("Hashable", kind))
    for name in body:
        if name not in forms:
            raise DataError(f"{what} has a foreign field {name!r:.60}.")
    values: dict[str, Any] = {}
    for name, (hint, needed) in forms.items():
        if name in body:
            value = body[name]
            plain = type(value) is hint and hint in _WORDS
            values[name] = value if plain else _read(hint, value, f"{what}: {name}")
        elif needed:
            raise DataError(f"{what} lacks {name!r}.")
    return kind(**values)


@cache
def _fields(kind: Hashable) -> dict[str, tuple[Any, bool]]:
    """Return each field's annotation, and whether it has to be there."""
    hints = get_type_hints(kind)
    return {
        item.name: (
            hints[item.name],
            item.default is MISSING and item.default_factory is MISSING,
        )
        for item in fields(kind)  # type: ignore[arg-type]
    }


def _read(hint: Any, value: object, what: str) -> Any:
    if hint is Any:
        return value
    if is_dataclass(hint):
        return read_form(hint, value, what=what)  # type: ignore[arg-type]
    reader = _READERS.get(get_origin(hint))
    if reader is not None:
        return reader(get_args(hint), value, what)
    if issubclass(hint, Enum):
        return _one_of(tuple(item.value for item in hint), value, what, hint)
    if type(value) is not hint:
        raise DataError(f"{what} is not {_WORDS[hint]}.")
    return value


def _one_of(
    known: tuple[Any, ...], value: object, what: str, make: Callable[[Any], Any]
) -> Any:
    if not isinstance(value, str) or value not in known:
        raise DataError(f"{what} is none of {', '.join(map(str, known))}.")
    return make(value)


def _read_literal(args: tuple[Any, ...], value: object, what: str) -> Any:
    return _one_of(args, value, what, str)


def _read_tuple(args: tuple[Any, ...], value: object, what: str) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        raise DataError(f"{what} is not a list.")
    return tuple(
        _read(args[0], item, f"{what} {number}") for number, item in enumerate(value, 1)
    )


def _read_dict(args: tuple[Any, ...], value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DataError(f"{what} is no table of fields.")
    return {
        name: _read(args[1], item, f"{what}: {name!s:.60}")
        for name, item in value.items()
    }


_READERS: dict[Any, Callable[[tuple[Any, ...], object, str], Any]] = {
    Literal: _read_literal,
    tuple: _read_tuple,
    dict: _read_dict,
}
