"""Leak against over-masking of text, and its speed, beside peers.

Stage: bench of masking, text. Input: the generators' test half (tuning looked at the
tune half alone). Output: the part `text` of `bench-report/masking.json`. Leak: share of
sensitive characters that are left. Over-masking: share of the other characters masked.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.privacy import peers
from bench.privacy.keys import secrets
from bench.privacy.mangle import mistyped, split
from bench.privacy.prose import LANGUAGES, Sample, samples
from overt.redact.text import spans_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

DEPTHS = (500, 1_000, 2_000, 4_000, 6_000, 9_000, 12_000, 16_000)
SEED, COUNT, BATCH = 11, 120, 256
SPEED_CHARS = 200_000
PEER_TEXTS = 150  # texts of a set that slow peers see

Mask = Any  # spans of a text in its language


def report() -> dict[str, Any]:
    """Measure all; print a table."""
    sets = _sets()
    body: dict[str, Any] = {"chars_per_s": _speed(sets["prose"]), "sets": {}}
    for name, chosen in sets.items():
        body["sets"][name] = _rows(chosen)
        print(name)
        for row, (leak, over) in body["sets"][name].items():
            print(f"  {row:28} leak {leak:7.2%}  over {over:6.1%}")
    body["by_language"] = {
        lang: _score(_ours([s for s in sets["prose"] if s.lang == lang]))
        for lang in LANGUAGES
    }
    body["curve"] = [
        {"words": depth, **dict(zip(("leak", "over"), score, strict=True))}
        for depth in DEPTHS
        for score in [_score(_ours(sets["prose"], depth))]
    ]
    for point in body["curve"]:
        print(f"  {point['words']:6} words: {point['leak']:.2%} / {point['over']:.1%}")
    body["peers_chars_per_s"] = _peers_speed(sets["prose"])
    body["ratio_to_presidio"] = (
        body["chars_per_s"] / body["peers_chars_per_s"]["presidio patterns"]
    )
    print(f"{body['chars_per_s']:,.0f} characters/s of one core;", end=" ")
    print(f"{body['ratio_to_presidio']:.0f} times Presidio's patterns")
    return body


def _sets() -> dict[str, list[Sample]]:
    prose = list(samples("test", SEED, COUNT))
    keys = list(secrets("test", SEED, 3 * COUNT))
    return {
        "prose": prose,
        "prose with typos": [mistyped(one, SEED) for one in prose],
        "prose with split values": [split(one, SEED) for one in prose],
        "secrets": keys,
        "split secrets": [split(one, SEED) for one in keys],
    }


def _rows(chosen: list[Sample]) -> dict[str, tuple[float, float]]:
    few = chosen[:: max(1, len(chosen) // PEER_TEXTS)]
    return {
        "overt": _score(_ours(chosen)),
        **{name: _score(_theirs(few, mask)) for name, mask in PEERS.items()},
    }


PEERS: dict[str, Callable[[str, str], peers.Spans]] = {
    "capitals and digits": peers.capitals_and_digits,
    "1,000 frequent words": peers.frequent_words(1_000),
    "5,000 frequent words": peers.frequent_words(5_000),
    "presidio patterns": peers.presidio,
    "detect-secrets": peers.detect_secrets,
}


def _ours(
    chosen: Sequence[Sample], depth: int | None = None
) -> Iterable[tuple[Sample, Iterable[tuple[int, int]]]]:
    for lang in LANGUAGES:
        some = [one for one in chosen if one.lang == lang]
        found = spans_of([one.text for one in some], "words", lang, depth)
        for one, spans in zip(some, found, strict=True):
            yield one, [(start, end) for start, end, _ in spans]


def _theirs(
    chosen: Sequence[Sample], mask: Callable[[str, str], peers.Spans]
) -> Iterable[tuple[Sample, Iterable[tuple[int, int]]]]:
    return ((one, mask(one.text, one.lang)) for one in chosen)


def _score(
    judged: Iterable[tuple[Sample, Iterable[tuple[int, int]]]],
) -> tuple[float, float]:
    """Leak and over-masking over all characters."""
    left = sensitive = covered = others = 0
    for sample, spans in judged:
        theirs, hidden = np.zeros((2, len(sample.text)), np.bool_)
        for start, end in sample.spans:
            theirs[start:end] = True
        for start, end in spans:
            hidden[start:end] = True
        left += int((theirs & ~hidden).sum())
        sensitive += int(theirs.sum())
        covered += int((hidden & ~theirs).sum())
        others += int((~theirs).sum())
    return left / max(sensitive, 1), covered / max(others, 1)


def _texts(chosen: Sequence[Sample], characters: int) -> list[str]:
    """Texts of that many characters in all, no two alike in their values."""
    texts: list[str] = []
    size, seed = 0, SEED
    english = [one.text for one in chosen if one.lang == "en"]
    while size < characters:
        texts += english
        size += sum(map(len, english))
        seed += 1
        english = [one.text for one in samples("test", seed, COUNT) if one.lang == "en"]
    return texts


def _speed(chosen: Sequence[Sample]) -> float:
    """Characters a second of one core's time, through the whole path, in batches.

    Texts have about 230 characters; one by one they take about 15 times as long.
    """
    texts = _texts(chosen, SPEED_CHARS)
    spans_of(texts[:BATCH], "words")  # lists are read, rules compiled
    size = sum(map(len, texts))
    start = time.process_time()
    for at in range(0, len(texts), BATCH):
        spans_of(texts[at : at + BATCH], "words")
    return size / (time.process_time() - start)


def _peers_speed(chosen: Sequence[Sample]) -> dict[str, float]:
    some = [one for one in chosen if one.lang == "en"][:PEER_TEXTS]
    size = sum(len(one.text) for one in some)
    found = {}
    for name, mask in PEERS.items():
        start = time.process_time()
        for one in some:
            mask(one.text, one.lang)
        found[name] = size / (time.process_time() - start)
    return found
