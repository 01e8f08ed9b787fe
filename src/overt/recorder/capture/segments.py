"""Records into segments of the spool: begun, rotated, committed, closed.

Stage: the end of capture. Input: records in order. Output: segments in the spool, each
beginning with a key frame where the screen is recorded. What is said to be recorded is
what `commit` made durable. It decides nothing about content, but lets nothing through
of a data type that the participant did not agree to.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from overt.protocol.errors import CaptureError
from overt.protocol.ids import new_id
from overt.protocol.programme import DATA_TYPES
from overt.protocol.records import (
    ContextRecord,
    DirtyRecord,
    FrameRecord,
    InputRecord,
    MarkRecord,
    Record,
    TileRecord,
)
from overt.protocol.segment import SegmentHeader, encode_record
from overt.recorder.spool import MINUTE_NS, SpoolState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from overt.desktop.types import Rect
    from overt.protocol.sealing import SealingPublicKey
    from overt.recorder.spool import Spool, SpoolWriter

SEGMENT_NS = MINUTE_NS  # a segment lies within one minute of UTC: one key a minute
SEGMENT_BYTES = 24 << 20
_AFTER_NS = 1_000_000  # a border is passed safely when it is this long ago


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose recording it is, and under what.

    Attributes:
        session: Id of the recording session.
        person: Pseudonym of the participant.
        device: Device id.
        programme: Programme id.
        consent: Id of the consent record in force.
        level: Highest level that the allow-list has.
        data_types: What the participant agreed to.
    """

    session: str
    person: str
    device: str
    programme: str
    consent: str
    level: str
    data_types: tuple[str, ...] = DATA_TYPES


@dataclass(slots=True)
class Progress:
    """What has been written so far.

    Attributes:
        last_commit_ns: When the last commit became durable, CLOCK_MONOTONIC.
        segments: How many segments were begun.
        events: How many input events were written.
        frames: How many frames.
        size_bytes: Bytes of records, before sealing.
        level: At what level the window that has the keyboard is recorded now.
    """

    last_commit_ns: int | None = None
    segments: int = 0
    events: int = 0
    frames: int = 0
    size_bytes: int = 0
    level: str = ""


class SegmentSink:
    """Writes the segments of one session, numbered on from recording to recording."""

    def __init__(self, spool: Spool, own: SealingPublicKey, subject: Subject) -> None:
        self._spool, self._own, self._subject = spool, own, subject
        self._writer: SpoolWriter | None = None
        self._waiting: list[Record] = []
        self._segment, self._size_bytes = "", 0
        self.progress = Progress()

    @property
    def data_types(self) -> frozenset[str]:
        """What the participant agreed to."""
        return frozenset(self._subject.data_types)

    def begin(self, t_ns: int, screen: Rect) -> None:
        """Begin a segment now, as where no frame will begin one.

        Args:
            t_ns: The instant, CLOCK_MONOTONIC.
            screen: The root window.

        Raises:
            CaptureError: The spool is not writable.
        """
        self._begin(t_ns, screen.width, screen.height)
        self._take_waiting()

    def write(self, records: Iterable[Record]) -> None:
        """Take records in order; the first frame of a recording begins a segment.

        Input from before that frame is left out: there is no screen to it. So is what
        is of a data type that was not agreed to.

        Raises:
            CaptureError: The spool is not writable.
        """
        for record in records:
            if not _needs(record) <= self.data_types:
                continue
            if self._writer is None and not isinstance(record, FrameRecord):
                if not isinstance(record, InputRecord | DirtyRecord):
                    self._waiting.append(record)
                continue
            if isinstance(record, FrameRecord) and self._writer is None:
                self._begin(record.t_ns, record.width_px, record.height_px)
            self._append(record)
        if self._writer is not None:
            self._writer.flush()

    def is_full(self) -> bool:
        """Whether the segment is large enough to go on in a new one."""
        return self._writer is not None and self._size_bytes >= SEGMENT_BYTES

    def rotate(self, keyframe: Iterable[Record]) -> None:
        """Go on in a new segment.

        Args:
            keyframe: The whole screen, from `ScreenLog.begin_segment`.

        Raises:
            CaptureError: The spool is not writable.
        """
        self.close()
        self.write(keyframe)

    def commit(self) -> None:
        """Make all that was taken durable.

        Raises:
            CaptureError: The disk is full or not writable; what waits is kept.
        """
        if self._writer is not None and self._writer.commit():
            self.progress.last_commit_ns = time.monotonic_ns()

    def close(self) -> None:
        """End the segment, which then waits for its owner's review.

        Raises:
            CaptureError: The disk is full; the segment can be recovered.
        """
        writer, self._writer = self._writer, None
        self._waiting = []
        if writer is None:
            return
        try:
            writer.close()
        except CaptureError:
            writer.abandon()
            raise
        finally:
            self._spool.set_state(self._segment, SpoolState.WAITING)
        self.progress.last_commit_ns = time.monotonic_ns()

    def _begin(self, began_ns: int, width_px: int, height_px: int) -> None:
        self._segment = new_id("seg")
        subject = self._subject
        header = SegmentHeader(
            segment=self._segment,
            session=subject.session,
            sequence=self.progress.segments,
            person=subject.person,
            device=subject.device,
            programme=subject.programme,
            consent=subject.consent,
            level=subject.level,
            width_px=width_px,
            height_px=height_px,
            started_utc_ns=began_ns + wall_offset_ns(),
            started_t_ns=began_ns,
        )
        self._writer = self._spool.begin(header, self._own)
        self._size_bytes = 0
        self.progress.segments += 1
        tiles = [each for each in self._waiting if isinstance(each, TileRecord)]
        others: list[Record] = [
            each for each in self._waiting if not isinstance(each, TileRecord)
        ]
        self._waiting = others
        for each in tiles:
            self._append(each)

    def _append(self, record: Record) -> None:
        if self._writer is None:
            return
        packed = encode_record(record)
        self._writer.append(packed)
        self._size_bytes += len(packed)
        progress = self.progress
        progress.size_bytes += len(packed)
        if isinstance(record, InputRecord):
            progress.events += len(record.events)
        elif isinstance(record, FrameRecord):
            progress.frames += 1
            self._take_waiting()

    def _take_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            self._append(each)


def wall_offset_ns() -> int:
    """Return UTC less CLOCK_MONOTONIC, from the closest of a few pairs of reads."""
    pairs = []
    for _ in range(5):
        before_ns, utc_ns = time.monotonic_ns(), time.time_ns()
        after_ns = time.monotonic_ns()
        pairs.append((after_ns - before_ns, utc_ns - (before_ns + after_ns) // 2))
    return min(pairs)[1]


def next_border_ns() -> int:
    """Return where the segment that is written now ends, CLOCK_MONOTONIC.

    That is a millisecond into the next minute of UTC, so that what is begun there
    lies in that minute by any reading of the clocks.
    """
    utc_ns = (offset_ns := wall_offset_ns()) + time.monotonic_ns()
    return (utc_ns // SEGMENT_NS + 1) * SEGMENT_NS + _AFTER_NS - offset_ns


def _needs(record: Record) -> frozenset[str]:
    """Return the data types that a record tells of."""
    match record:
        case InputRecord() | MarkRecord(kind="secret"):
            return frozenset({"input"})
        case TileRecord() | FrameRecord() | DirtyRecord():
            return frozenset({"screen"})
        case ContextRecord(kind="tree" | "texts"):
            return frozenset({"context", "screen"})
        case ContextRecord(kind="element" | "typed"):
            return frozenset({"context", "input"})
        case ContextRecord():
            return frozenset({"context"})
    return frozenset()
