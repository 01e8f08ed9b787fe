"""A policy that sees its tasks as a recording at its own level would show them.

Stage: evaluate. Input: a policy, a level, what a recorder would ask: the mask, the
rules of words, the accessibility tree. Output: a policy that acts on the real screen:
what it types as a placeholder or a fake becomes the value again, in this process alone.
It serves to test an agent on the kind of screen that it was trained on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from overt.protocol.actions import Action, Type
from overt.protocol.texts import Placeholder, pieces
from overt.redact.naming import Naming
from overt.redact.runs import ENTRIES, runs_of
from overt.research.refine.surrogate.draw import draw
from overt.research.refine.surrogate.fakes import Fakes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from overt.protocol.records import Pixels
    from overt.redact.naming import Span
    from overt.redact.runs import Node
    from overt.research.evaluate.agent import Policy
    from overt.research.refine.surrogate.draw import Box

View = Literal["clear", "words", "masked", "surrogate"]
VIEWS: tuple[View, ...] = ("clear", "words", "masked", "surrogate")


@dataclass(frozen=True, slots=True)
class Source:
    """What a recorder at the same desk would look at.

    Attributes:
        mask: Masks all text of an image.
        masks: What of a text may not be read, as for `Naming`.
        tree: Returns the nodes of what the screen shows now.
    """

    mask: Callable[[Pixels], Pixels]
    masks: Callable[[str], Sequence[Span]]
    tree: Callable[[], Sequence[Node]]


class Viewed:
    """A policy behind a view."""

    def __init__(
        self, policy: Policy, view: View, source: Source, *, seed: int = 0
    ) -> None:
        self._policy, self._view, self._source, self._seed = policy, view, source, seed
        self._episodes = 0
        self._begin("")

    def act(self, frame: Pixels, goal: str, previous: Sequence[Action]) -> Action:
        """Choose the next action; an episode begins where there is no previous one."""
        if not previous:
            self._begin(goal)
        action = self._policy.act(self._look(frame), self._goal, previous)
        if isinstance(action, Type):
            if self._focus is not None:
                self._typed[self._focus] = action.text
            return replace(action, text=self._meant(action.text))
        return action

    def _begin(self, goal: str) -> None:
        self._episodes += 1
        self._typed: dict[Box, str] = {}
        self._focus: Box | None = None
        self._naming = Naming(self._source.masks)
        self._fakes = Fakes(self._seed, f"test {self._episodes}")
        template = self._naming.goal(goal)
        self._values = {
            self._shown(str(piece)): self._naming.value(piece)
            for piece in pieces(template)
            if isinstance(piece, Placeholder)
        }
        self._goal = self._shown(template)

    def _shown(self, template: str) -> str:
        return self._fakes.text(template) if self._view == "surrogate" else template

    def _meant(self, text: str) -> str:
        """Return a text of the view's goal with its values in place."""
        for shown in sorted(self._values, key=len, reverse=True):
            text = text.replace(shown, self._values[shown])
        return text

    def _look(self, frame: Pixels) -> Pixels:
        masked = self._source.mask(frame)
        if self._view != "surrogate":
            return masked
        nodes = self._source.tree()
        runs, _ = runs_of(nodes, frame, self._naming.show)
        faked = [replace(run, text=self._fakes.text(run.text)) for run in runs]
        self._focus = _focus(nodes)
        return draw(masked, faked, self._typed, self._focus)[0]


def _focus(nodes: Sequence[Node]) -> Box | None:
    """Return the box of the field that keys go to."""
    fields = [node for node in nodes if node[0] in ENTRIES and "focused" in node[6]]
    if not fields:
        return None
    x, y, width, height = (int(value) for value in fields[-1][2:6])
    return x, y, width, height
