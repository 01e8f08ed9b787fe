"""A scripted worker: does a task as a person would, and keeps its own account.

Input: the environment, a task, a seed; callables that mark beginning and end. Output:
an `Episode`: what the script meant to do, every event it injected, how many of those
went into password fields, and the screen just before each action. The account serves
to check a recording; no recording is ever made from it. It holds the typed passwords
(as canaries), so its folder is the worker's own.

A person types into a password field no sooner than 250 ms after going there, and makes
a typo now and then where the field lets it be corrected.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from overt.protocol.actions import Action, Click, Done, Key, Status, Type
from overt.protocol.errors import DataError
from overt.protocol.records import EventKind, Pixels
from overt.research.evaluate.oracles import ORACLES, ClickOn, Press, Step, Write
from overt.research.evaluate.perform import perform

if TYPE_CHECKING:
    from random import Random

    from overt.desktop.x11.synth import Injected
    from overt.research.evaluate.miniwob import MiniWob

Begin = Callable[[str], object]
End = Callable[[Status], object]
_SECRET_WAIT_S = 0.27
_OUTCOME_WAIT_S = 3.0
_TYPO_SHARE = 0.12
_MOST_LOOKS = 10
_CALM_S = 0.025
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "1234567890")
_KEY_KINDS = (EventKind.KEY_PRESS, EventKind.KEY_RELEASE)


@dataclass(frozen=True, slots=True)
class Scripted:
    """One action as the script meant it.

    Attributes:
        action: The action with edits resolved; a secret one carries no text.
        t_ns: CLOCK_MONOTONIC just before its first button or key went down.
        before: The root window at that instant; None for the end of the task.
        canary: The text typed into a password field, kept here alone.
    """

    action: Action
    t_ns: int
    before: Pixels | None = None
    canary: str = ""


@dataclass(frozen=True, slots=True)
class Episode:
    """One attempt at a task, as the worker knows it.

    Attributes:
        task: Name of the page.
        seed: Its seed.
        goal: The instruction on the page.
        status: `done` for strict success, `failed`, or `discard` where the script
            could not go on.
        actions: What was done, the last one `Done`.
        injected: Every event given to the X server, moves between tasks included.
        withheld: Key events, presses and releases, typed into password fields.
        seconds: From the begin mark to the end mark.
    """

    task: str
    seed: str
    goal: str
    status: Status
    actions: tuple[Scripted, ...]
    injected: tuple[Injected, ...]
    withheld: int
    seconds: float

    @property
    def canaries(self) -> tuple[str, ...]:
        """The passwords typed."""
        return tuple(done.canary for done in self.actions if done.canary)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A seed that makes no episode, and why."""

    task: str
    seed: str
    reason: str


