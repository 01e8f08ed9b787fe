"""What was typed below `clear`: values of the episode, edits resolved, no character."""

import numpy as np
import pytest

from overt.protocol.records import EVENT_DTYPE, EventKind, Level
from overt.recorder.capture.names import Names
from overt.recorder.capture.typed import Typing
from overt.redact.naming import whole

KEYS = {"<": 0xFF08, "^": 0xFF0D, "~": 0xFE51, "$": 0xFFE1}  # BackSpace, Return, dead
S = 1_000_000_000


def _take(
    typing: Typing,
    keys: str,
    *,
    at: int = 10,
    level: Level = Level.MASKED,
    state: int = 0,
) -> list[tuple[int, str]]:
    events = np.zeros(len(keys), EVENT_DTYPE)
    for place, key in enumerate(keys):
        events[place]["t_ns"], events[place]["state"] = at + place, state
        events[place]["kind"] = EventKind.KEY_PRESS
        events[place]["detail"] = KEYS.get(key, ord(key))
    levels = np.full(len(keys), list(Level).index(level), np.int8)
    records = typing.take(events, levels, [])
    return [(record.t_ns, record.body["text"]) for record in records]


@pytest.fixture
def names() -> Names:
    return Names(whole)


def test_a_burst_ends_with_a_key_that_types_nothing(names: Names) -> None:
    typing = Typing(names)
    assert _take(typing, "Rose^Rose^Lily^") == [
        (14, "[OTHER_1:short]"),
        (19, "[OTHER_1:short]"),
        (24, "[OTHER_2:short]"),
    ]


def test_edits_are_resolved_before_a_value_is_named(names: Names) -> None:
    typing = Typing(names)
    assert _take(typing, "Rosy<e^") == [(16, "[OTHER_1:short]")]
    assert _take(typing, "$Rose^") == [(15, "[OTHER_1:short]")]
    assert _take(typing, "Ro<<^") == []


def test_a_shortcut_or_clear_text_is_no_part_of_a_burst(names: Names) -> None:
    typing = Typing(names)
    assert _take(typing, "Rose") == []
    assert _take(typing, "c", at=20, state=0x04) == [(20, "[OTHER_1:short]")]
    assert _take(typing, "open^", level=Level.CLEAR) == []


def test_a_composed_character_is_one_character(names: Names) -> None:
    typing = Typing(names)
    assert _take(typing, "Ren~ee^") == [(16, "[OTHER_1:medium]")]
    assert _take(typing, "Ren~e<~ee^") == [(19, "[OTHER_1:medium]")]


def test_a_burst_with_a_sequence_that_types_nothing_known_has_no_record(
    names: Names,
) -> None:
    typing = Typing(names)
    assert _take(typing, "Ren~^") == []
    assert _take(typing, "Ren~xee^") == []
    assert _take(typing, "Rose^") == [(14, "[OTHER_1:short]")]


def test_a_burst_ends_at_a_break(names: Names) -> None:
    typing = Typing(names)
    _take(typing, "Rose")
    nothing = np.zeros(0, EVENT_DTYPE)
    (record,) = typing.take(nothing, np.zeros(0, np.int8), [40])
    assert record.t_ns == 40


def test_a_burst_has_the_names_of_the_task_in_which_it_began(names: Names) -> None:
    typing = Typing(names)
    names.begin(1 * S, "one")
    names.at(1 * S).show("Iris")
    names.end(2 * S)
    names.begin(3 * S, "two")
    assert _take(typing, "Rose^", at=S + 5) == [(S + 9, "[OTHER_3:short]")]
    assert _take(typing, "Rose^", at=3 * S) == [(3 * S + 4, "[OTHER_2:short]")]


def test_names_are_forgotten_with_their_task(names: Names) -> None:
    goals = [names.begin(number * 60 * S, "Find Rose") for number in range(1, 4)]
    assert set(goals) == {"[OTHER_1:short] [OTHER_2:short]"}
    assert names.at(2 * 60 * S) is not names.at(3 * 60 * S)
    assert names.at(0) is names.at(2 * 60 * S)  # what is older is not known any more


def test_a_goal_stays_as_it_is_where_nothing_is_masked() -> None:
    assert Names(whole, lambda: False).begin(1, "Find Rose") == "Find Rose"
