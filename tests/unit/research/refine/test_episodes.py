"""Episodes are bounded by signed marks and dropped where they cannot be whole."""

from __future__ import annotations

from typing import Any

import numpy as np

from overt.protocol.actions import Click, Done, Type
from overt.protocol.records import SYNTHETIC
from overt.research.refine.episodes import (
    Dropped,
    drop_counts,
    refine,
    trajectories,
)


def act(desk: Any) -> None:
    desk.wait(200)
    desk.glide(50, 60)
    desk.click()
    desk.wait(100)
    desk.type("hi")


def test_episode_has_goal_steps_and_end(desk: Any) -> None:
    desk.click()
    desk.begin("task_1", "Type hi")
    act(desk)
    desk.end("task_1")
    desk.click()
    (outcome,) = refine(desk.finish())
    found = outcome.trajectory
    assert (found.episode, found.goal, found.status) == ("task_1", "Type hi", "done")
    assert (found.person, found.source, found.judge) == ("part_a", "tester", "tester")
    assert [s.action for s in found.steps] == [Click(50, 60), Type("hi"), Done("done")]
    assert all(s.frame_decide.exact for s in found.steps)
    assert all(s.t_decide_ns <= s.t_press_ns for s in found.steps)
    assert found.steps[-1].frame_press is None
    assert found.steps[0].consent == "cons_part_a"


def test_a_step_says_whether_a_hand_or_a_program_did_it(desk: Any) -> None:
    desk.begin("task_1")
    act(desk)
    desk.hand = 4 | SYNTHETIC
    act(desk)
    desk.hand = 0
    act(desk)
    desk.end("task_1")
    (kept,) = refine(desk.finish())
    by = [step.by for step in kept.trajectory.steps]
    assert by == ["hand", "hand", "program", "program", None, None, None]


def test_episode_may_span_two_segments(desk: Any) -> None:
    desk.begin("task_1")
    desk.click()
    desk.cut()
    desk.paint((0, 0, 20, 20), 5)
    desk.glide(90, 90)
    desk.click()
    desk.end("task_1")
    (kept,) = refine(desk.finish())
    steps = kept.trajectory.steps
    names = [step.segment for step in steps]
    assert names == ["seg_sess_a_0", "seg_sess_a_1", "seg_sess_a_1"]
    assert np.array_equal(steps[1].frame_decide.pixels(), desk.screen)


def test_failed_episode_is_kept_as_failed(desk: Any) -> None:
    desk.begin("task_1")
    act(desk)
    desk.end("task_1", "failed")
    (kept,) = trajectories(refine(desk.finish()))
    assert (kept.status, kept.steps[-1].action) == ("failed", Done("failed"))


def test_each_dropped_episode_has_its_reason(desk: Any) -> None:
    desk.begin("task_discarded")
    act(desk)
    desk.end("task_discarded", "discard")
    desk.begin("task_open")
    act(desk)
    desk.begin("task_idle")
    desk.end("task_idle")
    desk.begin("task_gap")
    act(desk)
    desk.mark("gap", reason="paused")
    desk.wait(20)
    desk.mark("resume")
    desk.end("task_gap")
    desk.begin("task_odd")
    act(desk)
    desk.end("task_odd", "splendid")
    outcomes = refine(desk.finish())
    assert outcomes == [
        Dropped("task_discarded", "discarded"),
        Dropped("task_open", "no-end"),
        Dropped("task_idle", "no-action"),
        Dropped("task_gap", "gap"),
        Dropped("task_odd", "malformed"),
    ]
    assert drop_counts(outcomes)["no-end"] == 1


def test_lost_segment_within_an_episode_drops_it(desk: Any) -> None:
    desk.begin("task_1")
    desk.click()
    desk.cut()
    desk.cut(skip=True)
    desk.click()
    desk.end("task_1")
    assert refine(desk.finish()) == [Dropped("task_1", "gap")]


def tree(name: str) -> dict[str, object]:
    return {"nodes": [["button", name, 0, 0, 9, 9, []]], "truncated": False}


def test_context_is_of_the_screen_decided_on(desk: Any) -> None:
    desk.context("tree", **tree("old"))
    desk.context("window", title="Form", url="")
    desk.begin("task_1")
    desk.paint((0, 0, 60, 60), 9)
    desk.wait(100)
    desk.glide(50, 60)
    desk.context("tree", **tree("new"))
    desk.context("element", role="button", name="b", bounds=[40, 50, 20, 20])
    desk.click()
    desk.paint((90, 0, 60, 60), 9)
    desk.end("task_1")
    (kept,) = trajectories(refine(desk.finish()))
    context = kept.steps[0].context
    assert context["tree"] == {"nodes": tree("new")["nodes"], "stale": False}
    assert context["element"]["name"] == "b"
    assert context["window"]["title"] == "Form"
    assert kept.steps[-1].context["tree"]["stale"]
