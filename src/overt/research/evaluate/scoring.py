"""Figures of an evaluation: success per task with its interval, mean, leakage.

Input: outcomes of episodes. Output: a table. Success is strict; no partial credit
enters. The mean is over tasks, each counting the same.

Sources: Wilson 1927 (score interval of a proportion).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from overt.protocol.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from collections.abc import Set as AbstractSet

_Z95 = 1.959963984540054
Seen = tuple[str, str]  # goal, frame_hash of the first screen


@dataclass(frozen=True, slots=True)
class TaskScore:
    """Success at one task.

    Attributes:
        episodes: How many were tried.
        successes: How many were wholly solved.
    """

    episodes: int
    successes: int

    @property
    def rate(self) -> float:
        """The share that was solved."""
        return self.successes / self.episodes

    @property
    def ci95(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the rate."""
        return wilson95(self.successes, self.episodes)


def wilson95(successes: int, episodes: int) -> tuple[float, float]:
    """Return the 95 % score interval of a proportion.

    Raises:
        DataError: There are no episodes, or more successes than episodes.
    """
    if episodes <= 0 or not 0 <= successes <= episodes:
        raise DataError(f"{successes} of {episodes} is no proportion.")
    rate = successes / episodes
    square = _Z95 * _Z95
    middle = (rate + square / (2 * episodes)) / (1 + square / episodes)
    spread = rate * (1 - rate) / episodes + square / (4 * episodes * episodes)
    half = _Z95 * math.sqrt(spread) / (1 + square / episodes)
    return max(0.0, middle - half), min(1.0, middle + half)


def score(outcomes: Mapping[str, Iterable[bool]]) -> dict[str, TaskScore]:
    """Count successes per task, in the order of the tasks' names.

    Raises:
        DataError: A task has no episode.
    """
    table: dict[str, TaskScore] = {}
    for task in sorted(outcomes):
        results = list(outcomes[task])
        if not results:
            raise DataError(f"Task {task} has no episode to score.")
        table[task] = TaskScore(len(results), sum(results))
    return table


def mean_rate(table: Mapping[str, TaskScore]) -> float:
    """Return the mean of the tasks' rates.

    Raises:
        DataError: The table is empty.
    """
    if not table:
        raise DataError("There is no task to average over.")
    return sum(one.rate for one in table.values()) / len(table)


def seen_share(tested: Iterable[Seen], trained: AbstractSet[Seen]) -> float:
    """Return the share of tests whose goal and first screen stood in training.

    Raises:
        DataError: There is no test.
    """
    known = [one in trained for one in tested]
    if not known:
        raise DataError("There is no test episode to compare with training.")
    return sum(known) / len(known)


def table_json(table: Mapping[str, TaskScore]) -> dict[str, dict[str, Any]]:
    """Return the table as JSON: episodes, successes, rate, ci95 per task."""
    return {
        task: {
            "episodes": one.episodes,
            "successes": one.successes,
            "rate": round(one.rate, 4),
            "ci95": [round(bound, 4) for bound in one.ci95],
        }
        for task, one in table.items()
    }
