"""A timeline knows the screen of every instant and how well."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from overt.protocol.errors import DataError
from overt.protocol.records import FrameCause, FrameRecord
from overt.protocol.segment import Segment
from overt.research.refine.timeline import Timeline, by_session

MS = 1_000_000


def test_screen_is_exact_until_the_next_change(desk: Any) -> None:
    before = desk.screen.copy()
    desk.wait(50)
    changed_ms = desk.now_ms
    desk.paint((70, 70, 90, 20), 30, late_ms=9)
    timeline = Timeline(desk.finish())
    early = timeline.frame_at(changed_ms * MS - 1)
    between = timeline.frame_at((changed_ms + 3) * MS)
    late = timeline.frame_at((changed_ms + 9) * MS)
    assert (early.exact, between.exact, late.exact) == (True, False, True)
    assert np.array_equal(early.pixels(), before)
    assert np.array_equal(between.pixels(), before)
    assert np.array_equal(late.pixels(), desk.screen)
    assert timeline.frame_at(0) is None


def test_press_frame_stands_before_a_change_of_the_same_millisecond(desk: Any) -> None:
    desk.wait(20)
    pressed_ms, before = desk.now_ms, desk.screen.copy()
    desk.press()
    desk.paint((0, 0, 40, 40), 10)
    timeline = Timeline(desk.finish())
    press = timeline.press_frame(pressed_ms * MS)
    assert press.exact
    assert np.array_equal(press.pixels(), before)
    assert not timeline.frame_at(pressed_ms * MS).exact


def test_inexact_frame_is_not_exact(desk: Any) -> None:
    desk.wait(5)
    desk.frame(cause=FrameCause.PRESS, exact=False)
    timeline = Timeline(desk.finish())
    assert not timeline.press_frame(desk.now_ms * MS).exact
    assert not timeline.frame_at(desk.now_ms * MS).exact


def test_segments_join_in_sequence_whatever_their_order(desk: Any) -> None:
    desk.glide(40, 40)
    desk.cut()
    desk.paint((5, 5, 9, 9), 1)
    desk.glide(80, 40)
    timeline = Timeline(desk.finish()[::-1])
    assert len(timeline.events) == 20
    assert (np.diff(timeline.events["t_ns"]) > 0).all()
    assert timeline.gaps == []
    shown = timeline.frame_at(desk.now_ms * MS).pixels()
    assert np.array_equal(shown, desk.screen)
    assert timeline.header_at(desk.now_ms * MS).sequence == 1


def test_missing_segment_and_pause_are_gaps(desk: Any) -> None:
    desk.cut()
    start_ms = desk.now_ms
    desk.wait(100)
    desk.cut(skip=True)
    desk.wait(10)
    desk.mark("gap", reason="paused")
    desk.wait(50)
    desk.mark("resume")
    timeline = Timeline(desk.finish())
    assert timeline.gap_within((start_ms + 50) * MS, (start_ms + 60) * MS)
    assert timeline.gap_within((desk.now_ms - 20) * MS, (desk.now_ms - 10) * MS)
    assert not timeline.gap_within(desk.now_ms * MS + 1, desk.now_ms * MS + 2)


def test_torn_segment_leaves_a_gap_to_the_next(desk: Any) -> None:
    desk.cut()
    (first, second) = desk.finish()
    torn = Segment(first.header, first.records, complete=False)
    timeline = Timeline([torn, second])
    assert len(timeline.gaps) == 1


def test_bad_sessions_are_refused(desk: Any, new_desk: Any) -> None:
    other = new_desk(session="sess_b")
    segments = desk.finish()
    with pytest.raises(DataError, match="several sessions"):
        Timeline(segments + other.finish())
    with pytest.raises(DataError, match="twice"):
        Timeline(segments * 2)
    with pytest.raises(DataError, match="no segment"):
        Timeline([])
    sessions = by_session(other.finish() + segments)
    assert [timeline.session for timeline in sessions] == ["sess_a", "sess_b"]


def test_frame_of_a_missing_tile_is_refused(desk: Any) -> None:
    (segment,) = desk.finish()
    ids = np.array([[0, 999]], np.uint32)
    bad = FrameRecord(5 * MS, FrameCause.DAMAGE, True, 640, 420, ids)  # noqa: FBT003
    with pytest.raises(DataError, match="missing tile"):
        Timeline([Segment(segment.header, (*segment.records, bad), complete=True)])
