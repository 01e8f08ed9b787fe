"""From changed pixels to tile and frame records of a segment.

Stage: core of the screen's recording. Input: patches of raw pixels and the region that
may be seen, with its levels. Output: `TileRecord` and `FrameRecord`; every pixel
outside the region is black before a tile is compared, hashed or stored. Pure: no
display, no clock. Never keeps a raw pixel that lies outside the region.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np
import xxhash

from overt.desktop.types import Rect
from overt.protocol.records import (
    TILE_PX,
    FrameCause,
    FrameRecord,
    Level,
    Pixels,
    TileRecord,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Recorded = TileRecord | FrameRecord


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle that may be seen at a level above `off`."""

    rect: Rect
    level: Level


@dataclass(frozen=True, slots=True)
class Patch:
    """Raw pixels of a rectangle, uint8 (height, width, 3), RGB."""

    rect: Rect
    pixels: Pixels


@dataclass(frozen=True, slots=True)
class Picture:
    """One state of the screen, as a difference to the state before.

    Attributes:
        t_ns: The instant that it shows.
        cause: Why it was taken.
        exact: Whether no pixel changed between `t_ns` and the grab.
        screen: The whole screen.
        areas: What may be seen, without overlap.
        patches: Pixels that changed since the picture before.
        age_us: How long after `t_ns` they were fetched, in microseconds.
    """

    t_ns: int
    cause: FrameCause
    exact: bool
    screen: Rect
    areas: tuple[Area, ...]
    patches: tuple[Patch, ...] = field(default=())
    age_us: int = 0


Box = tuple[int, int, int, int]  # x0, y0, x1, y1; x1 and y1 lie outside


class Cover(Protocol):
    """What covers one area, anew only where it changed."""

    def update(self, rgb: Pixels, changed: Iterable[Box]) -> list[Box]:
        """Take the area's new state; return where its masked picture may differ."""
        ...

    def paint(self, rgb: Pixels, box: Box) -> Pixels:
        """Return the masked pixels of a box of the area."""
        ...


@dataclass(frozen=True, slots=True)
class AreaMask:
    """A mask that can go on from what it found in an area before.

    Attributes:
        mask: Masks a picture at once.
        begin: Begins the cover of an area (`overt.redact.pixels.Masker`).
        words: The same for areas of level `words`; without it nothing is left there.
    """

    mask: Callable[[Pixels], Pixels]
    begin: Callable[[Pixels], Cover]
    words: Callable[[Pixels], Cover] | None = None

    def begin_at(self, level: Level, pixels: Pixels) -> Cover:
        """Begin the cover of an area of a level."""
        if level is Level.WORDS and self.words is not None:
            return self.words(pixels)
        return self.begin(pixels)

    def __call__(self, pixels: Pixels) -> Pixels:
        """Return the pixels masked."""
        return self.mask(pixels)


