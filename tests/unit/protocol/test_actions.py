"""Actions have one JSON form."""

from __future__ import annotations

from typing import Any

import pytest

from overt.protocol import actions
from overt.protocol.errors import DataError

EXAMPLES = [
    actions.Click(1, 2),
    actions.Click(1, 2, "right", 2),
    actions.Drag(1, 2, 3, 4),
    actions.Scroll(1, 2, dy=-3),
    actions.Type("héllo\n"),
    actions.Type(secret=True),
    actions.Key("ctrl+shift+a"),
    actions.Done(),
    actions.Done("failed"),
]


@pytest.mark.parametrize("action", EXAMPLES, ids=repr)
def test_actions_are_read_back(action: actions.Action) -> None:
    assert actions.parse_action(actions.action_json(action)) == action


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "No such action: None"),
        ({"action": "hover", "x_px": 1}, "No such action: 'hover'"),
        ({"action": ["click"]}, "No such action"),
        ({"action": "click", "x_px": 1}, "Action 'click' lacks 'y_px'"),
        ({"action": "click", "x_px": 1.5, "y_px": 2}, "x_px is not a whole number"),
        ({"action": "click", "x_px": True, "y_px": 2}, "x_px is not a whole number"),
        ({"action": "click", "x_px": "1", "y_px": 2}, "x_px is not a whole number"),
        ({"action": "click", "x_px": 1, "y_px": 2, "button": "up"}, "button is none"),
        ({"action": "click", "x_px": 1, "y_px": 2, "count": 0}, "count below 1"),
        ({"action": "click", "x_px": 1, "y_px": 2, "z": 0}, "foreign field 'z'"),
        ({"action": "type", "text": "word", "secret": True}, "carries text"),
        ({"action": "type", "text": None}, "text is not a text"),
        ({"action": "done", "status": "maybe"}, "status is none of done, failed"),
        ({"action": "key"}, "Action 'key' lacks 'combo'"),
    ],
)
def test_malformed_actions_are_refused(value: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        actions.parse_action(value)


@pytest.mark.parametrize("value", [None, [], "click", 5])
def test_what_is_no_object_is_refused(value: Any) -> None:
    with pytest.raises(DataError):
        actions.parse_action(value)


def test_reading_leaves_its_input_alone() -> None:
    value = actions.action_json(actions.Click(1, 2))
    kept = dict(value)
    actions.parse_action(value)
    assert value == kept
