"""A view shows what a recording would show, and what is typed becomes real again."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from overt.protocol.actions import Click, Type
from overt.protocol.texts import COVER, has_placeholder
from overt.research.evaluate.views import Source, Viewed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from overt.protocol.actions import Action
    from overt.protocol.records import Pixels
    from overt.redact.naming import Span
    from overt.research.evaluate.views import View

GOAL = 'Enter "Thaddeus" and press OK'
NODE = ["static", "Thaddeus", 10, 10, 60, 14, []]


def masks(text: str) -> list[Span]:
    return [(*m.span(), "PERSON") for m in re.finditer("Thaddeus|Rose", text)]


class Typist:
    """Types what stands between the quotation marks of its goal."""

    def __init__(self) -> None:
        self.seen: list[tuple[Pixels, str]] = []

    def act(self, frame: Pixels, goal: str, previous: Sequence[Action]) -> Action:
        self.seen.append((frame, goal))
        return Type(re.findall('"(.+)"', goal)[0]) if not previous else Click(1, 1)


@pytest.mark.parametrize("view", ["masked", "surrogate"])
def test_a_typed_stand_in_becomes_the_value(view: View) -> None:
    policy = Typist()
    grey = np.full((40, 100, 3), COVER, np.uint8)
    viewed = Viewed(policy, view, Source(lambda _: grey, masks, lambda: [NODE]))
    frame = np.full((40, 100, 3), 255, np.uint8)
    assert viewed.act(frame, GOAL, ()) == Type("Thaddeus")
    shown, goal = policy.seen[0]
    assert "Thaddeus" not in goal
    assert has_placeholder(goal) == (view == "masked")
    assert (shown == COVER).all() == (view == "masked")
    assert viewed.act(frame, GOAL, (Type("Thaddeus"),)) == Click(1, 1)


def test_a_surrogate_shows_the_focus_and_what_was_typed() -> None:
    policy = Typist()
    grey = np.full((80, 100, 3), COVER, np.uint8)
    field = ["entry", "", 5, 40, 80, 24, ["focused"]]
    source = Source(lambda _: grey, masks, lambda: [NODE, field])
    viewed = Viewed(policy, "surrogate", source)
    frame = np.full((80, 100, 3), 255, np.uint8)
    viewed.act(frame, GOAL, ())
    viewed.act(frame, GOAL, (Type("Thaddeus"),))
    (before, _), (after, _) = policy.seen
    inside = (slice(44, 60), slice(8, 80))
    assert (before[52, 5:7] == 16).all()
    assert (before[inside] == 255).all()
    assert (after[inside] < 150).any()


def test_each_episode_has_names_of_its_own() -> None:
    policy: Any = Typist()
    grey = np.full((40, 100, 3), COVER, np.uint8)
    viewed = Viewed(policy, "surrogate", Source(lambda _: grey, masks, list))
    for name in ("Thaddeus", "Rose"):
        viewed.act(grey, f'Enter "{name}"', ())
    first, second = (goal for _, goal in policy.seen)
    assert first != second
