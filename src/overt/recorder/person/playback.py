"""A participant's own segments, opened: screens again, counts, task episodes.

Input: a spool and the participant's key. Output: facts and pictures in memory.
Nothing that is opened here is written anywhere; `exporting` writes where it is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from overt.protocol.records import (
    TILE_PX,
    FrameRecord,
    InputRecord,
    MarkRecord,
    Pixels,
    TileRecord,
)
from overt.protocol.segment import Segment, read_segment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from overt.protocol.sealing import SealingKey
    from overt.recorder.spool import Spool


@dataclass(frozen=True, slots=True)
class Screen:
    """A screen as it was recorded.

    Attributes:
        t_ns: The instant, CLOCK_MONOTONIC nanoseconds.
        pixels: uint8 (height, width, 3), RGB; black where nothing was recorded.
    """

    t_ns: int
    pixels: Pixels


def open_own(spool: Spool, segment: str, own: SealingKey) -> Segment:
    """Open one of the participant's segments, as far as it is whole.

    Raises:
        DataError: There is no such segment, or it is malformed.
        SealError: The key is not its owner's.
    """
    return read_segment(spool.read(segment, own), recover=True)


def screens(segment: Segment) -> Iterator[Screen]:
    """Yield the screens of a segment in order, each a picture of its own."""
    tiles: list[npt.NDArray[np.uint8]] = []
    shown: npt.NDArray[np.uint8] = np.zeros((0, TILE_PX, TILE_PX, 3), np.uint8)
    for record in segment.records:
        if isinstance(record, TileRecord):
            tiles.extend(record.pixels)
        elif isinstance(record, FrameRecord):
            columns = -(-record.width_px // TILE_PX)
            rows = -(-record.height_px // TILE_PX)
            if len(shown) != rows * columns:
                shown = np.zeros((rows * columns, TILE_PX, TILE_PX, 3), np.uint8)
            for position, content in record.changed:
                shown[position] = tiles[content]
            yield Screen(record.t_ns, _joined(shown, rows, columns, record))


def _joined(
    shown: npt.NDArray[np.uint8], rows: int, columns: int, frame: FrameRecord
) -> Pixels:
    grid = shown.reshape(rows, columns, TILE_PX, TILE_PX, 3).swapaxes(1, 2)
    whole = grid.reshape(rows * TILE_PX, columns * TILE_PX, 3)
    return whole[: frame.height_px, : frame.width_px].copy()


def count_events(segment: Segment) -> int:
    """Return how many input events a segment holds."""
    return sum(
        len(record.events)
        for record in segment.records
        if isinstance(record, InputRecord)
    )


def count_frames(segment: Segment) -> int:
    """Return how many screens a segment holds."""
    return sum(isinstance(record, FrameRecord) for record in segment.records)


def marks(segment: Segment) -> list[MarkRecord]:
    """Return a segment's marks in order."""
    return [record for record in segment.records if isinstance(record, MarkRecord)]


def duration_s(segment: Segment) -> float:
    """Return the seconds from a segment's start to its last record."""
    last = segment.header.started_t_ns
    for record in segment.records:
        if isinstance(record, InputRecord):
            last = max([last, *record.events["t_ns"][-1:].tolist()])
        elif not isinstance(record, TileRecord):
            last = max(last, record.t_ns)
    return (last - segment.header.started_t_ns) / 1e9
