"""An episode as the player in the browser takes it: frames, pointer, actions.

Stage: between whoever holds an episode's frames (the participant's own page, the
report of a run) and `static/player.js`. In: URLs, times and actions; out: a JSON
object with a sentence for each step. It never reads a picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from overt.protocol.actions import (
    Action,
    Click,
    Done,
    Drag,
    Key,
    Scroll,
    Type,
    action_json,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

_CLICKS = {1: "Click", 2: "Double click", 3: "Triple click"}


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of an episode and what was done on it.

    Attributes:
        src: URL of the PNG, relative to the page.
        t_ms: Milliseconds since the episode began.
        pointer_px: Where the pointer was, x and y in the picture's pixels from its
            top left; none when unknown.
        action: What followed; none for a picture only.
    """

    src: str
    t_ms: int
    pointer_px: tuple[int, int] | None = None
    action: Action | None = None


def episode_facts(
    frames: Sequence[Frame], *, width_px: int, height_px: int, start: int = 0
) -> dict[str, Any]:
    """Return the object that `player.html` and `player.js` show.

    Args:
        frames: In order of time.
        width_px: Width of every picture.
        height_px: Height of every picture.
        start: Number of the step that is shown at first, from 0.
    """
    return {
        "start": start,
        "width_px": width_px,
        "height_px": height_px,
        "frames": [
            {
                "src": frame.src,
                "t_ms": frame.t_ms,
                "pointer": frame.pointer_px and list(frame.pointer_px),
                "action": frame.action and action_json(frame.action),
                "label": f"{frame.t_ms / 1000:.1f} s: {action_sentence(frame.action)}",
            }
            for frame in frames
        ],
    }


def action_sentence(action: Action | None) -> str:
    """Say an action in a few words, for example `Click at 120, 44`."""
    match action:
        case None:
            return "Screen"
        case Type():
            return _typing_sentence(action)
        case Key():
            return f"Press {action.combo}"
        case Done():
            return f"End of the task: {action.status}"
    return _pointing_sentence(action)


def _typing_sentence(action: Type) -> str:
    if action.secret:
        return "Type a secret (not recorded)"
    return f"Type “{action.text}”"


def _pointing_sentence(action: Click | Drag | Scroll) -> str:
    place = f"{action.x_px}, {action.y_px}"
    match action:
        case Drag():
            return f"Drag from {place} to {action.to_x_px}, {action.to_y_px}"
        case Scroll():
            return f"Scroll at {place}"
    name = _CLICKS.get(action.count, f"{action.count} clicks")
    side = "" if action.button == "left" else f" ({action.button} button)"
    return f"{name} at {place}{side}"
