"""Records into segments of the spool: begun, rotated, committed, closed.

Stage: the end of capture. Input: records in order. Output: segments in the spool, each
beginning with a key frame. What is said to be recorded is what `commit` made durable.
It decides nothing about content.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from overt.protocol.errors import CaptureError
from overt.protocol.ids import new_id
from overt.protocol.records import (
    DirtyRecord,
    FrameRecord,
    InputRecord,
    Record,
    TileRecord,
)
from overt.protocol.segment import SegmentHeader, encode_record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from overt.protocol.sealing import SealingPublicKey
    from overt.recorder.spool import Spool, SpoolWriter

SEGMENT_NS = 120_000_000_000  # a segment spans two minutes at most
SEGMENT_BYTES = 24 << 20


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
    """

    session: str
    person: str
    device: str
    programme: str
    consent: str
    level: str


@dataclass(slots=True)
class Progress:
    """What has been written so far.

    Attributes:
        last_commit_ns: When the last commit became durable, CLOCK_MONOTONIC.
        segments: How many segments were begun.
        events: How many input events were written.
        frames: How many frames.
        size_bytes: Bytes of records, before sealing.
    """

    last_commit_ns: int | None = None
    segments: int = 0
    events: int = 0
    frames: int = 0
    size_bytes: int = 0


class SegmentSink:
    """Writes the segments of one session, numbered on from recording to recording."""

    def __init__(self, spool: Spool, own: SealingPublicKey, subject: Subject) -> None:
        self._spool, self._own, self._subject = spool, own, subject
        self._writer: SpoolWriter | None = None
        self._waiting: list[Record] = []
        self._segment, self._began_ns, self._size_bytes = "", 0, 0
        self.progress = Progress()

    def write(self, records: Iterable[Record]) -> None:
        """Take records in order; the first frame of a recording begins a segment.

        Input from before that frame is left out: there is no screen to it.

        Raises:
            CaptureError: The spool is not writable.
        """
        for record in records:
            if self._writer is None and not isinstance(record, FrameRecord):
                if not isinstance(record, InputRecord | DirtyRecord):
                    self._waiting.append(record)
                continue
            if isinstance(record, FrameRecord) and self._writer is None:
                self._begin(record)
            self._append(record)

    def is_long(self, t_ns: int) -> bool:
        """Whether the segment is long or large enough to go on in a new one.

        Args:
            t_ns: Up to when records have been taken.
        """
        age_ns = t_ns - self._began_ns
        full = age_ns >= SEGMENT_NS or self._size_bytes >= SEGMENT_BYTES
        return self._writer is not None and full

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
        if self._writer is not None:
            self._writer.commit()
            self.progress.last_commit_ns = time.monotonic_ns()

    def close(self) -> None:
        """End the segment, which then waits for its owner's review.

        Raises:
            CaptureError: The disk is full; the segment can be recovered.
        """
        from overt.recorder.spool import SpoolState

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

    def _begin(self, frame: FrameRecord) -> None:
        self._segment = new_id("seg")
        utc_ns, t_ns = time.time_ns(), time.monotonic_ns()
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
            width_px=frame.width_px,
            height_px=frame.height_px,
            started_utc_ns=utc_ns - (t_ns - frame.t_ns),
            started_t_ns=frame.t_ns,
        )
        self._writer = self._spool.begin(header, self._own)
        self._began_ns, self._size_bytes = frame.t_ns, 0
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
            waiting, self._waiting = self._waiting, []
            for each in waiting:
                self._append(each)
