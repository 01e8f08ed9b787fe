"""A recorder of imagined sessions: what a person does, written as real segments."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from overt.protocol.records import (
    EVENT_DTYPE,
    TILE_PX,
    ContextRecord,
    DirtyRecord,
    EventKind,
    FrameCause,
    FrameRecord,
    InputRecord,
    MarkRecord,
    TileRecord,
)
from overt.protocol.segment import (
    Segment,
    SegmentHeader,
    begin_segment,
    encode_record,
    end_segment,
    mark_bytes,
    read_segment,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from overt.protocol.records import Pixels, Record

MS = 1_000_000
SHIFT, CONTROL = 1, 4
KEYSYMS = {"Return": 0xFF0D, "Tab": 0xFF09, "BackSpace": 0xFF08, "Left": 0xFF51}


@dataclass
class Desk:
    """A screen that is drawn on, and a session of it that is written down."""

    width_px: int = 640
    height_px: int = 420
    session: str = "sess_a"
    person: str = "part_a"
    device: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    now_ms: int = 1000
    hand: int = 2  # device of the events

    def __post_init__(self) -> None:
        self.screen = np.full((self.height_px, self.width_px, 3), 200, np.uint8)
        self.segments: list[Segment] = []
        self.at = (10, 10)
        self.sequence = 0
        self._begin()

    def _begin(self) -> None:
        self.records: list[Record] = []
        self.events: list[tuple[int, ...]] = []
        self.tiles = 0
        self.started_ns = self.now_ms * MS
        self.known: dict[int, bytes] = {}
        self.frame(cause=FrameCause.KEYFRAME)

    def wait(self, ms: int) -> None:
        self.now_ms += ms

    def frame(
        self, *, cause: FrameCause = FrameCause.DAMAGE, exact: bool = True
    ) -> None:
        self._flush()
        changed, fresh = [], []
        for position, tile in enumerate(self._cut()):
            if self.known.get(position) != tile.tobytes():
                self.known[position] = tile.tobytes()
                changed.append((position, self.tiles + len(fresh)))
                fresh.append(tile)
        if fresh:
            self.records.append(TileRecord(self.tiles, np.stack(fresh)))
            self.tiles += len(fresh)
        ids = np.array(changed, np.uint32).reshape(-1, 2)
        size = (self.width_px, self.height_px)
        self.records.append(FrameRecord(self.now_ms * MS, cause, exact, *size, ids))

    def _cut(self) -> Iterator[Pixels]:
        columns, rows = -(-self.width_px // TILE_PX), -(-self.height_px // TILE_PX)
        whole = np.zeros((rows * TILE_PX, columns * TILE_PX, 3), np.uint8)
        whole[: self.height_px, : self.width_px] = self.screen
        for row in range(rows):
            for column in range(columns):
                y, x = row * TILE_PX, column * TILE_PX
                yield whole[y : y + TILE_PX, x : x + TILE_PX]

    def paint(
        self, box: tuple[int, int, int, int], shade: int, *, late_ms: int = 8
    ) -> None:
        """Change pixels: dirty now, grabbed `late_ms` later."""
        x, y, width, height = box
        self.screen[y : y + height, x : x + width] = shade
        self._flush()
        self.records.append(DirtyRecord(self.now_ms * MS))
        self.wait(late_ms)
        self.frame()

    def context(self, kind: str, **body: object) -> None:
        self.records.append(ContextRecord(self.now_ms * MS, kind, body))

    def mark(self, kind: str, *, sign: bool = True, **body: object) -> None:
        self._flush()
        t_ns = self.now_ms * MS
        message = mark_bytes(self.session, t_ns, kind, body)
        signature = self.device.sign(message) if sign else b""
        self.records.append(MarkRecord(t_ns, kind, body, signature))

    def begin(self, task: str, text: str = "do it", **kwargs: bool) -> None:
        self.mark("task_begin", task=task, text=text, source="tester", **kwargs)
        self.wait(5)

    def end(self, task: str, status: str = "done") -> None:
        self.wait(30)
        self.mark("task_end", task=task, status=status, judge="tester")
        self.wait(5)

    def event(self, kind: EventKind, detail: int = 0, state: int = 0) -> None:
        row = (self.now_ms * MS, int(kind), self.hand, state, *self.at, detail)
        self.events.append(row)

    def glide(self, x: int, y: int, *, steps: int = 10, step_ms: int = 16) -> None:
        x0, y0 = self.at
        for nth in range(1, steps + 1):
            self.wait(step_ms)
            self.at = (x0 + (x - x0) * nth // steps, y0 + (y - y0) * nth // steps)
            self.event(EventKind.MOTION)

    def press(self, button: int = 1) -> None:
        self.frame(cause=FrameCause.PRESS)
        self.event(EventKind.BUTTON_PRESS, button)

    def release(self, button: int = 1) -> None:
        self.event(EventKind.BUTTON_RELEASE, button)

    def click(self, button: int = 1, *, held_ms: int = 60) -> None:
        self.press(button)
        self.wait(held_ms)
        self.release(button)

    def key(self, keysym: int, state: int = 0, *, held_ms: int = 20) -> None:
        self.event(EventKind.KEY_PRESS, keysym, state)
        self.wait(held_ms)
        self.event(EventKind.KEY_RELEASE, keysym, state)
        self.wait(held_ms)

    def type(self, *parts: str) -> None:
        """Type texts; a part that names a key is that key."""
        self.frame(cause=FrameCause.PRESS)
        for part in parts:
            if part in KEYSYMS:
                self.key(KEYSYMS[part])
                continue
            for character in part:
                self._character(character)

    def _character(self, character: str) -> None:
        state = SHIFT if character.isupper() else 0
        if state:
            self.event(EventKind.KEY_PRESS, 0xFFE1)
            self.wait(5)
        self.key(ord(character), state)
        if state:
            self.event(EventKind.KEY_RELEASE, 0xFFE1, state)

    def _flush(self) -> None:
        if self.events:
            batch = np.array(self.events, EVENT_DTYPE)
            self.records.append(InputRecord(batch))
            self.events = []

    def cut(self, *, skip: bool = False) -> None:
        """End the segment and begin the next; `skip` loses it."""
        if not skip:
            self.segments.append(self._read())
        self.sequence += 1
        self.wait(1)
        self._begin()

    def _read(self) -> Segment:
        self._flush()
        name = f"seg_{self.session}_{self.sequence}"
        header = SegmentHeader(
            name,
            self.session,
            self.sequence,
            self.person,
            "dev_a",
            "prog_a",
            f"cons_{self.person}",
            "clear",
            self.width_px,
            self.height_px,
            1_700_000_000 * 10**9,
            self.started_ns,
        )
        body = b"".join(encode_record(record) for record in self.records)
        return read_segment(
            begin_segment(header) + body + end_segment(len(self.records))
        )

    def finish(self) -> list[Segment]:
        return [*self.segments, self._read()]


@pytest.fixture
def new_desk() -> type[Desk]:
    return Desk


@pytest.fixture
def desk() -> Desk:
    return Desk()