class ScreenLog:
    """The screen as recorded so far, and the tiles that the segment has."""

    def __init__(self, mask: Callable[[Pixels], Pixels]) -> None:
        """Begin with nothing.

        Args:
            mask: Masks all text of an image; used at levels below `clear`. An
                `AreaMask` is told what changed, any other is given the whole area.
        """
        self._mask = mask
        self._screen = Rect(0, 0, 0, 0)
        self._areas: tuple[Area, ...] = ()
        self._covers: dict[Area, Cover] = {}
        self._ids: dict[bytes, int] = {}
        self._begin_screen(self._screen)

    @property
    def raw(self) -> Pixels:
        """The screen as it is, uint8 (height, width, 3); black outside the areas."""
        return self._raw[: self._screen.height, : self._screen.width]

    def begin_segment(self, t_ns: int, *, exact: bool) -> list[Recorded]:
        """Forget the tile table and record the whole screen as a key frame.

        Args:
            t_ns: When the segment begins.
            exact: Whether the screen is still what the last picture showed.
        """
        self._ids = {}
        self._begin_places()
        cause = FrameCause.KEYFRAME
        return self.add(Picture(t_ns, cause, exact, self._screen, self._areas))

    def add(self, picture: Picture) -> list[Recorded]:
        """Record a picture; an unchanged one leaves a frame without changes.

        The first one of a segment, or of a new screen size, becomes a key frame.
        """
        everywhere = [picture.screen]
        if picture.screen != self._screen:
            self._begin_screen(picture.screen)
        touched = [patch.rect for patch in picture.patches]
        for patch in picture.patches:
            _window(self._raw, patch.rect)[:] = patch.pixels
        if picture.areas != self._areas:
            self._areas = picture.areas
            kept = set(picture.areas)
            self._covers = {a: one for a, one in self._covers.items() if a in kept}
            self._forget_outside()
            touched = everywhere
        shown = self._show(touched)
        places = self._tiles_of(everywhere if self._keyframe_due else shown)
        changed, tiles = self._changes(places)
        return self._records(picture, changed, tiles)

    def _begin_screen(self, screen: Rect) -> None:
        self._screen = screen
        self._columns = -(-screen.width // TILE_PX)
        self._rows = -(-screen.height // TILE_PX)
        self._covers = {}
        size = (self._rows * TILE_PX, self._columns * TILE_PX, 3)
        self._raw: Pixels = np.zeros(size, np.uint8)
        self._shown: Pixels = np.zeros(size, np.uint8)
        self._begin_places()

    def _begin_places(self) -> None:
        self._placed = [-1] * (self._rows * self._columns)
        self._keyframe_due = True

    def _forget_outside(self) -> None:
        outside = np.ones(self._raw.shape[:2], np.uint8)
        for area in self._areas:
            _window(outside, area.rect)[:] = 0
        self._raw[outside.view(np.bool_)] = 0

    def _show(self, touched: Sequence[Rect]) -> list[Rect]:
        """Bring `shown` up to date; return where it may have changed.

        Args:
            touched: Where `raw` or the areas changed.
        """
        changed = list(touched)
        for rect in changed:
            _window(self._shown, rect)[:] = 0
        for area in self._areas:
            parts = [area.rect.intersection(rect) for rect in touched]
            parts = [part for part in parts if not part.is_empty()]
            if area.level is Level.CLEAR:
                for part in parts:
                    _window(self._shown, part)[:] = _window(self._raw, part)
            elif parts:
                changed += self._show_masked(area, parts)
        return changed

    def _show_masked(self, seen: Area, parts: list[Rect]) -> list[Rect]:
        """Mask an area of which parts changed; return where that changed it."""
        area = seen.rect
        raw, shown = _window(self._raw, area), _window(self._shown, area)
        if not isinstance(self._mask, AreaMask):
            shown[:] = self._mask(np.ascontiguousarray(raw))
            return [area]
        cover = self._covers.get(seen)
        if cover is None:
            cover = self._covers[seen] = self._mask.begin_at(seen.level, raw)
            changed = [(0, 0, area.width, area.height)]
        else:
            changed = cover.update(raw, [_box_in(part, area) for part in parts])
        for x0, y0, x1, y1 in changed:
            shown[y0:y1, x0:x1] = cover.paint(raw, (x0, y0, x1, y1))
        return [
            Rect(area.x + x0, area.y + y0, x1 - x0, y1 - y0)
            for x0, y0, x1, y1 in changed
        ]

    def _tiles_of(self, rects: Iterable[Rect]) -> list[int]:
        places: set[int] = set()
        for rect in rects:
            inside = rect.intersection(self._screen)
            if inside.is_empty():
                continue
            columns = range(inside.x // TILE_PX, (inside.right - 1) // TILE_PX + 1)
            for row in range(inside.y // TILE_PX, (inside.bottom - 1) // TILE_PX + 1):
                places.update(row * self._columns + column for column in columns)
        return sorted(places)

    def _changes(
        self, places: Sequence[int]
    ) -> tuple[list[tuple[int, int]], list[Pixels]]:
        """Which places have a new tile, and the tiles that the segment lacks."""
        changed: list[tuple[int, int]] = []
        fresh: list[Pixels] = []
        for place in places:
            row, column = divmod(place, self._columns)
            y, x = row * TILE_PX, column * TILE_PX
            tile = np.ascontiguousarray(
                self._shown[y : y + TILE_PX, x : x + TILE_PX],
            )
            digest = xxhash.xxh3_128_digest(tile.data)
            number = self._ids.get(digest)
            if number is None:
                number = len(self._ids)
                self._ids[digest] = number
                fresh.append(tile)
            if self._placed[place] != number:
                self._placed[place] = number
                changed.append((place, number))
        return changed, fresh

    def _records(
        self,
        picture: Picture,
        changed: list[tuple[int, int]],
        fresh: list[Pixels],
    ) -> list[Recorded]:
        records: list[Recorded] = []
        if fresh:
            records.append(TileRecord(len(self._ids) - len(fresh), np.stack(fresh)))
        cause = FrameCause.KEYFRAME if self._keyframe_due else picture.cause
        self._keyframe_due = False
        screen = picture.screen
        table = np.array(changed, np.uint32).reshape(-1, 2)
        frame = FrameRecord(
            picture.t_ns,
            cause,
            picture.exact,
            screen.width,
            screen.height,
            table,
            picture.age_us,
        )
        return [*records, frame]


def _window(image: Pixels, rect: Rect) -> Pixels:
    return image[rect.y : rect.bottom, rect.x : rect.right]


def _box_in(part: Rect, area: Rect) -> Box:
    """A part of an area as a box, counted from the area's corner."""
    x, y = part.x - area.x, part.y - area.y
    return (x, y, x + part.width, y + part.height)
