"""Policies that have learnt nothing: what a trained one must be better than.

`RandomPolicy` acts at random, `ReplayPolicy` repeats the demonstration whose goal and
screen are nearest. Both know the common action schema and the screen, nothing more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from overt.protocol.actions import Action, Click, Done, Key, Type
from overt.protocol.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from random import Random

    from overt.protocol.records import Pixels

Area = tuple[int, int, int, int]  # x, y, width, height in root pixels
_KEYS = ("Return", "Tab", "BackSpace", "Down", "ctrl+a", "ctrl+c", "ctrl+v")
_SHRINK = 2  # screens are compared at half size
_Small = npt.NDArray[np.int16]


class RandomPolicy:
    """Clicks anywhere in the task, types a word of the goal, or presses a key."""

    def __init__(self, rng: Random, area: Area) -> None:
        self._rng = rng
        self._area = area

    def act(self, frame: Pixels, goal: str, previous: Sequence[Action]) -> Action:
        """Choose an action: a click two times in three."""
        del frame, previous
        drawn = self._rng.random()
        if drawn < 2 / 3:
            x, y, width, height = self._area
            at_x = self._rng.randrange(x, x + width)
            return Click(at_x, self._rng.randrange(y, y + height))
        if drawn < 5 / 6:
            return Type(self._rng.choice(goal_words(goal) or ["a"]))
        return Key(self._rng.choice(_KEYS))


@dataclass(frozen=True, slots=True)
class Demonstration:
    """An episode to replay: for each step the screen and the action that followed."""

    goal: str
    steps: Sequence[tuple[Pixels, Action]]


@dataclass(frozen=True, slots=True)
class _Stored:
    words: frozenset[str]
    screens: tuple[_Small, ...]
    actions: tuple[Action, ...]


class ReplayPolicy:
    """Repeats the nearest demonstration, chosen anew at each step.

    Nearest is first by the share of words that the goals have in common, then, among
    equals, by the mean difference of the screens at the same step.
    """

    def __init__(self, demonstrations: Iterable[Demonstration], area: Area) -> None:
        self._area = area
        self._stored = [self._store(one) for one in demonstrations]
        if not self._stored:
            raise DataError("There is no demonstration to replay.")

    def act(self, frame: Pixels, goal: str, previous: Sequence[Action]) -> Action:
        """Return the next action of the nearest demonstration, `Done` at its end."""
        words = frozenset(goal_words(goal))
        nth = len(previous)
        longer = [one for one in self._stored if nth < len(one.actions)]
        if not longer:
            return Done()
        best = max(overlap(words, one.words) for one in longer)
        alike = [one for one in longer if overlap(words, one.words) == best]
        screen = self._shrink(frame)
        nearest = min(alike, key=lambda one: _distance(screen, one.screens[nth]))
        return nearest.actions[nth]

    def _store(self, one: Demonstration) -> _Stored:
        return _Stored(
            frozenset(goal_words(one.goal)),
            tuple(self._shrink(frame) for frame, _ in one.steps),
            tuple(action for _, action in one.steps),
        )

    def _shrink(self, frame: Pixels) -> _Small:
        """Return the task's area, grey, at half size."""
        x, y, width, height = self._area
        part = frame[y : y + height : _SHRINK, x : x + width : _SHRINK]
        small: _Small = part.mean(axis=2).astype(np.int16)
        return small


def goal_words(goal: str) -> list[str]:
    """Return the words and numbers of a goal."""
    return re.findall(r"[A-Za-z0-9#]+", goal)


def overlap(one: frozenset[str], other: frozenset[str]) -> float:
    """Return the share of words in common (Jaccard)."""
    return len(one & other) / max(1, len(one | other))


def _distance(one: _Small, other: _Small) -> float:
    """Return the mean absolute difference of two grey screens."""
    return float(np.abs(one - other).mean())
