"""URLs, file names and titles keep what is nobody's: scheme, extension, plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt.redact.shapes import file_spans, title_spans, url_spans

if TYPE_CHECKING:
    from overt.redact.kinds import Span


def left(text: str, found: list[Span]) -> str:
    shown = list(text)
    for start, end, _ in found:
        shown[start:end] = "_" * (end - start)
    return "".join(shown)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (
            "https://nanette:pw@host.org:8/settings/nanette?q=open#file",
            "https://" + "_" * 22 + "settings" + "_" * 20,
        ),
        ("mailto:nanette@host.org", "mailto:________________"),
        ("nanette.org/settings", "____________settings"),
        ("javascript:nanette", "__________________"),
        ("", ""),
    ],
)
def test_of_a_url_the_scheme_and_words_of_the_path_are_left(
    url: str, shown: str
) -> None:
    assert left(url, url_spans(url, "words")) == shown


def test_at_masked_only_the_scheme_is_left() -> None:
    url = "https://host.org/settings"
    assert left(url, url_spans(url, "masked")) == "https://_________________"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("nanette review.pdf", "______________.pdf"),
        ("/home/nanette/file.txt", "_/home/________file.txt"),
        ("nanette.smith", "_____________"),
        (".nanette", "________"),
    ],
)
def test_of_a_file_name_the_extension_is_left(name: str, shown: str) -> None:
    found = left(name, file_spans(name, "words"))
    assert found.count("_") >= shown.count("_") - 1
    assert "nanette" not in found
    assert found.rpartition(".")[2] == shown.rpartition(".")[2]


def test_a_title_is_judged_part_by_part() -> None:
    title = "nanette.pdf - Nanette Smith | Settings"
    found = left(title, title_spans(title, "words"))
    assert found == "_______.pdf - _____________ | Settings"


@given(st.text(max_size=20), st.sampled_from([url_spans, file_spans, title_spans]))
def test_spans_stay_in_the_text_and_masked_covers_words(
    text: str, shape: object
) -> None:
    assert callable(shape)
    covered: dict[str, set[int]] = {}
    for level in ("masked", "words"):
        place = 0
        covered[level] = set()
        for start, end, _ in shape(text, level, "en"):
            assert place <= start < end <= len(text)
            covered[level] |= set(range(start, end))
            place = end
    assert covered["words"] <= covered["masked"]


@given(st.sampled_from(["https://a.org/{}", "{}.pdf", "{} - Settings", "/x/{}/y"]))
def test_a_planted_value_is_never_left(shape: str) -> None:
    text = shape.format("Nanette")
    assert "Nanette" not in left(text, title_spans(text, "words"))
