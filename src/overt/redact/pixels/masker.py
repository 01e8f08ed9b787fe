"""Cover all text in a frame, as the level `masked` asks; anew only where it changed.

Stage: masking at the source. Input: a picture, and which parts of it changed. Output:
the same with a flat fill over whatever may be a glyph, a picture or a face. Nothing is
recognised: text is where neighbouring pixels differ, and all that differs is covered,
in whole rectangles, but for straight edges that no letter has. Never blurs: a blur
can be undone.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
import xxhash

from overt.protocol.errors import DataError
from overt.redact.pixels.cover import find_cover
from overt.redact.pixels.edges import (
    CELL_PX,
    FILL,
    REACH_PX,
    ROWS_PX,
    Edges,
    find_covered,
    find_edges,
    has_fill,
)
from overt.redact.pixels.lines import STRAIGHT_CELLS, STRAIGHT_ROWS, Kept, find_straight

if TYPE_CHECKING:
    from collections.abc import Iterable

    from overt.protocol.records import Pixels
    from overt.redact.pixels.cover import Boxes
    from overt.redact.pixels.edges import Map

Box = tuple[int, int, int, int]  # x0, y0, x1, y1 in pixels; x1 and y1 lie outside

_BAND_PX: Final = 96  # rows at once, so that the working memory stays small
_MANY: Final = 64  # changed pieces; more are taken as one
_STATES: Final = 4  # whose covers are remembered: a caret blinks between two
cv2.setNumThreads(1)


def mask(rgb: Pixels) -> Pixels:
    """Return a copy with everything that may be text under a flat grey.

    Args:
        rgb: uint8 (height, width, 3), RGB.

    Raises:
        DataError: The array has another form.
    """
    masker = Masker(rgb)
    return masker.paint(rgb, masker.whole)


def text_mask(rgb: Pixels) -> Map:
    """Return what `mask` covers, (height, width).

    Raises:
        DataError: The array is not uint8 (height, width, 3).
    """
    masker = Masker(rgb)
    return masker.cover(masker.whole)


class Masker:
    """The cover of a picture that changes in parts.

    After any updates the cover is what masking the whole picture at once would give.

    Attributes:
        whole: The picture's box.
        boxes: What is covered, as boxes in pixels; they may overlap.
    """

    def __init__(self, rgb: Pixels) -> None:
        """Cover a picture.

        Args:
            rgb: uint8 (height, width, 3), RGB; it is not kept.

        Raises:
            DataError: The array has another form.
        """
        _check(rgb)
        height, width = rgb.shape[:2]
        self.whole: Box = (0, 0, width, height)
        self.boxes: list[Box] = []
        rows, columns = -(-height // ROWS_PX), -(-width // CELL_PX)
        self._edges = _no_edges(rows * ROWS_PX, columns)
        self._straight = Kept(self._edges.down.copy(), self._edges.across.copy())
        self._cover = np.zeros((rows, columns), np.bool_)
        self._has_cover = False
        self._stale: list[Box] = []  # where the edges are of an earlier state
        self._known: dict[bytes, tuple[Map, Boxes]] = {}  # covers of the last states
        self._seed = secrets.randbits(64)
        self.update(rgb, [self.whole])

    def update(self, rgb: Pixels, changed: Iterable[Box]) -> list[Box]:
        """Take a new state of the picture.

        Args:
            rgb: The whole picture, of the same size as before.
            changed: Where it may differ from the state before.

        Returns:
            Where the masked picture may differ from the one before.

        Raises:
            DataError: The picture has another size or form.
        """
        _check(rgb)
        if (rgb.shape[1], rgb.shape[0]) != self.whole[2:]:
            raise DataError("A picture to mask changed its size.")
        parts = [part for part in changed if part[0] < part[2] and part[1] < part[3]]
        if not (rgb.size and parts):
            return []
        self._stale += parts
        if len(self._stale) > _MANY:
            self._stale = [self.whole]
        before = self._cover
        self._cover, boxes = self._found(rgb)
        self.boxes = [self._in_pixels(box) for box in boxes.tolist()]
        return parts + self._differences(before)

    def _found(self, rgb: Pixels) -> tuple[Map, Boxes]:
        """Return the cover of a state, found anew unless it was there lately."""
        state = xxhash.xxh3_128_digest(np.ascontiguousarray(rgb).data, self._seed)
        found = self._known.pop(state, None) or self._found_anew(rgb)
        if not self._has_cover:  # else a state alone does not tell its cover
            self._known[state] = found
        while len(self._known) > _STATES:
            del self._known[next(iter(self._known))]
        return found

    def _found_anew(self, rgb: Pixels) -> tuple[Map, Boxes]:
        """Bring the edges up to date and find the cover."""
        parts, self._stale = self._stale, []
        if self._has_cover or any(_has_cover(rgb, part) for part in parts):
            self._known.clear()
            self._find_all(rgb)
        else:
            for x0, y0, x1, y1 in parts:
                for y in range(y0, y1, _BAND_PX):
                    self._find(rgb, (x0, y, x1, min(y + _BAND_PX, y1)))
                self._find_straight((x0, y0, x1, y1))
        return find_cover(self._edges, rgb, self._straight)

    def cover(self, box: Box) -> Map:
        """Return what is covered in a box of the picture, (height, width)."""
        x0, y0, x1, y1 = box
        cells = self._cover[
            y0 // ROWS_PX : -(-y1 // ROWS_PX), x0 // CELL_PX : -(-x1 // CELL_PX)
        ]
        pixels = np.repeat(np.repeat(cells, ROWS_PX, axis=0), CELL_PX, axis=1)
        top, left = y0 % ROWS_PX, x0 % CELL_PX
        return pixels[top : top + y1 - y0, left : left + x1 - x0]

    def paint(self, rgb: Pixels, box: Box) -> Pixels:
        """Return the masked pixels of a box of the picture, as a copy."""
        x0, y0, x1, y1 = box
        pixels = np.ascontiguousarray(rgb[y0:y1, x0:x1])
        if not pixels.size:
            return pixels.copy()
        masked = pixels.copy()
        for left, top, right, bottom in self.boxes:
            if left < x1 and right > x0 and top < y1 and bottom > y0:
                corners = (left - x0, top - y0), (right - 1 - x0, bottom - 1 - y0)
                cv2.rectangle(masked, *corners, FILL, cv2.FILLED)
        return masked

    def _find_all(self, rgb: Pixels) -> None:
        """Find all edges anew, where an earlier masking may have left its cover."""
        padded = self._padded(rgb, (0, 0))
        covered = find_covered(padded)
        self._has_cover = has_fill(rgb)
        self._edges = find_edges(padded, covered)
        self._straight = find_straight(self._edges)

    def _find(self, rgb: Pixels, part: Box) -> None:
        """Find the edges of a part anew; what lies around it is looked at too."""
        x0, y0, x1, y1 = _aligned(part, REACH_PX)
        left, top, right, bottom = _aligned((x0, y0, x1, y1), CELL_PX)
        found = find_edges(self._padded(rgb[top:bottom, left:right], (left, top)))
        rows, columns = self._edges.across.shape
        y1, x1 = min(y1, rows), min(x1, columns * CELL_PX)
        inside = found.window(
            slice(y0 - top, y1 - top),
            slice((x0 - left) // CELL_PX, (x1 - left) // CELL_PX),
        )
        place = (slice(y0, y1), slice(x0 // CELL_PX, x1 // CELL_PX))
        self._edges.window(*place).assign(inside)

    def _find_straight(self, part: Box) -> None:
        """Find straight edges anew, as far as the edges of a part decide."""
        x0, y0, x1, y1 = _aligned(part, REACH_PX)
        rows, columns = slice(y0, y1), slice(x0 // CELL_PX, x1 // CELL_PX)
        near = _grown(rows, STRAIGHT_ROWS), _grown(columns, STRAIGHT_CELLS)
        far = _grown(near[0], STRAIGHT_ROWS), _grown(near[1], STRAIGHT_CELLS)
        found = find_straight(self._edges.window(*far))
        inside = _within(near[0], far[0]), _within(near[1], far[1])
        self._straight.level[near] = found.level[inside]
        self._straight.upright[near] = found.upright[inside]

    @staticmethod
    def _padded(rgb: Pixels, corner: tuple[int, int]) -> Pixels:
        """Repeat the last row and column up to whole cells."""
        below, beside = -(corner[1] + rgb.shape[0]) % 2, -(corner[0] + rgb.shape[1]) % 4
        pixels = np.ascontiguousarray(rgb)
        if not below and not beside:
            return pixels
        padded = cv2.copyMakeBorder(pixels, 0, below, 0, beside, cv2.BORDER_REPLICATE)
        return np.asarray(padded, dtype=np.uint8)

    def _differences(self, before: Map) -> list[Box]:
        """Boxes round the cells that are covered now and were not, or the reverse."""
        changed = (before ^ self._cover).view(np.uint8)
        left, top, width, height = cv2.boundingRect(changed)
        if not width:
            return []
        part = changed[top : top + height, left : left + width]
        _, _, stats, _ = cv2.connectedComponentsWithStats(part, connectivity=8)
        found = stats[1:, :4].tolist()
        if len(found) >= _MANY:
            found = [(0, 0, width, height)]
        return [
            self._in_pixels((left + x, top + y, left + x + w, top + y + h))
            for x, y, w, h in found
        ]

    def _in_pixels(self, cells: Iterable[int]) -> Box:
        x0, y0, x1, y1 = cells
        _, _, width, height = self.whole
        right, bottom = min(x1 * CELL_PX, width), min(y1 * ROWS_PX, height)
        return (x0 * CELL_PX, y0 * ROWS_PX, right, bottom)


def _aligned(part: Box, margin_px: int) -> Box:
    """Grow a box by a margin and to whole cells, within what has no upper end."""
    x0, y0, x1, y1 = part
    return (
        max(0, x0 - margin_px) // CELL_PX * CELL_PX,
        max(0, y0 - margin_px) // ROWS_PX * ROWS_PX,
        -(-(x1 + margin_px) // CELL_PX) * CELL_PX,
        -(-(y1 + margin_px) // ROWS_PX) * ROWS_PX,
    )


def _grown(part: slice, by: int) -> slice:
    return slice(max(0, part.start - by), part.stop + by)


def _within(part: slice, whole: slice) -> slice:
    return slice(part.start - whole.start, part.stop - whole.start)


def _has_cover(rgb: Pixels, part: Box) -> bool:
    x0, y0, x1, y1 = part
    return has_fill(rgb[max(0, y0 - 8) : y1 + 8, max(0, x0 - 8) : x1 + 8])


def _no_edges(rows: int, columns: int) -> Edges:
    return Edges(*(np.zeros((rows, columns), np.bool_) for _ in range(5)))


def _check(rgb: Pixels) -> None:
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
        raise DataError("Pixels to mask are not uint8 (height, width, 3).")
