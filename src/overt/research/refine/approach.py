"""What a person saw when deciding on an action: the screen at the last approach.

Stage: refine, third step. Input: a timeline, an action, the action before it. Output:
`Decision`: the instant, the screen then and the screen at the press. The decision is
never later than the press.

At the press the target already wears its hover style, which an agent that decides
before it moves will never see. So the screen is taken when the pointer set out. It is
taken later where more than hover styling has changed since, because then the person
acted on something that was not there yet.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from overt.protocol.actions import Click, Drag, Scroll
from overt.protocol.records import EventKind
from overt.research.refine.context import (
    SAME_SCREEN_PX,
    bounds_of,
    element_at,
    tree_boxes,
)
from overt.research.refine.timeline import differing

if TYPE_CHECKING:
    import numpy.typing as npt

    from overt.protocol.records import Pixels
    from overt.research.refine.context import Box
    from overt.research.refine.reduce import Reduced
    from overt.research.refine.timeline import Screen, Timeline

PAUSE_NS = 120_000_000  # a longer rest of the pointer ends an approach
CORRECTION_PX = 24.0  # a rest this near to the press is part of the approach
SETTLE_NS = 100_000_000  # what an action did has been painted after this time
TARGET_MARGIN_PX = 6
_AROUND_PX = (60, 20)  # half size of a neighbourhood without known bounds
_LARGEST_SHARE = 0.04  # what fills more of the screen is no target but a container
_LARGEST_PX2 = 30_000


@dataclass(frozen=True, slots=True)
class Decision:
    """When an action was decided on, and what the screen showed.

    Attributes:
        t_ns: The instant, not later than the press.
        decide: The screen at that instant.
        press: The screen at the press.
    """

    t_ns: int
    decide: Screen | None
    press: Screen | None


def decide_on(
    timeline: Timeline, reduced: Reduced, before: Reduced | None, since_ns: int
) -> Decision:
    """Find when an action was decided on.

    Args:
        timeline: The session.
        reduced: The action.
        before: The action before it in the episode, if any.
        since_ns: The episode's begin; no decision is earlier.
    """
    press = timeline.press_frame(reduced.t_press_ns)
    if not isinstance(reduced.action, Click | Drag | Scroll):
        first = timeline.press_frame(reduced.t_first_ns)
        shown = press if timeline.has_press(reduced.t_press_ns) else first
        return Decision(reduced.t_first_ns, first, shown)
    earliest = max(since_ns, before.t_end_ns if before else since_ns)
    start = approach_start(timeline, reduced, earliest)
    if start is None or press is None:
        return Decision(reduced.t_press_ns, press, press)
    return _settled(timeline, reduced, before, start, press)


def approach_start(
    timeline: Timeline, reduced: Reduced, earliest_ns: int
) -> tuple[int, int, int] | None:
    """Return (t_ns, x, y) of the first motion of the last approach to a press.

    An approach begins after the last rest of the pointer. A short rest close to the
    press, after an overshoot, belongs to it.

    Args:
        timeline: The session.
        reduced: A click, drag or scroll.
        earliest_ns: End of the action before; motion up to then is not looked at.
    """
    events = timeline.events
    chosen = events[
        (events["kind"] == EventKind.MOTION)
        & (events["t_ns"] > earliest_ns)
        & (events["t_ns"] <= reduced.t_press_ns)
    ]
    if not len(chosen):
        return None
    times = chosen["t_ns"].tolist()
    places = list(zip(chosen["x_px"].tolist(), chosen["y_px"].tolist(), strict=True))
    start = len(times) - 1
    while start > 0 and (
        times[start] - times[start - 1] <= PAUSE_NS
        or math.dist(places[start - 1], places[-1]) <= CORRECTION_PX
    ):
        start -= 1
    return times[start], *places[start]


@dataclass(frozen=True, slots=True)
class _Regions:
    """Where the screen may change without mattering, bool (height, width).

    Attributes:
        target: The neighbourhood of the press: it gains its hover style.
        left: The neighbourhood where the pointer set out: it loses its own.
    """

    target: npt.NDArray[np.bool_]
    left: npt.NDArray[np.bool_]


def _settled(
    timeline: Timeline,
    reduced: Reduced,
    before: Reduced | None,
    start: tuple[int, int, int],
    press: Screen,
) -> Decision:
    """Move a decision later until only hover styling separates it from the press."""
    t_start, x_px, y_px = start
    pressed = press.pixels()
    regions = _regions(timeline, reduced, (x_px, y_px), pressed.shape[:2])
    calm = min((before.t_end_ns if before else 0) + SETTLE_NS, reduced.t_press_ns)
    at_calm = timeline.frame_at(calm - 1)
    settled = at_calm.pixels() if at_calm else pressed
    first = timeline.frame_at(t_start - 1)
    candidates = [(t_start, first)] if first is not None and first.exact else []
    candidates += [
        (screen.t_ns, screen)
        for screen in timeline.screens_between(t_start - 1, reduced.t_press_ns)
    ]
    for t_ns, screen in candidates:
        shown = screen.pixels()
        if _only_hover(shown, settled if t_ns < calm else shown, pressed, regions):
            return Decision(t_ns, screen, press)
    return Decision(reduced.t_press_ns, press, press)


def _only_hover(
    shown: Pixels, settled: Pixels, pressed: Pixels, regions: _Regions
) -> bool:
    """Whether nothing but hover styling lies between a screen and the press.

    Where the pointer set out the previous action may still have been painting, so
    there the screen must be as it was once that had settled.
    """
    elsewhere = differing(shown, pressed) & ~regions.target & ~regions.left
    pending = differing(shown, settled) & regions.left & ~regions.target
    return int(elsewhere.sum()) + int(pending.sum()) <= SAME_SCREEN_PX


def _regions(
    timeline: Timeline,
    reduced: Reduced,
    left_px: tuple[int, int],
    shape: tuple[int, ...],
) -> _Regions:
    action = reduced.action
    if not isinstance(action, Click | Drag | Scroll):
        raise TypeError(action)
    place, t_ns = (action.x_px, action.y_px), reduced.t_press_ns
    element = bounds_of(element_at(timeline, t_ns))
    known = [element] if element and _holds(element, place, shape) else []
    boxes = [box for box in tree_boxes(timeline, t_ns) if _holds(box, place, shape)]
    left = [box for box in tree_boxes(timeline, t_ns) if _holds(box, left_px, shape)]
    return _Regions(
        _mask(known + (boxes or [_around(*place)]), shape),
        _mask([*left, _around(*left_px)], shape),
    )


def _around(x_px: int, y_px: int) -> Box:
    half_width, half_height = _AROUND_PX
    return x_px - half_width, y_px - half_height, 2 * half_width, 2 * half_height


def _holds(box: Box, place: tuple[int, int], shape: tuple[int, ...]) -> bool:
    """Whether a rectangle holds a place and is small enough to be a target.

    A press is often reported on the text in a button: the button holds it too.
    """
    x, y, width, height = box
    holds = 0 <= place[0] - x < width and 0 <= place[1] - y < height
    largest = min(_LARGEST_PX2, _LARGEST_SHARE * shape[0] * shape[1])
    return holds and width * height <= largest


def _mask(boxes: list[Box], shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    """Return where any rectangle, a margin round it included, covers the screen."""
    mask, margin = np.zeros(shape[:2], bool), TARGET_MARGIN_PX
    for x, y, width, height in boxes:
        rows = slice(max(0, y - margin), max(0, y + height + margin))
        mask[rows, max(0, x - margin) : max(0, x + width + margin)] = True
    return mask
