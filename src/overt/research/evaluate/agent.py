"""A policy acting in the environment, one action at a time, until the page judges.

Input: a policy, an environment that shows a task. Output: a `Trial`. The policy sees
the screen, the goal and its own previous actions; nothing of the page behind them. A
secret is typed by whoever runs the agent (`credential`), never by the policy.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from overt.protocol.actions import Action, Done, Type
from overt.protocol.errors import DataError
from overt.research.evaluate.perform import perform

if TYPE_CHECKING:
    from overt.desktop.x11.synth import Synth
    from overt.protocol.records import Pixels
    from overt.research.evaluate.miniwob import Outcome

Credential = Callable[[str], str]
_AFTER_TYPING_S = 0.4  # a menu of suggestions comes 0.3 s after the last key


class Policy(Protocol):
    """Whatever chooses actions."""

    def act(self, frame: Pixels, goal: str, previous: Sequence[Action]) -> Action:
        """Choose the next action.

        Args:
            frame: The whole root window, uint8 (height, width, 3), RGB.
            goal: The task as text.
            previous: The actions of this episode so far.
        """
        ...


class Environment(Protocol):
    """What an agent needs of a task that is on the screen."""

    @property
    def synth(self) -> Synth:
        """Pointer and keyboard."""
        ...

    def screenshot(self) -> Pixels:
        """Return the root window."""
        ...

    def settle(self) -> None:
        """Wait until the screen shows what was done."""
        ...

    def outcome(self) -> Outcome:
        """Return how the episode stands."""
        ...

    def area(self) -> tuple[int, int, int, int]:
        """Return the task's rectangle in root pixels."""
        ...


@dataclass(frozen=True, slots=True)
class Trial:
    """One attempt of an agent.

    Attributes:
        goal: The task as text.
        success: Whether the page says that it is wholly solved.
        raw_reward: What the page says, 0 where it says nothing.
        actions: What the agent did.
        first_frame: `frame_hash` of the task's area at the start.
        seconds: From the first screen to the last outcome.
    """

    goal: str
    success: bool
    raw_reward: float
    actions: tuple[Action, ...]
    first_frame: str
    seconds: float


def run_agent(
    policy: Policy,
    env: Environment,
    goal: str,
    limit_steps: int,
    *,
    credential: Credential | None = None,
) -> Trial:
    """Let a policy act on the task that the environment shows.

    Args:
        policy: Chooses actions.
        env: Shows the task; it was reset already.
        goal: The task as text.
        limit_steps: Actions allowed: twice the longest demonstration.
        credential: Returns what a secret typing action types, given the goal.

    Raises:
        CaptureError: Display or browser are gone.
    """
    start = time.monotonic()
    actions: list[Action] = []
    frame = env.screenshot()
    first = frame_hash(frame, env.area())
    outcome = env.outcome()
    while not outcome.done and len(actions) < limit_steps:
        action = policy.act(frame, goal, tuple(actions))
        actions.append(action)
        if isinstance(action, Done):
            break
        _carry_out(env, action, goal, credential)
        outcome = env.outcome()
        frame = env.screenshot()
    return Trial(
        goal=goal,
        success=outcome.success,
        raw_reward=outcome.raw_reward if outcome.done else 0.0,
        actions=tuple(actions),
        first_frame=first,
        seconds=time.monotonic() - start,
    )


def frame_hash(frame: Pixels, area: tuple[int, int, int, int]) -> str:
    """Return a hash of a rectangle (x, y, width, height) of a screen.

    SHA-256 of the four upper bits of each sample: a browser paints a rounded corner
    one grey level apart now and then, which makes no other screen.
    """
    x, y, width, height = area
    part = frame[y : y + height, x : x + width] >> 4
    return hashlib.sha256(part.tobytes()).hexdigest()


def quoted_credential(goal: str) -> str:
    """Return a benchmark's password: the last text in quotes in its goal.

    Raises:
        DataError: The goal quotes nothing.
    """
    quoted = re.findall(r'"([^"]*)"', goal)
    if not quoted:
        raise DataError("The goal of this task names no password to type.")
    return str(quoted[-1])


def _carry_out(
    env: Environment, action: Action, goal: str, credential: Credential | None
) -> None:
    """Act, then wait for the page to show what came of it."""
    secret = ""
    if isinstance(action, Type) and action.secret and credential is not None:
        secret = credential(goal)
    perform(env.synth, action, secret=secret)
    if isinstance(action, Type):
        time.sleep(_AFTER_TYPING_S)
    env.settle()
