"""How a hand moves a pointer: pure planning of a path and its timing.

Input: where from, where to, a random source. Output: instants and places. Places
follow a quadratic Bezier curve with a little tremor; instants follow the
minimum-jerk profile; now and then the hand overshoots and corrects. It never touches
a display.

Sources: Fitts 1954 (duration grows with distance over width); Flash and Hogan 1985
(minimum jerk).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

MIN_MOVE_S = 0.15
MIN_KEY_S = 0.04
Place = tuple[int, int]
Step = tuple[float, int, int]  # seconds since the start, x, y in pixels


def plan_move(
    start: Place, end: Place, rng: random.Random, pace: float, width_px: float
) -> list[Step]:
    """Plan a move of at least 150 ms, sampled at 60 to 125 Hz.

    Args:
        start: Where the pointer is, in pixels.
        end: Where it shall end, exactly.
        rng: Source of variation.
        pace: Speed relative to an unhurried person.
        width_px: Size of the target.

    Returns:
        Steps in order of time; the last one is at `end`. Empty where start is end.
    """
    if start == end:
        return []
    distance = math.dist(start, end)
    duration = max(MIN_MOVE_S, fitts_s(distance, width_px) / pace)
    rate_hz = rng.uniform(60.0, 125.0)
    if distance < 60 or rng.random() > 0.3:
        return _arc(start, end, duration, rate_hz, rng)
    beyond = _beyond(start, end, rng)
    steps = _arc(start, beyond, duration, rate_hz, rng)
    pause = duration + rng.uniform(0.03, 0.08)
    back = _arc(beyond, end, rng.uniform(0.09, 0.14), rate_hz, rng)
    return steps + [(pause + due, x, y) for due, x, y in back]


def fitts_s(distance_px: float, width_px: float) -> float:
    """Return how long an unhurried hand takes, in seconds."""
    return 0.12 + 0.11 * math.log2(distance_px / max(width_px, 4.0) + 1.0)


def _beyond(start: Place, end: Place, rng: random.Random) -> Place:
    """Return a place 4 to 9 % past the end, a little to the side."""
    share = rng.uniform(0.04, 0.09)
    aside = rng.uniform(-0.03, 0.03)
    dx, dy = end[0] - start[0], end[1] - start[1]
    x = end[0] + share * dx - aside * dy
    y = end[1] + share * dy + aside * dx
    return max(0, round(x)), max(0, round(y))


def _arc(
    start: Place, end: Place, duration_s: float, rate_hz: float, rng: random.Random
) -> list[Step]:
    """Sample one curved stroke; the last step is the end itself."""
    bend = rng.gauss(0.0, 0.08)
    dx, dy = end[0] - start[0], end[1] - start[1]
    via = (start[0] + dx / 2 - bend * dy, start[1] + dy / 2 + bend * dx)
    count = max(2, math.ceil(duration_s * rate_hz))
    steps: list[Step] = []
    for nth in range(1, count):
        share = nth / count
        x, y = _bezier(start, via, end, _minimum_jerk(share))
        tremor = 0.5 * math.sin(math.pi * share)
        place = (rng.gauss(x, tremor), rng.gauss(y, tremor))
        steps.append((duration_s * share, round(place[0]), round(place[1])))
    return [*steps, (duration_s, end[0], end[1])]


def _minimum_jerk(share: float) -> float:
    """Map the share of time to the share of the way."""
    return share**3 * (10 - 15 * share + 6 * share**2)


def _bezier(
    start: Place, via: tuple[float, float], end: Place, share: float
) -> tuple[float, float]:
    """Return the place on the quadratic curve at a share of its parameter."""
    a, b, c = (1 - share) ** 2, 2 * (1 - share) * share, share**2
    return (
        a * start[0] + b * via[0] + c * end[0],
        a * start[1] + b * via[1] + c * end[1],
    )
