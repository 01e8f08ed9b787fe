from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt.protocol.errors import DataError
from overt.research.evaluate.scoring import (
    TaskScore,
    mean_rate,
    score,
    seen_share,
    table_json,
    wilson95,
)


@pytest.mark.parametrize(
    ("successes", "episodes", "low", "high"),
    [(0, 20, 0.0, 0.1611), (20, 20, 0.8389, 1.0), (18, 20, 0.699, 0.9721)],
)
def test_wilson_equals_published_values(
    successes: int, episodes: int, low: float, high: float
) -> None:
    assert wilson95(successes, episodes) == pytest.approx((low, high), abs=1e-4)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_holds_the_rate_within_0_to_1(
    counts: tuple[int, int],
) -> None:
    low, high = wilson95(*counts)
    rate = counts[0] / counts[1]
    assert 0.0 <= low <= rate + 1e-12
    assert rate - 1e-12 <= high <= 1.0


@pytest.mark.parametrize("counts", [(0, 0), (3, 2), (-1, 2)])
def test_no_proportion_is_refused(counts: tuple[int, int]) -> None:
    with pytest.raises(DataError):
        wilson95(*counts)


def test_the_mean_counts_each_task_the_same() -> None:
    table = score({"b": [True] * 90 + [False] * 10, "a": [False, False]})
    assert list(table) == ["a", "b"]
    assert table["b"] == TaskScore(episodes=100, successes=90)
    assert mean_rate(table) == pytest.approx(0.45)


def test_a_task_without_episodes_is_refused() -> None:
    with pytest.raises(DataError, match="click-tab"):
        score({"click-tab": []})
    with pytest.raises(DataError):
        mean_rate({})


def test_json_has_counts_rate_and_interval() -> None:
    assert table_json({"a": TaskScore(20, 18)}) == {
        "a": {"episodes": 20, "successes": 18, "rate": 0.9, "ci95": [0.699, 0.9721]}
    }


def test_seen_share_needs_both_goal_and_screen_alike() -> None:
    trained = {("press OK", "f1"), ("press x", "f2")}
    tested = [("press OK", "f1"), ("press OK", "f2"), ("press x", "f9"), ("new", "f1")]
    assert seen_share(tested, trained) == 0.25
    with pytest.raises(DataError):
        seen_share([], trained)
