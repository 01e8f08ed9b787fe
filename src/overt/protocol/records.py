"""The records of a segment: what the recorder writes and refine reads.

Coordinate frame: pixels of the X root window, origin at the top left, x to the right,
y down. Times are nanoseconds of CLOCK_MONOTONIC on the recording machine (`t_ns`);
the segment header anchors them to UTC.

A screen state is known *exactly* from a `FrameRecord` with `exact` set until the next
`DirtyRecord`: between the two no pixel changed. Tiles are 64 x 64 pixels, numbered
row by row from 0; tiles at the right and lower border are padded with black.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

TILE_PX = 64
SYNTHETIC = 0x80  # in an event's device: no hand did it, a program asked for it

EVENT_DTYPE = np.dtype(
    [
        ("t_ns", "<i8"),
        ("kind", "u1"),  # EventKind
        ("device", "u1"),  # X input device id of the source, | SYNTHETIC; 0: not known
        ("state", "<u2"),  # X modifier and button mask before the event
        ("x_px", "<i2"),
        ("y_px", "<i2"),
        ("detail", "<u4"),  # button number; for keys the X keysym; 0 for motion
    ]
)
EventArray = npt.NDArray[np.void]  # of EVENT_DTYPE
Pixels = npt.NDArray[np.uint8]  # height x width x 3, RGB


class EventKind(IntEnum):
    """Kinds of raw input events (values of the segment format)."""

    MOTION = 1
    BUTTON_PRESS = 2
    BUTTON_RELEASE = 3
    KEY_PRESS = 4
    KEY_RELEASE = 5


class Level(StrEnum):
    """How much of an app is recorded, from nothing to as is."""

    OFF = "off"
    MASKED = "masked"
    WORDS = "words"
    CLEAR = "clear"


class FrameCause(IntEnum):
    """Why a frame was committed."""

    KEYFRAME = 0  # first frame of a segment: names every tile
    DAMAGE = 1  # the screen changed
    PRESS = 2  # the screen at a button or key press


@dataclass(frozen=True, slots=True)
class InputRecord:
    """A batch of input events in the order of the X server, `EVENT_DTYPE` (n,)."""

    events: EventArray


@dataclass(frozen=True, slots=True)
class TileRecord:
    """New tile contents, numbered on from the tiles that the segment already has.

    Attributes:
        first_id: Number of the first tile in `pixels`; later tiles follow.
        pixels: uint8 (n, 64, 64, 3), RGB.
    """

    first_id: int
    pixels: npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class FrameRecord:
    """The screen from `t_ns` on, as a difference to the frame before.

    Attributes:
        t_ns: The instant that the frame shows.
        cause: Why it was committed.
        exact: Whether no pixel changed between `t_ns` and the grab that made it.
        width_px: Width of the root window.
        height_px: Height of the root window.
        changed: uint32 (n, 2): tile position and the id of its new content.
        age_us: How long after `t_ns` its pixels were fetched, in microseconds; 0 where
            that is not known. The screen is that of `t_ns` only where `exact` says so.
    """

    t_ns: int
    cause: FrameCause
    exact: bool
    width_px: int
    height_px: int
    changed: npt.NDArray[np.uint32]
    age_us: int = 0


@dataclass(frozen=True, slots=True)
class DirtyRecord:
    """The first change of the screen after a frame: the frame ends to be exact."""

    t_ns: int


@dataclass(frozen=True, slots=True)
class ContextRecord:
    """What was where: window, focus, element under the pointer, visible tree.

    Attributes:
        t_ns: When it was so.
        kind: `window` {class, title, pid, rect, url, level}, `focus` {role},
            `element` {role, name, bounds, states}, or
            `tree` {nodes: [[role, name, x, y, width, height, states]], truncated}.
            Rectangles are [x, y, width, height] in root pixels; states are
            AT-SPI state names.
        body: The JSON object.
    """

    t_ns: int
    kind: str
    body: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MarkRecord:
    """A statement in the stream, signed by the device where a person made it.

    Attributes:
        t_ns: The instant it speaks of.
        kind: `task_begin` {task, text, source}, `task_end` {task, status, judge},
            `secret` {}: keys were typed that are not recorded,
            `gap` {reason}: from here on nothing is recorded, `resume` {}.
        body: The JSON object.
        signature: Ed25519 of the device over `mark_bytes`; empty where the recorder
            itself states it (`secret`, `gap`, `resume`).
    """

    t_ns: int
    kind: str
    body: dict[str, Any] = field(default_factory=dict)
    signature: bytes = b""


Record = (
    InputRecord | TileRecord | FrameRecord | DirtyRecord | ContextRecord | MarkRecord
)
