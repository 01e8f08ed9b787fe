"""Masking more: a recorded minute made stricter by its owner, before it may leave.

Input: one of their segments that has not been sent, and what masks the text of a
picture. Output: the same minute with all text of its pictures masked, typed characters
as placeholders, and no titles, addresses or names; sealed anew under a fresh key, the
old one destroyed. It never makes anything laxer.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from overt.desktop.keyboard.compose import composes
from overt.desktop.keyboard.keysyms import changes_others, text
from overt.protocol.errors import UsageError
from overt.protocol.records import (
    TILE_PX,
    ContextRecord,
    EventKind,
    FrameRecord,
    InputRecord,
    Pixels,
    Record,
    TileRecord,
)
from overt.protocol.segment import encode_record
from overt.recorder.capture.gate import PLACEHOLDER
from overt.recorder.person.playback import open_own, screens
from overt.recorder.spool import SpoolState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from overt.protocol.records import EventArray
    from overt.protocol.sealing import SealingKey
    from overt.protocol.segment import Segment
    from overt.recorder.person.home import Home

_COMMAND_MASK = 0x04 | 0x08 | 0x40  # Control, Alt, Super: no text is typed
_SHAPE_MASK = 0x01 | 0x02 | 0x80  # Shift, Lock, Mod5 (AltGr)
_FUNCTION_KEYS = range(0xFF08, 0xFFE1)  # BackSpace to before the modifiers
_TEXTS = frozenset({"element", "tree"})  # kinds of context that name what is shown
_STATES = (SpoolState.WAITING, SpoolState.APPROVED)


def mask_more(
    home: Home, segment: str, own: SealingKey, mask: Callable[[Pixels], Pixels]
) -> None:
    """Replace a segment by itself, masked.

    Args:
        home: The participant's home.
        segment: Its id.
        own: The participant's key.
        mask: Returns a picture with all text masked.

    Raises:
        UsageError: It has been sent, or is being recorded.
        DataError: It does not open.
        CaptureError: The disk is full; the segment stays as it was.
    """
    state = home.spool.entry(segment).state
    if state not in _STATES:
        raise UsageError(f"Segment {segment} is {state}: it cannot be changed here.")
    opened = open_own(home.spool, segment, own)
    header = replace(opened.header, level="masked")
    packed = [encode_record(record) for record in masked(opened, mask)]
    home.spool.replace(header, own.public, packed)
    for path in home.outbox.glob(f"{segment}.ovsl*"):
        path.unlink()


def masked(segment: Segment, mask: Callable[[Pixels], Pixels]) -> Iterator[Record]:
    """Yield a segment's records, masked."""
    shown = screens(segment)
    tiles = _Tiles()
    for record in segment.records:
        if isinstance(record, TileRecord):
            continue
        if isinstance(record, FrameRecord):
            yield from tiles.frame(record, mask(next(shown).pixels))
        elif isinstance(record, InputRecord):
            yield InputRecord(without_text(record.events))
        elif not isinstance(record, ContextRecord):
            yield record
        elif record.kind not in _TEXTS:
            bare = {name: "" for name in ("title", "url") if name in record.body}
            yield replace(record, body=record.body | bare)


def without_text(events: EventArray) -> EventArray:
    """Return events of which no character can be told."""
    changed = events.copy()
    keys = np.isin(changed["kind"], (EventKind.KEY_PRESS, EventKind.KEY_RELEASE))
    for place in np.flatnonzero(keys):
        keysym = int(changed["detail"][place])
        if int(changed["state"][place]) & _COMMAND_MASK or _acts(keysym):
            continue
        changed["detail"][place] = PLACEHOLDER if text(keysym) else 0
        changed["state"][place] &= ~_SHAPE_MASK & 0xFFFF
    return changed


def _acts(keysym: int) -> bool:
    """Whether a key types nothing and shapes no text; the keypad's characters do."""
    shapes = changes_others(keysym) or composes(keysym)
    return keysym in _FUNCTION_KEYS and not shapes and not text(keysym)


class _Tiles:
    """The tiles of a stream of pictures, each written once."""

    def __init__(self) -> None:
        self._known: dict[bytes, int] = {}
        self._shown: dict[int, int] = {}

    def frame(self, record: FrameRecord, pixels: Pixels) -> Iterator[Record]:
        """Yield new tiles, and the frame that shows them."""
        first, fresh = len(self._known), []
        if record.cause == 0:
            self._shown = {}
        changed = []
        for position, tile in enumerate(_tiles(pixels)):
            key = tile.tobytes()
            if key not in self._known:
                self._known[key] = len(self._known)
                fresh.append(tile)
            if self._shown.get(position) != self._known[key]:
                self._shown[position] = self._known[key]
                changed.append((position, self._known[key]))
        if fresh:
            yield TileRecord(first, np.stack(fresh))
        yield replace(
            record, changed=np.array(changed, np.uint32).reshape(len(changed), 2)
        )


def _tiles(pixels: Pixels) -> Iterator[Pixels]:
    """Yield the tiles of a picture, row by row, padded with black."""
    height, width = pixels.shape[:2]
    rows, columns = -(-height // TILE_PX), -(-width // TILE_PX)
    whole = np.zeros((rows * TILE_PX, columns * TILE_PX, 3), np.uint8)
    whole[:height, :width] = pixels
    for row in range(rows):
        for column in range(columns):
            top, left = row * TILE_PX, column * TILE_PX
            yield whole[top : top + TILE_PX, left : left + TILE_PX].copy()
