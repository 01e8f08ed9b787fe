"""Trajectories with fake values: what an agent can learn to read from.

Stage: refine, level `surrogate`, after episodes. Input: trajectories recorded below
level `clear`, a seed. Output: the same trajectories with fakes in place of placeholders
in screens, accessibility names, goal and typed text: the same value is the same fake in
all of them. No original is there to be used; what was not told stays flat.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from overt.protocol.actions import Action, Click, Type
from overt.redact.runs import ENTRIES
from overt.research.refine.shapes import UNKNOWN, tree_of
from overt.research.refine.surrogate.draw import draw
from overt.research.refine.surrogate.fakes import Fakes

if TYPE_CHECKING:
    from overt.protocol.records import Pixels
    from overt.protocol.texts import TextRun
    from overt.research.refine.episodes import Step, Trajectory
    from overt.research.refine.shapes import Runs
    from overt.research.refine.surrogate.draw import Box
    from overt.research.refine.timeline import Screen


@dataclass(frozen=True, slots=True)
class Disguised:
    """A masked screen with fake text, made into pixels when asked.

    Attributes:
        screen: The masked screen.
        runs: What stands on it, with fake text.
        typed: Fake text in fields, by the field's box.
        focus: Box of the field that keys go to.
    """

    screen: Screen | Disguised
    runs: Runs
    typed: tuple[tuple[Box, str], ...] = ()
    focus: Box | None = None

    @property
    def t_ns(self) -> int:
        """From when on the recording shows the screen."""
        return self.screen.t_ns

    @property
    def exact(self) -> bool:
        """Whether the masked screen is known to have been exactly so."""
        return self.screen.exact

    @property
    def frame(self) -> int:
        """A number that two equal screens of one session share."""
        return hash((self.screen.frame, self.runs, self.typed, self.focus))

    def pixels(self) -> Pixels:
        """Return uint8 (height, width, 3), RGB, of the whole root window."""
        return self._drawn()[0]

    def boxes(self) -> list[Box]:
        """Return where fake text was drawn."""
        return self._drawn()[1]

    def _drawn(self) -> tuple[Pixels, list[Box]]:
        return draw(self.screen.pixels(), self.runs, dict(self.typed), self.focus)


def disguise(trajectory: Trajectory, seed: int) -> Trajectory:
    """Return a trajectory with fakes in place of placeholders."""
    fakes = Fakes(seed, trajectory.episode)
    goal = fakes.text(trajectory.goal)
    typed: dict[Box, str] = {}
    field: Box | None = None
    steps = []
    for step in trajectory.steps:
        steps.append(_step(step, fakes, tuple(sorted(typed.items())), field))
        action = steps[-1].action
        if isinstance(action, Click):
            field = _field_at(step.runs_press or step.runs_decide, action)
        elif isinstance(action, Type) and field and action.text.strip(UNKNOWN):
            typed[field] = action.text
    return replace(trajectory, goal=goal, steps=tuple(steps))


def _step(
    step: Step,
    fakes: Fakes,
    typed: tuple[tuple[Box, str], ...],
    focus: Box | None,
) -> Step:
    decide = _faked(step.runs_decide, fakes)
    press = _faked(step.runs_press, fakes)
    seen = step.frame_press
    return replace(
        step,
        action=_action(step.action, fakes),
        context=_context(step.context, decide),
        frame_decide=Disguised(step.frame_decide, decide, typed, focus),
        frame_press=None if seen is None else Disguised(seen, press, typed, focus),
        runs_decide=decide,
        runs_press=press,
    )


def _action(action: Action, fakes: Fakes) -> Action:
    if isinstance(action, Type):
        return replace(action, text=fakes.text(action.text))
    return action


def _faked(runs: Runs, fakes: Fakes) -> Runs:
    return tuple(replace(run, text=fakes.text(run.text)) for run in runs)


def _context(context: dict[str, Any], runs: Runs) -> dict[str, Any]:
    if not runs:
        return context
    return context | {"tree": {"nodes": tree_of(runs), "stale": False}}


def _field_at(runs: Runs, click: Click) -> Box | None:
    def holds(run: TextRun) -> bool:
        across = 0 <= click.x_px - run.x_px < run.width_px
        return across and 0 <= click.y_px - run.y_px < run.height_px

    fields = [run for run in runs if run.role in ENTRIES and holds(run)]
    if not fields:
        return None
    run = fields[-1]
    return run.x_px, run.y_px, run.width_px, run.height_px
