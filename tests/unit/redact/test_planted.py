"""No output holds a planted value, whatever stands around it or how it was typed."""

from __future__ import annotations

import random
import re
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from overt.redact.edits import Edit, Erase, Insert, Move, committed
from overt.redact.lists import LANGUAGES, ranked, sections
from overt.redact.text import mask_text, spans

VALUES = st.sampled_from(
    [
        "Nanette",
        "Łukasz",
        "Woodward-Kowalczyk",
        "zk7Q!pWx",
        "4929 1234 5678 9012",
        "nanette@example.org",
        "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
        "\uff11\uff12\uff13",
        "Ράνια",
        "رانيا",
        "N\u0430\u200bnette",
        "DE89 3704 0044 0532 0130 00",
        "n4n3tt3",
    ]
)
AROUND = st.lists(
    st.sampled_from(
        ["the", "open", "is", "File", "and", "my", "\n", ".", "password", "a", "we"]
    )
    | st.text(max_size=4),
    max_size=8,
).map(" ".join)
LANGUAGE = st.sampled_from(LANGUAGES)
LONG_S = 300
LETTERS = re.compile(r"[^\W\d_]+")


def hidden(text: str, lang: str = "en") -> str:
    """The text with a mark, which stands in no text here, for each masked character."""
    shown = list(text)
    for start, end, _ in spans(text, "words", lang):
        shown[start:end] = "\x00" * (end - start)
    return "".join(shown)


@given(before=AROUND, value=VALUES, after=AROUND, lang=LANGUAGE)
@example("is ", "Nanette", " is", "en")
def test_a_planted_value_is_masked_whole(
    before: str, value: str, after: str, lang: str
) -> None:
    for gap in ("", " ", "\n"):
        text = f"{before}{gap}{value}{gap}{after}"
        start = len(before) + len(gap)
        shown = hidden(text, lang)[start : start + len(value)]
        assert not any(one.isalnum() for one in shown)
        assert value not in mask_text(text, "masked", lang)


@given(value=VALUES, typos=st.lists(st.integers(0, 6), max_size=4), around=AROUND)
def test_no_history_of_edits_leaves_it(
    value: str, typos: list[int], around: str
) -> None:
    edits: list[Edit] = [Insert(around + " ")]
    for place, letter in enumerate(value):
        if place in typos:
            edits += [Insert("x"), Insert("y"), Move(-1), Erase(-1), Erase(1)]
        edits.append(Insert(letter))
    text = committed(edits)
    assert text == f"{around} {value}"
    assert value not in mask_text(text, "words")


@given(AROUND, LANGUAGE)
def test_masking_what_was_masked_reveals_no_more(text: str, lang: str) -> None:
    strict = mask_text(text, "masked", lang)
    assert mask_text(strict, "masked", lang) == strict
    once = hidden(text, lang)
    left = hidden(once.replace("\x00", "█"), lang)
    allowed = LETTERS.findall(once)
    assert all(word in allowed for word in LETTERS.findall(left))


def vocabulary_of(lang: str) -> set[str]:
    parts = sections(lang)
    listed = parts["function"] | parts["keep"] | parts["interface"] | set(ranked(lang))
    return {piece for word in listed for piece in LETTERS.findall(word)} | {"s"}


@given(AROUND, LANGUAGE)
def test_what_is_left_are_words_of_the_lists(text: str, lang: str) -> None:
    assert not any(one.isdigit() for one in hidden(text, lang))
    known = vocabulary_of(lang)
    assert {word.lower() for word in LETTERS.findall(hidden(text, lang))} <= known


@pytest.mark.long
@pytest.mark.timeout(LONG_S + 120)
def test_fuzz_for_minutes() -> None:
    """No crash, nothing left at `masked`, words of the lists alone at `words`."""
    rng = random.Random(time.time_ns())  # noqa: S311 - other texts at each run
    known = {lang: vocabulary_of(lang) for lang in LANGUAGES}
    until = time.monotonic() + LONG_S
    while time.monotonic() < until:
        lang = rng.choice(LANGUAGES)
        text = _random_text(rng, lang)
        words = {one.lower() for one in LETTERS.findall(hidden(text, lang))}
        assert words <= known[lang], ascii(text)
        place = 0
        for start, end, _ in spans(text, "masked", lang):
            assert not text[place:start].strip(), ascii(text)
            place = end
        assert not text[place:].strip(), ascii(text)


def _random_text(rng: random.Random, lang: str) -> str:
    """Words of the list among anything that Unicode has, lone surrogates included."""
    common = list(ranked(lang))[:500]
    signs = " \n\t.,:;-'\"()=/@_\u200b\u202e\u00ad\u0301"
    pieces = []
    for _ in range(rng.randint(0, 60)):
        match rng.randint(0, 4):
            case 0:
                pieces.append(chr(rng.randrange(0x110000)))
            case 1:
                pieces.append(rng.choice(signs))
            case 2:
                pieces.append(chr(rng.randrange(0x20, 0x250)) * rng.randint(1, 3))
            case _:
                pieces.append(rng.choice(common) + rng.choice(["", " ", " "]))
    return "".join(pieces)