class Worker:
    """Does episodes on one display, at the pace of its `Synth`."""

    def __init__(self, env: MiniWob, rng: Random) -> None:
        self._env = env
        self._synth = env.synth
        self._rng = rng
        self._actions: list[Scripted] = []
        self._withheld = 0
        self._focused_s = 0.0

    def run(self, task: str, seed: str, begin: Begin, end: End) -> Episode | Skipped:
        """Do one episode.

        Args:
            task: A name in `oracles.ORACLES`.
            seed: Seeds the page.
            begin: Called with the goal once it is on the screen.
            end: Called with the status once the outcome is known.

        Raises:
            CaptureError: Display or browser are gone.
        """
        mark = len(self._synth.log)
        self._actions, self._withheld = [], 0
        self._rest()
        try:
            goal = self._env.reset(task, seed, park=False)
        except DataError as error:
            return Skipped(task, seed, str(error))
        begin(goal)
        start = time.monotonic()
        status = self._attempt(task, goal)
        self._note(Done(status), time.monotonic_ns())
        end(status)
        return Episode(
            task=task,
            seed=seed,
            goal=goal,
            status=status,
            actions=tuple(self._actions),
            injected=tuple(self._synth.log[mark:]),
            withheld=self._withheld,
            seconds=time.monotonic() - start,
        )

    def watch(
        self, task: str, seed: str, begin: Begin, end: End, *, limit_s: float = 60.0
    ) -> Status:
        """Let the person at the display do one episode; return how it ended.

        Raises:
            DataError: The goal cannot be typed; take another seed.
        """
        goal = self._env.reset(task, seed, park=False)
        begin(goal)
        status = self._await_outcome(limit_s)
        end(status)
        return status

    def _attempt(self, task: str, goal: str) -> Status:
        self._synth.dwell(0.3, 0.7)  # reads the goal
        try:
            for step in ORACLES[task](self._env.page, goal, self._rng):
                self._take(step)
                self._synth.dwell(0.12, 0.3)
        except DataError:
            return "discard"
        return self._await_outcome(_OUTCOME_WAIT_S)

    def _take(self, step: Step) -> None:
        match step:
            case ClickOn():
                self._act(Click(*self._aim(step)))
                self._focused_s = time.monotonic()
            case Press(combo=combo):
                self._act(Key(combo))
                self._focused_s = time.monotonic()
            case Write(secret=True):
                self._write_secret(step.text)
            case Write():
                self._write(step)

    def _aim(self, step: ClickOn) -> tuple[int, int]:
        """Choose a root pixel that reaches the target, mostly near its middle."""
        xs, ys = zip(*step.spots, strict=True)
        goal_x = self._rng.gauss(sum(xs) / len(xs), (max(xs) - min(xs)) / 8)
        goal_y = self._rng.gauss(sum(ys) / len(ys), (max(ys) - min(ys)) / 8)
        x, y = min(
            step.spots, key=lambda at: (at[0] - goal_x) ** 2 + (at[1] - goal_y) ** 2
        )
        return x + self._env.origin[0], y + self._env.origin[1]

    def _act(self, action: Action) -> None:
        perform(self._synth, action, human=True, before=lambda: self._before(action))

    def _write(self, step: Write) -> None:
        action = Type(step.text)
        if not (step.editable and self._rng.random() < _TYPO_SHARE):
            self._act(action)
            return
        at = self._rng.randrange(len(step.text))
        wrong = _neighbour(step.text[at], self._rng)
        self._before(action)
        self._synth.type_text(step.text[:at] + wrong)
        self._synth.dwell(0.15, 0.4)
        self._synth.combo("BackSpace")
        self._synth.dwell(0.08, 0.2)
        self._synth.type_text(step.text[at:])

    def _write_secret(self, text: str) -> None:
        waited = time.monotonic() - self._focused_s
        time.sleep(max(0.0, _SECRET_WAIT_S - waited))
        action = Type(secret=True)
        mark = len(self._synth.log)
        self._before(action, canary=text)
        self._synth.type_text(text)
        keys = (event.kind in _KEY_KINDS for event in self._synth.log[mark:])
        self._withheld += sum(keys)

    def _before(self, action: Action, *, canary: str = "") -> None:
        """Keep the screen at an action, once it has stopped painting."""
        self._await_calm()
        pixels = self._synth.hold_screen()
        self._note(action, time.monotonic_ns(), pixels, canary)

    def _await_calm(self) -> None:
        """Wait until the screen has not changed for a moment: a person acts then."""
        for _ in range(_MOST_LOOKS):
            before = self._env.screenshot()
            time.sleep(_CALM_S)
            if (before == self._env.screenshot()).all():
                return

    def _note(
        self,
        action: Action,
        t_ns: int,
        before: Pixels | None = None,
        canary: str = "",
    ) -> None:
        self._actions.append(Scripted(action, t_ns, before, canary))

    def _await_outcome(self, limit_s: float) -> Status:
        """Wait until the page has judged; a person sees its cover come back."""
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            outcome = self._env.outcome()
            if outcome.done:
                self._env.settle()
                return "done" if outcome.success else "failed"
            time.sleep(0.02)
        return "failed"

    def _rest(self) -> None:
        """Take the hand off the task, to about the same place each time."""
        x, y = self._env.rest_px
        off = self._rng.randint
        self._synth.glide(x + off(-25, 25), y + off(-25, 25), width_px=60.0)


def _neighbour(character: str, rng: Random) -> str:
    """Return a key beside the right one, in the same case."""
    key = character.lower()
    row = next((row for row in _ROWS if key in row), _ROWS[1])
    at = max(row.find(key), 0)
    wrong = rng.choice([row[max(at - 1, 0)], row[min(at + 1, len(row) - 1)]])
    if wrong == key:  # at the end of a row
        wrong = row[1] if at == 0 else row[-2]
    return wrong.upper() if character.isupper() else wrong
