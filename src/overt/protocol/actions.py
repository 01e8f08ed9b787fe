"""Actions: what a person or an agent does, one schema for recording and acting.

Coordinates are pixels of the X root window of the recorded screen (origin top left).
The JSON form is specified in docs/spec/actions.md.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

from overt.protocol.errors import DataError
from overt.protocol.forms import read_form

Button = Literal["left", "middle", "right"]
Status = Literal["done", "failed", "discard"]


@dataclass(frozen=True, slots=True)
class Click:
    """A press and release at one place; `count` 2 is a double click."""

    action: ClassVar[str] = "click"
    x_px: int
    y_px: int
    button: Button = "left"
    count: int = 1

    def __post_init__(self) -> None:
        if self.count < 1:
            raise DataError("A click has a count below 1.")


@dataclass(frozen=True, slots=True)
class Drag:
    """A press at one place and the release at another."""

    action: ClassVar[str] = "drag"
    x_px: int
    y_px: int
    to_x_px: int
    to_y_px: int
    button: Button = "left"


@dataclass(frozen=True, slots=True)
class Scroll:
    """Wheel steps at a place; positive is down and right."""

    action: ClassVar[str] = "scroll"
    x_px: int
    y_px: int
    dx: int = 0
    dy: int = 0


@dataclass(frozen=True, slots=True)
class Type:
    """Text typed, with edits resolved; a `secret` carries no text and no length.

    Whoever runs an agent fills a secret in; a recording never holds it.
    """

    action: ClassVar[str] = "type"
    text: str = ""
    secret: bool = False

    def __post_init__(self) -> None:
        if self.secret and self.text:
            raise DataError("A secret typing action carries text.")


@dataclass(frozen=True, slots=True)
class Key:
    """A key or combination that types no text: `Return`, `Tab`, `ctrl+a`.

    Modifiers come first in the order ctrl, alt, shift, super, joined by `+`; the key
    is an X keysym name.
    """

    action: ClassVar[str] = "key"
    combo: str


@dataclass(frozen=True, slots=True)
class Done:
    """The end of a task as whoever judged it says."""

    action: ClassVar[str] = "done"
    status: Status = "done"


Action = Click | Drag | Scroll | Type | Key | Done
_KINDS: dict[str, type[Action]] = {
    kind.action: kind for kind in (Click, Drag, Scroll, Type, Key, Done)
}


def action_json(action: Action) -> dict[str, Any]:
    """Return the JSON form: `{"action": kind, ...fields}`."""
    return {"action": action.action, **asdict(action)}


def parse_action(value: dict[str, Any]) -> Action:
    """Read the JSON form of an action.

    Raises:
        DataError: The kind is not known, or a field is missing, foreign or wrong.
    """
    if not isinstance(value, dict):
        raise DataError("An action is no table of fields.")
    fields = dict(value)
    name = fields.pop("action", None)
    kind = _KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise DataError(f"No such action: {name!r:.40}.")
    return read_form(kind, fields, what=f"Action {name!r}")
