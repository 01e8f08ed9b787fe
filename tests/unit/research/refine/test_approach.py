"""The decision frame shows what stood there before the pointer set out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from overt.protocol.records import EventKind, FrameCause
from overt.research.refine.approach import Decision, decide_on
from overt.research.refine.reduce import reduce_events
from overt.research.refine.timeline import Timeline

MS = 1_000_000
TARGET = (120, 100, 40, 16)  # within reach of where the tests press


def decisions_of(desk: Any) -> list[Decision]:
    timeline = Timeline(desk.finish())
    found, before = [], None
    for reduced in reduce_events(timeline.events):
        found.append(decide_on(timeline, reduced, before, 0))
        assert found[-1].t_ns <= reduced.t_press_ns
        before = reduced
    return found


def test_hover_at_the_target_is_not_in_the_decision_frame(desk: Any) -> None:
    calm = desk.screen.copy()
    desk.wait(300)
    start_ms = desk.now_ms + 16
    desk.glide(130, 108)
    desk.paint(TARGET, 120)
    desk.wait(30)
    desk.click()
    (decision,) = decisions_of(desk)
    assert decision.t_ns == start_ms * MS
    assert decision.decide.exact
    assert np.array_equal(decision.decide.pixels(), calm)
    assert np.array_equal(decision.press.pixels(), desk.screen)


def test_change_elsewhere_during_the_approach_moves_the_decision(desk: Any) -> None:
    desk.wait(300)
    desk.glide(60, 60, steps=5)
    desk.paint((300, 200, 60, 12), 90)  # a result arrives while the pointer moves
    arrived, arrived_ms = desk.screen.copy(), desk.now_ms
    desk.glide(130, 108, steps=5)
    desk.paint(TARGET, 120)
    desk.click()
    (decision,) = decisions_of(desk)
    assert decision.t_ns == arrived_ms * MS
    assert np.array_equal(decision.decide.pixels(), arrived)


def test_own_consequence_still_painting_moves_the_decision(desk: Any) -> None:
    desk.wait(300)
    desk.glide(60, 40)
    desk.click()
    desk.wait(10)
    desk.glide(70, 46, steps=2, step_ms=10)
    desk.paint((52, 34, 14, 14), 20, late_ms=12)  # the check mark comes late
    checked = desk.screen.copy()
    desk.glide(130, 108)
    desk.click()
    decision = decisions_of(desk)[1]
    assert np.array_equal(decision.decide.pixels(), checked)


def test_old_hover_that_fades_on_leaving_does_not_move_it(desk: Any) -> None:
    desk.wait(300)
    desk.glide(60, 40)
    desk.paint((52, 34, 14, 14), 20)
    desk.click()
    desk.wait(400)
    hovered, start_ms = desk.screen.copy(), desk.now_ms + 16
    desk.glide(80, 60, steps=4)
    desk.paint((52, 34, 14, 14), 200)
    desk.glide(130, 108)
    desk.click()
    decision = decisions_of(desk)[1]
    assert decision.t_ns == start_ms * MS
    assert np.array_equal(decision.decide.pixels(), hovered)


def test_rest_begins_a_new_approach_and_a_correction_does_not(desk: Any) -> None:
    desk.wait(300)
    desk.glide(60, 60)
    desk.wait(400)
    start_ms = desk.now_ms + 16
    desk.glide(140, 110)
    desk.wait(150)  # overshoot, then back
    desk.glide(130, 104, steps=3)
    desk.click()
    (decision,) = decisions_of(desk)
    assert decision.t_ns == start_ms * MS


def test_press_without_motion_is_its_own_decision(desk: Any) -> None:
    desk.wait(50)
    desk.click()
    (decision,) = decisions_of(desk)
    assert decision.t_ns == decision.press.t_ns
    assert decision.decide == decision.press


def test_typing_is_decided_before_its_first_key(desk: Any) -> None:
    desk.wait(50)
    empty, first_ms = desk.screen.copy(), desk.now_ms
    desk.type("He")
    desk.paint((20, 20, 30, 12), 0)
    (decision,) = decisions_of(desk)
    assert decision.t_ns == first_ms * MS
    assert np.array_equal(decision.decide.pixels(), empty)


@pytest.mark.parametrize(
    ("bounds", "moved"),
    [([115, 10, 60, 110], "no"), ([0, 0, 640, 420], "yes")],
)
def test_bounds_of_the_element_say_what_may_change(
    desk: Any, bounds: list[int], moved: str
) -> None:
    desk.wait(300)
    start_ms = desk.now_ms + 16
    desk.glide(130, 108)
    desk.paint((122, 22, 40, 30), 120)
    desk.context("element", role="panel", name="x", bounds=bounds, states=[])
    desk.click()
    (decision,) = decisions_of(desk)
    assert (decision.t_ns != start_ms * MS) == (moved == "yes")


def test_button_round_the_text_that_was_hit_may_change(desk: Any) -> None:
    button = ["push button", "Go", 20, 90, 170, 50, []]
    desk.context("tree", nodes=[button], truncated=False)
    desk.wait(300)
    start_ms = desk.now_ms + 16
    desk.glide(40, 108)
    desk.paint((20, 90, 170, 50), 120)
    desk.context("element", role="text", name="Go", bounds=[30, 100, 20, 12])
    desk.click()
    (decision,) = decisions_of(desk)
    assert decision.t_ns == start_ms * MS


def test_shifted_letter_is_shown_as_when_shift_went_down(desk: Any) -> None:
    desk.wait(50)
    desk.frame(cause=FrameCause.PRESS)
    desk.event(EventKind.KEY_PRESS, 0xFFE1)
    desk.paint((60, 60, 1, 12), 0, late_ms=30)  # a caret blinks meanwhile
    desk.key(ord("A"), 1)
    (decision,) = decisions_of(desk)
    assert decision.press.exact
    assert decision.press.t_ns == decision.t_ns
