"""Surrogates against an attacker who trains: what it gains over chance, in figures."""

from __future__ import annotations

from random import Random

import pytest

from overt.redact.runs import runs_of
from overt.research.evaluate.attacker import Gains, Sample, attack, sample

CONSONANTS, VOWELS = "bcdfghjklmnprstvwz", "aeiou"


def names(rng: Random, count: int) -> list[str]:
    """Make different names of 3 to 12 letters."""
    made: set[str] = set()
    while len(made) < count:
        pairs = rng.randint(2, 6)
        word = "".join(
            rng.choice(CONSONANTS) + rng.choice(VOWELS) for _ in range(pairs)
        )
        made.add(word[: rng.randint(3, 12)].capitalize())
    return sorted(made)


@pytest.fixture(scope="module")
def samples() -> tuple[list[Sample], list[Sample]]:
    rng = Random(3)  # noqa: S311 - a test
    known = [sample(name, rng, 7) for name in names(rng, 2000)]
    return known, [sample(name, rng, 7) for name in names(rng, 1000)]


@pytest.fixture(scope="module")
def gains(samples: tuple[list[Sample], list[Sample]]) -> Gains:
    return attack(*samples)


def test_no_original_can_be_read(gains: Gains) -> None:
    assert gains.read <= 0.002


def test_what_a_value_begins_with_cannot_be_learnt(gains: Gains) -> None:
    assert gains.initial <= gains.initial_chance + 0.04


def test_matching_a_thousand_candidates_gains_little(gains: Gains) -> None:
    assert gains.top1 <= 0.012
    assert gains.top10 <= 0.08
    assert gains.exact_top1 > 1.3 * gains.top1  # what the grid of boxes takes away


def test_the_attacker_can_attack(gains: Gains) -> None:
    assert gains.length > gains.length_chance
    assert gains.top1 > gains.top1_chance


def test_two_values_of_one_shape_leave_the_same(
    samples: tuple[list[Sample], list[Sample]],
) -> None:
    known, _ = samples
    boxes = {one.run.width_px % 16 for one in known}
    assert boxes == {0}
    assert runs_of([], known[0].shown, str) == ([], False)
