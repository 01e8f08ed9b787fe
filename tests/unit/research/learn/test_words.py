"""Goals are read word by word and typed text is pointed at in them."""

from __future__ import annotations

import numpy as np
import pytest

from overt.research.learn.words import (
    MAX_TOKENS,
    find_span,
    goal_ids,
    letter_ids,
    span_text,
    tokens_of,
)


def test_tokens_know_their_place() -> None:
    goal = 'Select "Tab #2".'
    assert [goal[t.start : t.end] for t in tokens_of(goal)] == [
        *("Select", '"', "Tab", "#", "2", '"', ".")
    ]
    assert len(tokens_of("a " * 100)) == MAX_TOKENS


def test_letters_have_ids_and_the_rest_is_padding() -> None:
    ids = letter_ids("aé")
    assert ids[0] != ids[1] != 0
    assert not ids[2:].any()
    assert goal_ids("one two").any(axis=1).sum() == 2
    assert np.array_equal(letter_ids("x" * 40), letter_ids("x" * 12))


@pytest.mark.parametrize(
    ("goal", "text"),
    [
        ('Enter "Ida" now', "Ida"),
        ("Select Ida Bo from the list", "Ida Bo"),
        ('the or "the" it', "the"),
    ],
)
def test_span_of_a_text_gives_the_text_back(goal: str, text: str) -> None:
    span = find_span(goal, text)
    assert span is not None
    assert span_text(goal, *span) == text


def test_quoted_place_is_preferred() -> None:
    assert find_span('the or "the" it', "the") == (3, 3)


@pytest.mark.parametrize("text", ["missing", "", "da"])
def test_text_that_is_no_token_has_no_span(text: str) -> None:
    assert find_span('Enter "Ida"', text) is None


def test_span_text_is_kept_within_the_goal() -> None:
    assert span_text("one two", 1, 99) == "two"
    assert span_text("one two", 9, 3) == "two"
    assert span_text("", 0, 0) == ""
