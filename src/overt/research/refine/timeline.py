"""One recording session as one stream: events, screens, context and marks by time.

Stage: refine, first step. Input: the parsed segments of one session. Output: a
`Timeline`, which gives the events, the marks, and the screen at any instant with
whether it is known exactly. It decodes nothing twice, holds only tiles, and never
guesses: pixels that no frame names are black.

A screen is exactly known from a frame with `exact` set until the next dirty record;
what happened in the same millisecond is ordered by the stream.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from overt.protocol.errors import DataError
from overt.protocol.records import (
    EVENT_DTYPE,
    TILE_PX,
    ContextRecord,
    DirtyRecord,
    EventArray,
    FrameCause,
    FrameRecord,
    InputRecord,
    MarkRecord,
    Pixels,
    Record,
    TileRecord,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from overt.protocol.segment import Segment, SegmentHeader

_NO_TILE = -1
TileIds = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Screen:
    """The screen at an instant, made into pixels when asked.

    Attributes:
        t_ns: From when on the recording shows it.
        exact: Whether it is known to have been exactly so at the instant asked for.
    """

    timeline: Timeline
    frame: int
    t_ns: int
    exact: bool

    def pixels(self) -> Pixels:
        """Return uint8 (height, width, 3), RGB, of the whole root window."""
        return self.timeline.pixels(self.frame)


@dataclass(frozen=True, slots=True)
class _Shown:
    """A frame's size, its segment's tiles and which of them it shows."""

    width_px: int
    height_px: int
    tiles: list[Pixels]
    ids: TileIds


class Timeline:
    """A session's segments in one stream.

    Attributes:
        session: Session id.
        headers: Headers of the segments, in sequence.
        events: All input events in stream order, EVENT_DTYPE (n,).
        marks: All marks in stream order.
        contexts: All context records in stream order.
        gaps: Intervals (from, to), nanoseconds, in which nothing was recorded.
    """

    def __init__(self, segments: Sequence[Segment]) -> None:
        """Merge segments of one session, given in any order.

        Raises:
            DataError: No segment, segments of several sessions, the same segment
                twice, or a frame that names a tile that its segment lacks.
        """
        ordered = _in_sequence(segments)
        self.headers: tuple[SegmentHeader, ...] = tuple(s.header for s in ordered)
        self.session = self.headers[0].session
        self.marks: list[MarkRecord] = []
        self.contexts: list[ContextRecord] = []
        self.gaps: list[tuple[int, int]] = []
        self._batches: list[EventArray] = []
        self._frames: list[_Shown] = []
        self._changes: list[tuple[int, int, bool]] = []  # t_ns, frame, exact
        self._pressed: dict[int, tuple[int, bool]] = {}  # t_ns: frame, exact
        self._paused_at: int | None = None
        self._last_t_ns = self.headers[0].started_t_ns
        for nth, segment in enumerate(ordered):
            self._open(nth)
            self._take(segment)
        if self._paused_at is not None:
            self.gaps.append((self._paused_at, np.iinfo(np.int64).max))
        self.events: EventArray = (
            np.concatenate(self._batches) if self._batches else np.zeros(0, EVENT_DTYPE)
        )
        self._times = [t_ns for t_ns, _, _ in self._changes]

    def frame_at(self, t_ns: int) -> Screen | None:
        """Return the screen at an instant; None before the first frame."""
        place = bisect_right(self._times, t_ns) - 1
        return self._screen(place) if place >= 0 else None

    def press_frame(self, t_ns: int) -> Screen | None:
        """Return the screen at a press: what was on it before the press acted."""
        found = self._pressed.get(t_ns)
        if found is None:
            return self.frame_at(t_ns - 1)
        return Screen(self, found[0], t_ns, found[1])

    @property
    def has_shapes(self) -> bool:
        """Whether the recorder said where text stood that it did not record."""
        return any(record.kind in {"texts", "typed"} for record in self.contexts)

    def has_press(self, t_ns: int) -> bool:
        """Whether a frame was written for a press at that instant."""
        return t_ns in self._pressed

    def screens_between(self, after_ns: int, before_ns: int) -> Iterator[Screen]:
        """Yield the exactly known screens that began within (after, before)."""
        place = bisect_right(self._times, after_ns)
        while place < len(self._times) and self._times[place] < before_ns:
            if self._changes[place][2]:
                yield self._screen(place)
            place += 1

    def header_at(self, t_ns: int) -> SegmentHeader:
        """Return the header of the segment that was being written at an instant."""
        started = [header.started_t_ns for header in self.headers]
        return self.headers[max(0, bisect_right(started, t_ns) - 1)]

    def gap_within(self, from_ns: int, to_ns: int) -> bool:
        """Whether nothing was recorded at some instant of an interval."""
        return any(start <= to_ns and end >= from_ns for start, end in self.gaps)

    def pixels(self, frame: int) -> Pixels:
        """Put a frame together from its tiles: uint8 (height, width, 3)."""
        shown = self._frames[frame]
        columns = -(-shown.width_px // TILE_PX)
        black = np.zeros((TILE_PX, TILE_PX, 3), np.uint8)
        cut = [black if at == _NO_TILE else shown.tiles[at] for at in shown.ids]
        grid = np.stack(cut).reshape(-1, columns, TILE_PX, TILE_PX, 3)
        whole = grid.transpose(0, 2, 1, 3, 4).reshape(-1, columns * TILE_PX, 3)
        return np.ascontiguousarray(whole[: shown.height_px, : shown.width_px])

    def _screen(self, place: int) -> Screen:
        t_ns, frame, exact = self._changes[place]
        return Screen(self, frame, t_ns, exact)

    def _open(self, nth: int) -> None:
        """Begin a segment; one that is missing before it leaves a gap."""
        self._tiles: list[Pixels] = []
        self._ids: TileIds = np.zeros(0, np.int64)
        self._size = (0, 0)
        expected = self.headers[nth - 1].sequence + 1 if nth else 0
        header = self.headers[nth]
        if nth and header.sequence != expected:
            self.gaps.append((self._last_t_ns, header.started_t_ns))

    def _take(self, segment: Segment) -> None:
        for record in segment.records:
            self._take_record(record)
        if not segment.complete:
            later = [h.started_t_ns for h in self.headers]
            after = [t_ns for t_ns in later if t_ns > segment.header.started_t_ns]
            end = min(after, default=np.iinfo(np.int64).max)
            self.gaps.append((self._last_t_ns, int(end)))

    def _take_record(self, record: Record) -> None:
        match record:
            case InputRecord(events):
                self._batches.append(events)
                if len(events):
                    self._last_t_ns = max(self._last_t_ns, int(events["t_ns"][-1]))
            case TileRecord(first_id, pixels):
                self._take_tiles(first_id, pixels)
            case FrameRecord():
                self._take_frame(record)
            case DirtyRecord(t_ns):
                self._change(t_ns, exact=False)
            case ContextRecord():
                self.contexts.append(record)
            case MarkRecord():
                self._take_mark(record)

    def _take_tiles(self, first_id: int, pixels: Pixels) -> None:
        if first_id != len(self._tiles):
            raise DataError(f"Session {self.session}: a segment misnumbers its tiles.")
        self._tiles.extend(pixels)

    def _take_frame(self, record: FrameRecord) -> None:
        columns = -(-record.width_px // TILE_PX)
        count = columns * -(-record.height_px // TILE_PX)
        if self._size != (record.width_px, record.height_px):
            self._ids = np.full(count, _NO_TILE)
            self._size = (record.width_px, record.height_px)
        self._check_tiles(record, count)
        ids = self._ids.copy()
        ids[record.changed[:, 0]] = record.changed[:, 1]
        self._ids = ids
        self._frames.append(_Shown(*self._size, self._tiles, ids))
        self._change(record.t_ns, exact=record.exact)
        if record.cause is FrameCause.PRESS:
            self._pressed[record.t_ns] = (len(self._frames) - 1, record.exact)

    def _check_tiles(self, record: FrameRecord, count: int) -> None:
        changed = record.changed
        if len(changed) and (
            int(changed[:, 0].max()) >= count
            or int(changed[:, 1].max()) >= len(self._tiles)
        ):
            raise DataError(f"Session {self.session}: a frame names a missing tile.")

    def _take_mark(self, record: MarkRecord) -> None:
        self.marks.append(record)
        if record.kind == "gap":
            self._change(record.t_ns, exact=False)
            if self._paused_at is None:
                self._paused_at = record.t_ns
        elif record.kind == "resume" and self._paused_at is not None:
            self.gaps.append((self._paused_at, record.t_ns))
            self._paused_at = None

    def _change(self, t_ns: int, *, exact: bool) -> None:
        """Note that from `t_ns` on the newest frame is, or is no longer, exact."""
        self._last_t_ns = max(self._last_t_ns, t_ns)
        if self._frames:
            after = max(t_ns, self._changes[-1][0]) if self._changes else t_ns
            self._changes.append((after, len(self._frames) - 1, exact))


def _in_sequence(segments: Sequence[Segment]) -> list[Segment]:
    if not segments:
        raise DataError("There is no segment to refine.")
    ordered = sorted(segments, key=lambda segment: segment.header.sequence)
    sessions = {segment.header.session for segment in ordered}
    numbers = [segment.header.sequence for segment in ordered]
    if len(sessions) > 1:
        raise DataError("Segments of several sessions cannot be one timeline.")
    if len(set(numbers)) < len(numbers):
        raise DataError(f"Session {min(sessions)} has a segment twice.")
    return ordered


def by_session(segments: Sequence[Segment]) -> list[Timeline]:
    """Make a timeline of each session, in the order of the session ids."""
    sessions: dict[str, list[Segment]] = {}
    for segment in segments:
        sessions.setdefault(segment.header.session, []).append(segment)
    return [Timeline(sessions[session]) for session in sorted(sessions)]


def differing(first: Pixels, second: Pixels) -> npt.NDArray[Any]:
    """Return bool (height, width): which pixels of two screens differ.

    Screens of different size differ everywhere.
    """
    if first.shape != second.shape:
        return np.ones(second.shape[:2], bool)
    changed: npt.NDArray[Any] = (first != second).any(axis=2)
    return changed
