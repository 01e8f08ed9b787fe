"""Segments begin with a key frame, follow one another, and are durable on commit."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from overt.desktop.types import Rect
from overt.protocol.errors import CaptureError
from overt.protocol.ids import new_id
from overt.protocol.records import (
    EVENT_DTYPE,
    DirtyRecord,
    FrameCause,
    FrameRecord,
    InputRecord,
    Level,
    MarkRecord,
    TileRecord,
)
from overt.protocol.sealing import SealingKey
from overt.protocol.segment import Segment, read_segment
from overt.recorder.capture import segments
from overt.recorder.capture.courier import Courier
from overt.recorder.capture.screenlog import Area, Patch, Picture, ScreenLog
from overt.recorder.capture.segments import SegmentSink, Subject
from overt.recorder.spool import Spool, SpoolState

SCREEN = Rect(0, 0, 128, 64)
INPUT = InputRecord(np.zeros(3, EVENT_DTYPE))


class Case:
    def __init__(self, folder: Path) -> None:
        self.own = SealingKey.generate()
        self.spool = Spool(folder)
        parts = [new_id("sess"), new_id("part"), new_id("dev"), new_id("prog")]
        subject = Subject(*parts, consent=new_id("cons"), level="clear")
        self.sink = SegmentSink(self.spool, self.own.public, subject)
        self.log = ScreenLog(lambda pixels: pixels)

    def picture(self, t_ns: int, value: int) -> list[TileRecord | FrameRecord]:
        pixels = np.full((64, 64, 3), value, np.uint8)
        patch = Patch(Rect(0, 0, 64, 64), pixels)
        areas = (Area(SCREEN, Level.CLEAR),)
        cause = FrameCause.DAMAGE
        return self.log.add(Picture(t_ns, cause, True, SCREEN, areas, (patch,)))  # noqa: FBT003

    def read(self, *, recover: bool = False) -> list[Segment]:
        names = [entry.segment for entry in self.spool.entries()]
        found = [self.spool.read(name, self.own) for name in names]
        return [read_segment(data, recover=recover) for data in found]


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path / "spool")


def test_input_before_the_first_frame_is_left_out_and_marks_wait_for_it(
    case: Case,
) -> None:
    mark = MarkRecord(1, "task_begin", {"task": "t"})
    case.sink.write([INPUT, mark, *case.picture(5, 1), INPUT])
    case.sink.close()
    (segment,) = case.read()
    kinds = [type(record) for record in segment.records]
    assert kinds == [TileRecord, FrameRecord, MarkRecord, InputRecord]
    assert segment.header.started_t_ns == 5
    (entry,) = case.spool.entries()
    assert entry.state is SpoolState.WAITING


def test_a_long_recording_goes_on_in_segments_that_stand_alone(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    case.sink.write(case.picture(5, 1))
    assert not case.sink.is_full()
    monkeypatch.setattr(segments, "SEGMENT_BYTES", 10)
    case.sink.write([DirtyRecord(60)])
    assert case.sink.is_full()
    case.sink.rotate(case.log.begin_segment(110, exact=False))
    case.sink.write([INPUT, *case.picture(120, 2)])
    case.sink.close()
    first, second = case.read()
    assert [s.header.sequence for s in (first, second)] == [0, 1]
    tiles, frame = second.records[:2]
    assert isinstance(tiles, TileRecord)
    assert isinstance(frame, FrameRecord)
    assert (tiles.first_id, frame.cause, frame.t_ns) == (0, FrameCause.KEYFRAME, 110)
    assert not frame.exact
    assert len(frame.changed) == 2
    assert case.sink.progress.segments == 2


def test_a_segment_ends_with_its_minute() -> None:
    border_ns = segments.next_border_ns()
    utc_ns = border_ns + segments.wall_offset_ns()
    assert 0 < border_ns - time.monotonic_ns() <= 61 * 10**9
    into_ns = utc_ns % (60 * 10**9)
    assert 0 < into_ns < 3_000_000


def test_what_was_committed_outlives_a_crash(case: Case) -> None:
    case.sink.write([*case.picture(5, 1), INPUT])
    assert case.sink.progress.last_commit_ns is None
    case.sink.commit()
    assert case.sink.progress.last_commit_ns is not None
    committed_ns = case.sink.progress.last_commit_ns
    case.sink.commit()  # nothing was written: nothing new is proved
    assert case.sink.progress.last_commit_ns == committed_ns
    case.sink.write([INPUT])  # not committed, and yet it outlives this process
    (segment,) = case.read(recover=True)
    assert not segment.complete
    assert [type(r) for r in segment.records][-1] is InputRecord
    assert len(segment.records) == 4
    case.sink.close()


def test_a_full_disk_is_told(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    case.sink.write(case.picture(5, 1))

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(CaptureError, match="No space left on device"):
        case.sink.commit()
    monkeypatch.undo()
    case.sink.commit()
    case.sink.close()
    (segment,) = case.read()
    assert segment.complete


def test_the_courier_keeps_the_order_and_tells_of_a_failure_once() -> None:
    done: list[int] = []
    courier = Courier()

    def fail() -> None:
        raise CaptureError("The disk is full.")

    for number in range(50):
        courier.post(lambda number=number: done.append(number))  # type: ignore[misc]
    courier.post(fail)
    with pytest.raises(CaptureError, match="The disk is full"):
        courier.finish(lambda: done.append(50))
    assert done == list(range(51))


def test_a_disk_that_does_not_keep_up_ends_the_recording() -> None:
    courier, free, held = Courier(), threading.Event(), threading.Event()
    courier.post(held.set)
    courier.post(free.wait)
    assert held.wait(5)
    for _ in range(256):
        courier.post(int)
    with pytest.raises(CaptureError, match="does not keep up"):
        courier.post(int)
    free.set()
    courier.finish(int)
