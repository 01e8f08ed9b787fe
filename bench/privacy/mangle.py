"""Damage sensitive values as people and screens do: typos, and breaks in the middle.

Stage: bench of masking. Input: a `Sample` and a seed. Output: the `Sample` with its
values damaged and its spans moved along.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from bench.privacy.prose import Sample

if TYPE_CHECKING:
    from collections.abc import Callable

_NEAR = {
    "a": "sq", "e": "wr", "i": "uo", "o": "ip", "n": "bm", "r": "et", "s": "ad",
    "t": "ry", "l": "kp", "m": "n",
}  # fmt: skip
_BREAKS = ("\n", " ", "-\n", "\n    ")


def mistyped(sample: Sample, seed: int) -> Sample:
    """Return a sample with a typo in every value of four characters and more."""
    return _each(sample, seed, _typo)


def split(sample: Sample, seed: int) -> Sample:
    """Return a sample with a break inside every value of six characters and more."""
    return _each(sample, seed, _break)


def _typo(value: str, rng: random.Random) -> str:
    places = [n for n in range(1, len(value) - 1) if value[n].isalpha()]
    if len(value) < 4 or not places:
        return value
    at = rng.choice(places)
    one = value[at]
    near = rng.choice(_NEAR.get(one.lower(), "x"))
    made = rng.choice([near, one + one, one + near, "", value[at + 1] + one])
    skip = 2 if made == value[at + 1] + one else 1
    return value[:at] + made + value[at + skip :]


def _break(value: str, rng: random.Random) -> str:
    if len(value) < 6:
        return value
    at = rng.randint(2, len(value) - 3)
    return value[:at] + rng.choice(_BREAKS) + value[at:]


def _each(
    sample: Sample, seed: int, change: Callable[[str, random.Random], str]
) -> Sample:
    rng = random.Random(f"{seed}{sample.text}")  # noqa: S311 - no secret
    parts: list[str] = []
    spans: list[tuple[int, int]] = []
    place = size = 0
    for start, end in sample.spans:
        value = change(sample.text[start:end], rng)
        parts += [sample.text[place:start], value]
        size += start - place
        spans.append((size, size + len(value)))
        size, place = size + len(value), end
    text = "".join([*parts, sample.text[place:]])
    return Sample(text, sample.lang, tuple(spans))
