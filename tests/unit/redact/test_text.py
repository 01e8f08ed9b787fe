"""What masking leaves of a text: nothing at `masked`, common words at `words`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt.redact.kinds import Kind
from overt.redact.text import mask_text, placeholder, revealed, spans, spans_of

LANGUAGE = st.sampled_from(["en", "de", "es", "fr", "pt"])


def left(text: str, lang: str = "en") -> str:
    """What of a text is left at `words`, with `_` for what is masked."""
    shown = list(text)
    for start, end, _ in spans(text, "words", lang):
        shown[start:end] = "_" * (end - start)
    return "".join(shown)


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        ("The settings were changed because of you.", "en"),
        ("Save As", "en"),
        ("Datei öffnen", "de"),
        ("Das Fenster ist nicht sehr hoch, aber schön.", "de"),
        ("Quiero guardar todo esto otra vez, por favor.", "es"),
        ("Est-ce que vous pouvez ouvrir cette fenêtre ?", "fr"),
        ("Você pode abrir esta janela agora, por favor?", "pt"),
    ],
)
def test_words_of_the_interface_are_left(text: str, lang: str) -> None:
    assert left(text, lang) == text


SENSITIVE = [
    ("Please ask Rose about it.", "Rose"),
    ("We met May in the garden.", "May"),
    ("Will was late again.", "Will"),
    ("They moved to Reading last year.", "Reading"),
    ("my friend rose wrote to me about it", "rose"),
    ("Please ask Nanette about it.", "Nanette"),
    ("It was sent to a.b@example.org yesterday.", "a.b@example.org"),
    ("Call +49 30 1234 5678 before noon.", "+49 30 1234 5678"),
    ("The code is １２３４５６ for you.", "１２３４５６"),  # noqa: RUF001
    ("We saw Rоse and left.", "Rоse"),  # noqa: RUF001 - a Cyrillic letter
    ("We saw Ro\u200bse and left.", "Ro\u200bse"),
    ("We saw r0s3 and left.", "r0s3"),
    ("We saw \u202eesoR\u202c and left.", "esoR"),
    ("We saw Wood-\nward and left.", "Wood-\nward"),
    ("We saw wood ward and left.", "wood ward"),
    ("We saw n a n e t t e and left.", "n a n e t t e"),
    ("It costs twenty-three pounds.", "twenty-three"),
    ("She is thirty four years old.", "thirty four years old"),
    ("My password is correct horse battery staple", "correct horse battery staple"),
    ("Password: open sesame now", "open sesame now"),
    ("abandon ability able above absent absorb abstract", "ability able"),
    ("I work as a senior software engineer there.", "senior software engineer"),
    ("He was diagnosed with type two diabetes.", "type two diabetes"),
    ("We live at 12 Elm Street, Springfield.", "12 Elm Street, Springfield"),
    ("Name: Rose May", "Rose May"),
    ("пожалуйста позвоните Анне", "пожалуйста позвоните Анне"),
    ("東京で会いましょう", "東京で会いましょう"),
]


@pytest.mark.parametrize(("text", "value"), SENSITIVE)
def test_what_may_be_somebody_s_is_masked_whole(text: str, value: str) -> None:
    start = text.index(value)
    shown = left(text)[start : start + len(value)]
    assert set(shown) == {"_"}, shown


@pytest.mark.parametrize(
    ("text", "lang", "fact"),
    [
        ("I earn about forty grand before tax.", "en", "about forty grand"),
        ("He lives with his partner in town.", "en", "his partner"),
        ("She sings in the choir on most days.", "en", "choir"),
        ("Ich koche in der Kantine für alle.", "de", "Kantine"),
        ("Cobro unos dos mil euros al mes.", "es", "unos dos mil euros al mes"),
        ("Je touche environ deux mille euros.", "fr", "environ deux mille euros"),
        ("Ele toca numa orquestra aos domingos.", "pt", "orquestra"),
    ],
)
def test_facts_about_a_person_are_masked(text: str, lang: str, fact: str) -> None:
    start = text.index(fact)
    shown = left(text, lang)[start : start + len(fact)]
    assert not shown.strip("_ ")


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("a.b@example.org", "EMAIL"),
        ("https://example.org/a/b?c", "URL"),
        ("GB82 WEST 1234 5698 7654 32", "IBAN"),
        ("192.168.10.12", "IP"),
        ("ghp_abcdefghijklmnopqrstuvwxyz0123456789", "SECRET"),
        ("12 March 1999", "DATE"),
        ("Nanette", "PERSON"),
        ("+49 30 1234567", "PHONE"),
    ],
)
def test_kinds_are_named(text: str, label: str) -> None:
    assert {span.label for span in spans(text, "words")} == {label}
    assert placeholder(text).startswith(f"[{label}:")


def test_other_languages_are_masked_whole() -> None:
    text = "The settings were changed."
    assert spans(text, "words", "xx") == spans(text, "masked", "xx")


def test_a_line_read_by_ocr_is_judged_as_a_whole() -> None:
    assert revealed(["Open", "File"]) == [True, True]
    assert revealed(["Ask", "Nanette", "to", "open", "it"])[1] is False
    assert revealed([]) == []


@given(text=st.text(), lang=LANGUAGE)
def test_masked_leaves_nothing(lang: str, text: str) -> None:
    covered = set()
    for start, end, label in spans(text, "masked", lang):
        covered |= set(range(start, end))
        assert label in Kind.__members__
    assert all(text[n].isspace() for n in range(len(text)) if n not in covered)


PIECES = st.sampled_from(
    [
        "the",
        "Rose",
        "open",
        "a@b.org",
        "\n",
        "12",
        "Mr.",
        "-",
        "wood",
        "é",
        "\u0420\u043e",
        "is",
    ]
)
TEXTS = st.lists(PIECES | st.text(max_size=5), max_size=12).map(" ".join)


@given(text=TEXTS, lang=LANGUAGE)
def test_spans_are_in_order_and_a_stricter_level_reveals_no_more(
    lang: str, text: str
) -> None:
    place, words = 0, set()
    for start, end, _ in spans(text, "words", lang):
        assert place <= start < end <= len(text)
        words |= set(range(start, end))
        place = end
    strict = {n for s, e, _ in spans(text, "masked", lang) for n in range(s, e)}
    assert words <= strict


@given(st.lists(TEXTS, max_size=6))
def test_a_text_is_judged_alike_in_any_company(texts: list[str]) -> None:
    assert spans_of(texts, "words") == [spans(text, "words") for text in texts]


@given(TEXTS)
def test_what_is_left_holds_only_words_of_the_lists(text: str) -> None:
    shown = mask_text(text, "words")
    assert not any(sign.isdigit() for sign in shown)
    assert "@" not in shown
