from __future__ import annotations

import itertools
import math
from random import Random

import pytest

from overt.desktop.x11.gesture import MIN_MOVE_S, fitts_s, plan_move

SEEDS = range(200)


def _plan(seed: int, pace: float = 1.0) -> list[tuple[float, int, int]]:
    return plan_move((400, 300), (30, 80), Random(seed), pace, 20.0)  # noqa: S311 - variation


def test_a_move_ends_exactly_where_it_should() -> None:
    assert all(_plan(seed)[-1][1:] == (30, 80) for seed in SEEDS)


def test_a_move_takes_at_least_150_ms_at_any_pace() -> None:
    assert all(_plan(seed, pace=100.0)[-1][0] >= MIN_MOVE_S for seed in SEEDS)


def test_instants_rise_at_60_to_130_hz_within_a_stroke() -> None:
    for seed in SEEDS:
        dues = [due for due, _, _ in _plan(seed)]
        gaps = [b - a for a, b in itertools.pairwise(dues)]
        assert min(gaps) > 0
        assert 1 / 130 < sorted(gaps)[len(gaps) // 2] < 1 / 59


def test_paths_are_curved_and_differ() -> None:
    paths = [tuple(_plan(seed)) for seed in SEEDS]
    assert len(set(paths)) == len(paths)
    lengths = [
        sum(math.dist(a[1:], b[1:]) for a, b in itertools.pairwise(path))
        for path in paths
    ]
    assert max(lengths) > 1.03 * math.dist((400, 300), (30, 80))


def test_some_moves_overshoot_and_correct() -> None:
    farthest = [min(x for _, x, _ in _plan(seed)) for seed in SEEDS]
    share = sum(x < 20 for x in farthest) / len(farthest)
    assert 0.1 < share < 0.5


def test_no_move_to_where_the_pointer_is() -> None:
    assert plan_move((5, 5), (5, 5), Random(1), 1.0, 20.0) == []  # noqa: S311 - variation


@pytest.mark.parametrize(("near", "far"), [(20, 200), (100, 600)])
def test_far_and_small_targets_take_longer(near: int, far: int) -> None:
    assert fitts_s(far, 20) > fitts_s(near, 20)
    assert fitts_s(far, 5) > fitts_s(far, 50)
