"""The same value has the same placeholder within an episode, and only there."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt.protocol.errors import DataError
from overt.redact.episode import Episode


def test_a_value_keeps_its_placeholder() -> None:
    episode = Episode()
    first = episode.mask("Please write to Nanette about this again.", "words")
    again = episode.mask("Did nobody write to NANETTE about this?", "words")
    other = episode.mask("Please write to Giselle about this again.", "words")
    assert "[PERSON_1:medium]" in first
    assert "[PERSON_1:medium]" in again
    assert "[PERSON_2:medium]" in other
    assert "Nanette" not in first


def test_the_mapping_holds_no_value_and_does_not_leave() -> None:
    episode = Episode()
    episode.placeholder("PERSON", "Nanette")
    assert "nanette" not in repr(vars(episode)).casefold()
    with pytest.raises(DataError):
        pickle.dumps(episode)


@given(st.lists(st.tuples(st.sampled_from(["PERSON", "ID"]), st.text(max_size=6))))
def test_equal_values_and_only_those_share_a_number(
    rows: list[tuple[str, str]],
) -> None:
    episode = Episode()
    seen: dict[str, str] = {}
    for label, value in rows:
        name = episode.placeholder(label, value)
        plain = " ".join(value.casefold().split())
        assert seen.setdefault(name, label + plain) == label + plain
