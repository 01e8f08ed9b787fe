"""What the injector shall do: instants, kinds, keys and places, worked out beforehand.

Input: rates, seconds, areas of the screen. Output: arrays of `PLAN_DTYPE` in order of
time. Pure. Every motion leads to another place than the one before, since an X server
reports none that does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from Xlib import X

if TYPE_CHECKING:
    from overt.desktop.types import Rect

PLAN_DTYPE = np.dtype(
    [
        ("due_ns", "<i8"),  # since the start
        ("type", "u1"),  # X.KeyPress .. X.MotionNotify
        ("detail", "<u4"),  # keysym or button; 0 for motion
        ("x_px", "<i2"),
        ("y_px", "<i2"),
    ]
)
Plan = npt.NDArray[np.void]  # of PLAN_DTYPE

_LETTERS = "the quick brown fox jumps over the lazy dog "
_MS = 1_000_000
_UP, _DOWN, _LEFT_BUTTON = 4, 5, 1


def flood(rate_hz: int, seconds: float, area: Rect) -> Plan:
    """Motion at a rate, ten keys and one click a second, inside an area.

    The click comes half a second away from the keys, as a hand that points does not
    type: a key within half a second of two clicks counts as going to an unknown field.
    """
    motions = np.zeros(int(rate_hz * seconds), PLAN_DTYPE)
    place = np.arange(len(motions))
    motions["due_ns"] = place * 1_000_000_000 // rate_hz
    motions["type"] = X.MotionNotify
    motions["x_px"] = area.x + _there_and_back(place * 3, area.width - 1)
    motions["y_px"] = area.y + _there_and_back(place // 7, area.height - 1)
    rows: list[tuple[int, int, int, int, int]] = []
    for second in range(int(seconds)):
        start = second * 1000
        for stroke in range(5):
            letter = ord(_LETTERS[(second * 5 + stroke) % len(_LETTERS)])
            rows += _stroke(start + 30 + stroke * 80, letter)
        rows += _click(start + 900)
    return _sorted(motions, rows)


def work(seconds: float, left: Rect, right: Rect) -> Plan:
    """Read, type and switch between two windows side by side, over and over.

    Thirty seconds each round: point and click into the left window, scroll, type; the
    same in the right one.
    """
    rows: list[tuple[int, int, int, int, int]] = []
    at, start = (left.x + 5, left.y + 5), 500
    while start < seconds * 1000:
        for number, area in enumerate((left, right)):
            goal = (area.x + area.width // 2, area.y + area.height // 2)
            rows += _move(start, at, goal)
            at = goal
            rows += _click(start + 700)
            rows += _scroll(start + 1500, 24 if number == 0 else 6)
            rows += _type(start + 8000, 24)
            rows += _move(start + 13_200, at, (at[0] + 120, at[1] + 60))
            at = (at[0] + 120, at[1] + 60)
            start += 15_000
    made = _sorted(np.zeros(0, PLAN_DTYPE), rows)
    return made[made["due_ns"] < seconds * 1e9]


def _there_and_back(place: npt.NDArray[np.int64], length: int) -> npt.NDArray[np.int64]:
    back = place % (2 * length)
    return np.minimum(back, 2 * length - back)


def _stroke(at_ms: int, keysym: int) -> list[tuple[int, int, int, int, int]]:
    return [
        (at_ms * _MS, X.KeyPress, keysym, 0, 0),
        ((at_ms + 40) * _MS, X.KeyRelease, keysym, 0, 0),
    ]


def _click(at_ms: int, button: int = _LEFT_BUTTON) -> list[tuple[int, ...]]:
    return [
        (at_ms * _MS, X.ButtonPress, button, 0, 0),
        ((at_ms + 60) * _MS, X.ButtonRelease, button, 0, 0),
    ]


def _scroll(at_ms: int, notches: int) -> list[tuple[int, ...]]:
    rows: list[tuple[int, ...]] = []
    for notch in range(notches):
        button = _DOWN if notch % 8 < 6 else _UP
        rows += _click(at_ms + notch * 220, button)
    return rows


def _type(at_ms: int, letters: int) -> list[tuple[int, ...]]:
    rows: list[tuple[int, ...]] = []
    for number in range(letters):
        rows += _stroke(at_ms + number * 200, ord(_LETTERS[number % len(_LETTERS)]))
    return rows


def _move(
    at_ms: int, start: tuple[int, int], goal: tuple[int, int]
) -> list[tuple[int, ...]]:
    """Half a second of motion at 125 Hz, with a minimum-jerk profile."""
    rows: list[tuple[int, ...]] = []
    before = start
    for step in range(1, 63):
        share = step / 62
        done = share**3 * (10 - 15 * share + 6 * share**2)
        x = round(start[0] + done * (goal[0] - start[0]))
        y = round(start[1] + done * (goal[1] - start[1]))
        if (x, y) != before:
            rows.append(((at_ms + step * 8) * _MS, X.MotionNotify, 0, x, y))
            before = (x, y)
    return rows


def _sorted(motions: Plan, rows: list[tuple[int, ...]]) -> Plan:
    others = np.array([tuple(row) for row in rows], PLAN_DTYPE)
    whole = np.concatenate([motions, others])
    return whole[np.argsort(whole["due_ns"], kind="stable")]
