"""An action of the common schema, carried out on a display.

Input: an action. Output: input events through XTEST, at a person's pace or at once.
It reads nothing from the screen and decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, assert_never

from overt.protocol.actions import Action, Click, Done, Drag, Key, Scroll, Type

if TYPE_CHECKING:
    from overt.desktop.x11.synth import Synth, Wheel

Before = Callable[[], None]


def perform(
    synth: Synth,
    action: Action,
    *,
    human: bool = False,
    secret: str = "",
    before: Before | None = None,
) -> None:
    """Carry out one action.

    Args:
        synth: Pointer and keyboard to act with.
        action: What to do; `Done` does nothing.
        human: Whether to move and type as a person does, else at once.
        secret: What a secret typing action types.
        before: Called after the pointer arrived, just before the first button or
            key goes down.

    Raises:
        CaptureError: A character or key is not on the display's keyboard.
    """
    mark = before or _nothing
    match action:
        case Click(x_px=x, y_px=y):
            _reach(synth, x, y, human=human)
            mark()
            synth.click(action.button, count=action.count, human=human)
        case Drag(x_px=x, y_px=y):
            _reach(synth, x, y, human=human)
            mark()
            synth.drag(action.to_x_px, action.to_y_px, action.button)
        case Scroll(x_px=x, y_px=y):
            _reach(synth, x, y, human=human)
            mark()
            _scroll(synth, action, human=human)
        case Type():
            mark()
            synth.type_text(secret if action.secret else action.text, human=human)
        case Key(combo=combo):
            mark()
            synth.combo(combo, human=human)
        case Done():
            return
        case _:
            assert_never(action)


def _reach(synth: Synth, x_px: int, y_px: int, *, human: bool) -> None:
    """Bring the pointer to a place: a glide and a short rest, or three events."""
    if human:
        synth.glide(x_px, y_px)
        synth.dwell(0.07, 0.15)
        return
    from_x, from_y = synth.position()
    for share in (1 / 3, 2 / 3, 1.0):
        x = from_x + (x_px - from_x) * share
        y = from_y + (y_px - from_y) * share
        synth.move(round(x), round(y))


def _scroll(synth: Synth, action: Scroll, *, human: bool) -> None:
    """Turn the wheel step by step; positive is down and right."""
    turns: list[Wheel] = ["down" if action.dy > 0 else "up"] * abs(action.dy)
    turns += ["right" if action.dx > 0 else "left"] * abs(action.dx)
    for turn in turns:
        synth.scroll(turn)
        if human:
            synth.dwell(0.03, 0.08)


def _nothing() -> None:
    """Stand in where the caller wants no word."""
