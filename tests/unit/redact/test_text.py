"""A placeholder tells a kind and a rough length, nothing of the text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt.redact.text import placeholder


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("", ""),
        ("  \n", ""),
        ("Bob", "[word:short]"),
        ("Nanette", "[word:medium]"),
        ("Nanette Miller", "[words:medium]"),
        ("a.b@example.org", "[email:medium]"),
        ("https://example.org/a/b?c", "[url:long]"),
        ("4929 1234 5678 9012", "[number:long]"),
        ("-3.5", "[number:short]"),
        ("lorem " * 20, "[words:page]"),
        ("Müller42", "[word:medium]"),
    ],
)
def test_kind_and_length(text: str, masked: str) -> None:
    assert placeholder(text) == masked


@given(st.text())
def test_only_a_few_placeholders_exist(text: str) -> None:
    kinds = ("email", "url", "number", "word", "words")
    known = {f"[{k}:{n}]" for k in kinds for n in ("short", "medium", "long", "page")}
    assert placeholder(text) in known | {""}


@given(st.text(min_size=1))
def test_masking_twice_reveals_no_more(text: str) -> None:
    once = placeholder(text)
    assert placeholder(once) in {"", "[word:medium]"}
