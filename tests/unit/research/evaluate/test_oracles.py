from __future__ import annotations

from random import Random
from typing import Any

import pytest

from overt.protocol.errors import DataError
from overt.research.evaluate.oracles import (
    DEMO_TASKS,
    ORACLES,
    SECRET_TASKS,
    ClickOn,
    Press,
    Write,
    typeahead,
)


class FakePage:
    """Answers each question for a place with one spot, others with a list."""

    def __init__(self, names: list[str]) -> None:
        self._names = names
        self.asked: list[str] = []

    def evaluate(self, expression: str) -> Any:
        self.asked.append(expression)
        return self._names if ".map(" in expression else [[7, 60]]


def _steps(task: str, goal: str, names: list[str], seed: int = 0) -> list[Any]:
    page: Any = FakePage(names)
    return list(ORACLES[task](page, goal, Random(seed)))  # noqa: S311 - variation


def test_the_six_and_the_secret_tasks_are_among_the_fifteen() -> None:
    assert len(ORACLES) == 15
    assert {*DEMO_TASKS, *SECRET_TASKS} < set(ORACLES)


@pytest.mark.parametrize(
    ("options", "text", "start", "chosen"),
    [
        (["Chad", "Niger", "Nigeria"], "Niger", 0, 1),
        (["Chad", "Nigeria", "Niger"], "Niger", 0, 1),
        (["Chad", "Nigeria", "Niger"], "Nigeria", 0, 1),
        (["Ann", "Anna", "Bo"], "Bo", 0, 2),
        (["Peru", "Chad"], "Peru", 0, 0),
    ],
)
def test_typeahead_follows_the_browser(
    options: list[str], text: str, start: int, chosen: int
) -> None:
    assert typeahead(options, text, start) == chosen


def test_a_list_is_corrected_by_arrows_where_typing_picks_another() -> None:
    goal = "Select Niger from the list and click Submit."
    steps = _steps("choose-list", goal, ["Chad", "Nigeria", "Niger"])
    assert steps[1:4] == [Write("Niger"), Press("Down"), Press("Return")]


def test_password_fields_are_written_as_secret_and_never_left_by_a_key() -> None:
    goal = 'Enter the username "ann" and the password "xY3" into the fields.'
    for seed in range(60):
        steps = _steps("login-user", goal, [], seed)
        at = steps.index(Write("xY3", secret=True))
        assert isinstance(steps[at + 1], ClickOn)
        assert Write("ann", editable=True) in steps


def test_the_order_of_boxes_varies_and_all_are_ticked() -> None:
    goal = "Select a, b, c and click Submit."
    orders = set()
    for seed in range(60):
        page: Any = FakePage(["a", "b", "c", "d"])
        rng = Random(seed)  # noqa: S311 - variation
        steps = list(ORACLES["click-checkboxes"](page, goal, rng))
        orders.add(tuple(page.asked))
        assert len(steps) == 4
    assert len(orders) > 1


def test_a_goal_of_another_form_is_refused_without_quoting_it() -> None:
    with pytest.raises(DataError) as caught:
        _steps("click-tab", "Click on the canary", [])
    assert "canary" not in str(caught.value)
