"""A value split over bursts, fields or lines is masked in every part."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overt.redact.rejoin import Part, spans_over
from overt.redact.text import spans

VALUES = ("Nanette Woodward", "nanette@example.org", "4929 1234 5678 9012", "Woodward")


at_words = partial(spans, level="words")


def shown(parts: list[Part]) -> list[str]:
    left = []
    for part, found in zip(parts, spans_over(parts, at_words), strict=True):
        text = list(part.text)
        for start, end, _ in found:
            text[start:end] = "_" * (end - start)
        left.append("".join(text))
    return left


@pytest.mark.parametrize("value", VALUES)
@settings(max_examples=25)
@given(data=st.data())
def test_a_planted_value_is_in_no_part(value: str, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(value)), max_size=4).map(sorted))
    edges = [0, *cuts, len(value)]
    pieces = [value[a:b] for a, b in pairwise(edges)]
    name = data.draw(st.sampled_from(["one", "many"]))
    parts = [
        Part("field" if name == "one" else f"field {n}", piece)
        for n, piece in enumerate(pieces)
    ]
    around = [Part("before", "Please send this to"), *parts, Part("after", "again.")]
    left = "".join(shown(around)[1:-1])
    assert set(left) <= {"_", " "}


def test_bursts_of_one_field_are_one_text() -> None:
    parts = [
        Part("note", "The settings were chan"),
        Part("note", "ged because of you."),
    ]
    found = spans_over(parts, at_words)
    assert any(found)  # a part alone breaks off in a word: it stays masked
    whole = spans_over(
        [Part("note", "The settings were changed because of you.")], at_words
    )
    assert whole == [[]]


def test_nothing_in_nothing_out() -> None:
    assert spans_over([], at_words) == []
    assert spans_over([Part("a", "")], at_words) == [[]]
