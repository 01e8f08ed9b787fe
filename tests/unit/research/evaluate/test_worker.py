"""The worker and an agent at real pages on a real display."""

from __future__ import annotations

import stat
import sys
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from overt.desktop.x11.synth import Synth
from overt.protocol.actions import Action, Click, Done, Type
from overt.protocol.records import EventKind
from overt.research.evaluate.account import Account
from overt.research.evaluate.agent import frame_hash, run_agent
from overt.research.evaluate.baselines import RandomPolicy
from overt.research.evaluate.miniwob import MiniWob
from overt.research.evaluate.oracles import ORACLES, ClickOn
from overt.research.evaluate.pages import PageServer
from overt.research.evaluate.worker import Episode, Worker

sys.path.insert(0, str(Path(__file__).parents[4]))  # `demo` is not installed

from overt.research.evaluate.desk import Desk

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from overt.protocol.records import Pixels

pytestmark = pytest.mark.display
KEYS = {EventKind.KEY_PRESS, EventKind.KEY_RELEASE}


@pytest.fixture(scope="module")
def env() -> Iterator[MiniWob]:
    rng = Random(3)  # noqa: S311 - variation
    with PageServer() as pages, Desk(human=False) as desk:
        browser = desk.start_browser(pages.url + "click-test-2.html")
        with (
            Synth(desk.display, pace=6.0, rng=rng) as synth,
            MiniWob(desk.display, browser.port, pages.url, synth=synth) as made,
        ):
            yield made


class Told:
    def __init__(self) -> None:
        self.marks: list[str] = []

    def __call__(self, text: str) -> None:
        self.marks.append(text)


def _episode(env: MiniWob, task: str, seed: str) -> tuple[Episode, list[str]]:
    told = Told()
    rng = Random(5)  # noqa: S311 - variation
    episode = Worker(env, rng).run(task, seed, told, told)
    assert isinstance(episode, Episode)
    return episode, told.marks


def test_an_episode_is_marked_solved_and_accounted_for(env: MiniWob) -> None:
    episode, marks = _episode(env, "enter-text", "t-1")
    assert marks == [episode.goal, "done"]
    kinds = [type(done.action) for done in episode.actions]
    assert kinds == [Click, Type, Click, Done]
    typed = episode.actions[1].action
    assert isinstance(typed, Type)
    assert f'"{typed.text}"' in episode.goal
    assert episode.withheld == 0
    assert episode.canaries == ()


def test_the_same_seed_shows_the_same_task(env: MiniWob) -> None:
    seeds = ("same", "other", "same")
    shown = [
        (env.reset("click-dialog-2", seed), frame_hash(env.screenshot(), env.area()))
        for seed in seeds
    ]
    assert shown[0] == shown[2] != shown[1]


def test_passwords_are_counted_and_stand_in_no_action(env: MiniWob) -> None:
    episode, _ = _episode(env, "enter-password", "t-2")
    assert episode.status == "done"
    secrets = [done for done in episode.actions if done.canary]
    assert [done.action for done in secrets] == [Type(secret=True)] * 2
    assert episode.canaries[0] == episode.canaries[1] != ""
    keys = [event for event in episode.injected if event.kind in KEYS]
    assert episode.withheld == len(keys)


def test_keys_reach_a_password_field_250_ms_after_going_there(env: MiniWob) -> None:
    episode, _ = _episode(env, "login-user", "t-3")
    at = next(nth for nth, done in enumerate(episode.actions) if done.canary)
    went = episode.actions[at - 1].t_ns
    assert episode.actions[at].t_ns - went >= 250e6


def test_the_screen_before_an_action_shows_what_was_there(env: MiniWob) -> None:
    episode, _ = _episode(env, "enter-text", "t-4")
    first, *_, last, _ = [done.before for done in episode.actions]
    assert first is not None
    assert last is not None
    assert first.shape == last.shape == (420, 640, 3)
    assert not np.array_equal(first, last)


def test_the_account_is_private_and_reads_back(env: MiniWob, tmp_path: Path) -> None:
    episode, _ = _episode(env, "login-user", "t-5")
    account = Account(tmp_path / "own")
    number = account.add(episode)
    (told,) = account.episodes()
    assert told["canaries"] == list(episode.canaries)
    assert len(told["injected"]) == len(episode.injected)
    screens = account.screens(number)
    assert len(screens) == len(episode.actions) - 1
    assert np.array_equal(screens[0], episode.actions[0].before)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "own").iterdir()}
    assert modes == {0o600}


class Reads:
    """Acts as an oracle says, through the agent's loop."""

    def __init__(self, env: MiniWob, task: str, goal: str) -> None:
        page: Any = env.page
        self._steps = ORACLES[task](page, goal, Random(1))  # noqa: S311 - variation

    def act(self, frame: Pixels, goal: str, previous: Sequence[Action]) -> Action:
        del frame, goal, previous
        step = next(self._steps)
        assert isinstance(step, ClickOn)
        return Click(*step.spots[len(step.spots) // 2])


def test_an_agent_solves_what_it_knows_within_a_second(env: MiniWob) -> None:
    goal = env.reset("click-tab", "t-6")
    trial = run_agent(Reads(env, "click-tab", goal), env, goal, 2)
    assert trial.success
    assert len(trial.actions) == 1
    assert trial.seconds < 1.0


def test_a_task_left_undone_does_not_spoil_the_next(env: MiniWob) -> None:
    rng = Random(2)  # noqa: S311 - variation
    fresh = env.reset("choose-list", "t-7"), env.screenshot()
    step = next(ORACLES["choose-list"](env.page, fresh[0], rng))
    assert isinstance(step, ClickOn)
    x, y = step.spots[40]
    env.synth.move(x, y)
    env.synth.click(human=False)  # leaves the list open
    again = env.reset("choose-list", "t-7"), env.screenshot()
    assert np.array_equal(fresh[1], again[1])
    run_agent(RandomPolicy(rng, env.area()), env, again[0], 4)
    env.reset("click-test-2", "t-8")
