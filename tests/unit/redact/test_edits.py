"""Edits are resolved to the text that stands in the field."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from overt.redact.edits import (
    PASTED,
    Edit,
    Erase,
    Insert,
    Move,
    Paste,
    Place,
    Replace,
    committed,
)
from overt.redact.text import mask_text

EDITS: st.SearchStrategy[Edit] = (
    st.text(max_size=4).map(Insert)
    | st.just(Paste())
    | st.integers(-3, 3).map(Erase)
    | st.builds(Move, st.integers(-4, 4), st.booleans())
    | st.builds(Place, st.integers(-1, 9), st.booleans())
    | st.builds(Replace, st.integers(0, 4), st.text(max_size=4))
)


def test_backspace_arrows_selection_and_autocorrection() -> None:
    typed = [Insert("Nanetze"), Erase(-2), Insert("te")]
    assert committed(typed) == "Nanette"
    assert committed(
        [Insert("Nntte"), Move(-4), Insert("a"), Move(1), Insert("e")]
    ) == ("Nanette")
    assert committed([Insert("Bob"), Place(0, select=True), Insert("Ann")]) == "Ann"
    assert committed([Insert("teh"), Replace(3, "the")]) == "the"
    assert committed([Insert("ab"), Move(-1), Erase(1)]) == "a"
    assert (
        committed([Insert("ab"), Move(-2, select=True), Move(1), Insert("c")]) == "abc"
    )


def test_a_paste_leaves_a_mark_and_what_it_touches_is_masked() -> None:
    text = committed([Insert("open"), Paste(), Insert("the file again please")])
    assert PASTED in text
    assert PASTED not in mask_text(text, "words")
    assert "open" not in mask_text(text, "words")


@given(st.lists(EDITS, max_size=20))
def test_what_was_erased_whole_leaves_nothing(edits: list[Edit]) -> None:
    assert not committed([*edits, Place(0), Place(1 << 20, select=True), Erase(-1)])


@given(st.lists(EDITS, max_size=8), st.text(min_size=1, max_size=8))
def test_what_was_typed_last_stands_there(edits: list[Edit], text: str) -> None:
    assert text in committed([*edits, Insert(text)])
