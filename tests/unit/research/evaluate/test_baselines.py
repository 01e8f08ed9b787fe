from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import numpy as np
import pytest

from overt.protocol.actions import Click, Done, Key, Type
from overt.protocol.errors import DataError
from overt.research.evaluate.baselines import (
    Demonstration,
    RandomPolicy,
    ReplayPolicy,
)

if TYPE_CHECKING:
    from overt.protocol.records import Pixels

AREA = (10, 20, 160, 210)


def _screen(grey: int) -> Pixels:
    return np.full((300, 400, 3), grey, np.uint8)


def test_random_clicks_stay_in_the_task_and_cover_it() -> None:
    policy = RandomPolicy(Random(1), AREA)  # noqa: S311 - variation
    actions = [policy.act(_screen(0), 'Enter "Ann" here', ()) for _ in range(3000)]
    clicks = [one for one in actions if isinstance(one, Click)]
    assert all(10 <= c.x_px < 170 and 20 <= c.y_px < 230 for c in clicks)
    assert {c.x_px // 40 for c in clicks} == {0, 1, 2, 3, 4}
    typed = {one.text for one in actions if isinstance(one, Type)}
    assert typed == {"Enter", "Ann", "here"}
    assert any(isinstance(one, Key) for one in actions)


@pytest.fixture
def replay() -> ReplayPolicy:
    return ReplayPolicy(
        [
            Demonstration("Click OK", [(_screen(50), Click(1, 1))]),
            Demonstration("Click OK", [(_screen(200), Click(2, 2))]),
            Demonstration(
                "Click Cancel",
                [(_screen(0), Click(3, 3)), (_screen(0), Key("Tab"))],
            ),
        ],
        AREA,
    )


def test_replay_takes_the_goal_first_then_the_screen(replay: ReplayPolicy) -> None:
    assert replay.act(_screen(60), "Click OK", ()) == Click(1, 1)
    assert replay.act(_screen(190), "Click OK", ()) == Click(2, 2)
    assert replay.act(_screen(200), "Click Cancel now", ()) == Click(3, 3)


def test_replay_goes_on_with_what_is_long_enough_then_is_done(
    replay: ReplayPolicy,
) -> None:
    one = (Click(1, 1),)
    assert replay.act(_screen(50), "Click OK", one) == Key("Tab")
    assert replay.act(_screen(50), "Click OK", one * 2) == Done()


def test_replay_without_demonstrations_is_refused() -> None:
    with pytest.raises(DataError):
        ReplayPolicy([], AREA)
