from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from overt.protocol.actions import Action, Click, Done, Key, Type
from overt.protocol.errors import DataError
from overt.research.evaluate.agent import frame_hash, quoted_credential, run_agent
from overt.research.evaluate.miniwob import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from overt.protocol.records import Pixels


class FakeKeyboard:
    """Takes the calls of a `Synth` and keeps what they mean."""

    def __init__(self) -> None:
        self.did: list[tuple[Any, ...]] = []

    def position(self) -> tuple[int, int]:
        return 300, 300

    def move(self, x: int, y: int) -> bool:
        self.did.append(("move", x, y))
        return True

    def click(self, button: str, *, count: int, human: bool) -> None:
        self.did.append(("click", button, count, human))

    def type_text(self, text: str, *, human: bool) -> None:
        self.did.append(("type", text, human))

    def combo(self, combo: str, *, human: bool) -> None:
        self.did.append(("combo", combo, human))


class FakeTask:
    """A task that is solved, wholly or in part, after some actions."""

    def __init__(self, solved_after: int, reward: float = 1.0) -> None:
        self.synth: Any = FakeKeyboard()
        self.settled = 0
        self._after = solved_after
        self._reward = reward

    def screenshot(self) -> Pixels:
        return np.full((420, 640, 3), self.settled, np.uint8)

    def settle(self) -> None:
        self.settled += 1

    def outcome(self) -> Outcome:
        done = self.settled >= self._after
        return Outcome(done, self._reward if done else 0.0)

    def area(self) -> tuple[int, int, int, int]:
        return 0, 0, 160, 210


class Script:
    def __init__(self, *actions: Action) -> None:
        self._actions = actions
        self.seen: list[tuple[int, str, int]] = []

    def act(self, frame: Pixels, goal: str, previous: Sequence[Action]) -> Action:
        self.seen.append((int(frame[0, 0, 0]), goal, len(previous)))
        return self._actions[len(previous)]


def test_the_agent_sees_screen_goal_and_its_past_until_the_page_judges() -> None:
    script = Script(Click(5, 6), Key("Tab"), Key("Tab"))
    trial = run_agent(script, FakeTask(2), "do it", 9)
    assert trial.success
    assert trial.actions == (Click(5, 6), Key("Tab"))
    assert script.seen == [(0, "do it", 0), (1, "do it", 1)]


def test_a_click_ends_where_the_policy_said() -> None:
    task = FakeTask(1)
    run_agent(Script(Click(30, 60)), task, "goal", 3)
    assert task.synth.did[-2:] == [("move", 30, 60), ("click", "left", 1, False)]


def test_partial_credit_is_no_success() -> None:
    trial = run_agent(Script(Click(1, 1)), FakeTask(1, reward=0.5), "goal", 3)
    assert (trial.success, trial.raw_reward) == (False, 0.5)


def test_the_agent_stops_at_the_limit() -> None:
    trial = run_agent(Script(*[Key("Tab")] * 9), FakeTask(99), "goal", 4)
    assert len(trial.actions) == 4
    assert not trial.success


def test_done_ends_the_trial_without_acting() -> None:
    task = FakeTask(99)
    trial = run_agent(Script(Done()), task, "goal", 4)
    assert (trial.success, task.synth.did) == (False, [])


def test_a_secret_is_filled_in_by_whoever_runs_the_agent() -> None:
    task = FakeTask(1)
    goal = 'Enter the username "ann" and the password "xY3" here.'
    run_agent(Script(Type(secret=True)), task, goal, 3, credential=quoted_credential)
    assert task.synth.did == [("type", "xY3", False)]
    with pytest.raises(DataError):
        quoted_credential("no password")


def test_a_frame_hash_depends_on_its_rectangle_alone() -> None:
    frame = np.zeros((420, 640, 3), np.uint8)
    before = frame_hash(frame, (0, 0, 160, 210))
    frame[300, 300] = 9
    assert frame_hash(frame, (0, 0, 160, 210)) == before
    frame[209, 159] = 1
    assert frame_hash(frame, (0, 0, 160, 210)) == before
    frame[209, 159] = 99
    assert frame_hash(frame, (0, 0, 160, 210)) != before
