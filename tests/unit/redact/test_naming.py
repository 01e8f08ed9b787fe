"""The same value has the same name within an episode, and no value leaves."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from overt.protocol.texts import Placeholder, pieces
from overt.redact.naming import Naming, remembered, whole

if TYPE_CHECKING:
    from overt.redact.naming import Span

COMMON = {"Select", "from", "the", "list", "and", "click", "Submit", "Enter"}


def rules(text: str) -> list[Span]:
    """Reveal the words of a small vocabulary; know a mail address."""
    return [
        (*word.span(), "EMAIL" if "@" in word[0] else "OTHER")
        for word in re.finditer(r"[\w@.]+", text)
        if word[0].strip(".") not in COMMON
    ]


def test_goal_screen_and_keys_share_their_names() -> None:
    naming = Naming(rules)
    goal = naming.goal(
        'Select "Bosnia and Herzegovina" from the list and click Submit.'
    )
    assert goal == (
        'Select "[OTHER_1:medium] and [OTHER_2:medium]" from the list and click Submit.'
    )
    assert naming.show("Herzegovina") == "[OTHER_2:medium]"
    assert (
        naming.show("Bosnia and Herzegovina") == "[OTHER_1:medium] and [OTHER_2:medium]"
    )
    assert naming.show("Submit") == "Submit"  # the goal says it
    assert naming.show("Enter") == "[OTHER_3:medium]"
    assert naming.show("Enter", words=True) == "Enter"


def test_marks_round_a_value_do_not_make_another() -> None:
    naming = Naming(rules)
    assert naming.goal('Enter "anna@example.org".') == 'Enter "[EMAIL_1:medium]".'
    assert naming.show("anna@example.org") == "[EMAIL_1:medium]"
    assert naming.show("(anna@example.org)") == "[EMAIL_1:medium]"


def test_rules_are_asked_once_for_a_text_and_keep_none() -> None:
    asked: list[str] = []

    def counted(text: str) -> list[Span]:
        asked.append(text)
        return rules(text)

    again = remembered(counted, most=2)
    for text in ("Anna", "Submit", "Anna", "\ud800 odd", "Anna"):
        assert list(again(text)) == rules(text)
    assert asked == ["Anna", "Submit", "\ud800 odd", "Anna"]  # two at most are known
    cells = [cell.cell_contents for cell in again.__closure__ or ()]
    assert "Anna" not in str([cell for cell in cells if isinstance(cell, dict)])


def test_episodes_do_not_match_up() -> None:
    first, second = Naming(rules), Naming(rules)
    first.show("Reading")
    assert first.show("Rose") == "[OTHER_2:short]"
    assert second.show("Rose") == "[OTHER_1:short]"


def test_what_looks_like_a_placeholder_is_none() -> None:
    naming = Naming(lambda _: [])
    shown = naming.goal("click [OTHER_1:short] and [SECRET_9:long]")
    assert all(isinstance(piece, str) for piece in pieces(shown))


@settings(deadline=None)
@given(st.lists(st.text(min_size=1), min_size=1, max_size=6))
def test_nothing_of_a_text_that_is_masked_whole_leaves(texts: list[str]) -> None:
    naming = Naming(whole)
    for text in texts:
        shown = naming.show(text)
        assert all(
            isinstance(piece, Placeholder) or piece == " " for piece in pieces(shown)
        )
        assert shown == naming.show(text)


@settings(deadline=None)
@given(st.text(), st.sampled_from(["Zyxwvut", "8461973", "ßöñ-q9"]), st.text())
def test_no_part_of_a_word_is_revealed(before: str, value: str, after: str) -> None:
    text = before + value + after
    middle = len(before) + len(value) // 2
    naming = Naming(lambda _: [(middle, middle + 1, "SECRET")])
    if value not in before + after:
        assert value not in naming.show(text, words=True)
        assert value not in naming.goal(text)


def strict(text: str) -> list[Span]:
    """Reveal nothing."""
    return [(*word.span(), "OTHER") for word in re.finditer(r"\w+", text)]


def test_small_words_of_an_instruction_stay_beside_words_of_every_interface() -> None:
    goal = 'Close the dialog box by clicking the "x".'
    assert Naming(strict).goal(goal) == goal
    assert Naming(strict).goal("Click on Tab 7") == "Click on Tab [OTHER_1:short]"
    for told, said in (
        ("Ask the baker", "[OTHER_1:short] [OTHER_2:short] [OTHER_3:medium]"),
        ("click de Cruz", "click [OTHER_1:short] [OTHER_2:short]"),
        ("click The Cruz", "click [OTHER_1:short] [OTHER_2:short]"),
        ("Anna of Tom", "[OTHER_1:short] [OTHER_2:short] [OTHER_3:short]"),
    ):
        assert Naming(strict).goal(told) == said


def test_a_number_keeps_its_sign_and_one_in_letters_is_a_word() -> None:
    def numbers(text: str) -> list[Span]:
        found = re.finditer(r"\d+|ONE|TWO", text)
        return [(*word.span(), "NUMBER") for word in found]

    naming = Naming(numbers)
    assert naming.goal("Click on Tab #3.") == "Click on Tab #[NUMBER_1:short]."
    assert naming.show("Tab #3") == "Tab #[NUMBER_1:short]"
    assert naming.show("(3)") == "[NUMBER_1:short]"
    assert naming.goal("Click button ONE.") == "Click button [OTHER_1:short]."
    assert naming.show("ONE") == "[OTHER_1:short]"
