"""Corners and short sides of kept boxes: small irregular edges that are no glyph.

Stage: masking of pixels. Input: cells that may be text, the edges that are kept.
Output: the cells without what joins kept edges at their ends. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from overt.redact.pixels.edges import grown

if TYPE_CHECKING:
    from overt.redact.pixels.edges import Map
    from overt.redact.pixels.lines import Kept

_WIDE: Final = 6  # cells of 4 px: a rounded side of a box
_HIGH: Final = 40  # cells of 2 px: the same
_CORNER: Final = (5, 12)  # cells
_END: Final = (2, 3)  # cells


def without_corners(ink: Map, kept: Kept) -> Map:
    """Return the cells that may be text, without corners and sides of kept boxes.

    Args:
        ink: Cells of 4 x 2 pixels that have an edge which is not kept.
        kept: Kept edges, in the same cells.
    """
    if not kept.level.any():
        return ink
    near = grown(kept.level, 3, 3)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(
        ink.view(np.uint8), connectivity=8
    )
    touching = np.unique(labels[near & ink])
    small = (stats[:, 2] <= _WIDE) & (stats[:, 3] <= _HIGH)
    gone = [
        number
        for number in touching[touching > 0].tolist()
        if small[number] and _is_corner(stats[number, :4].tolist(), kept)
    ]
    left = ink.copy()
    for number in gone:
        x, y, width, height = stats[number, :4].tolist()
        place = (slice(y, y + height), slice(x, x + width))
        left[place] &= labels[place] != number
    return left


def _is_corner(box: list[int], kept: Kept) -> bool:
    """Whether a small piece joins the ends of kept edges, or is such an end."""
    x, y, width, height = box
    top = _ends(kept.level, x, y, width)
    bottom = _ends(kept.level, x, y + height - 1, width)
    if top & bottom and height > 4:
        return True  # the side of a box, between its top and its bottom
    if not top | bottom:
        return False
    if _touches(kept.upright, x, y, width, height):
        return width <= _CORNER[0] and height <= _CORNER[1]
    return width <= _END[0] and height <= _END[1]


def _ends(level: Map, x: int, y: int, width: int) -> set[str]:
    """On which sides of a place a level edge goes on, if it breaks off there."""
    rows = slice(max(0, y - 1), y + 2)
    over = np.asarray(level[rows, max(0, x - 2) : x + width + 2].any(axis=0))
    if over.all():
        return set()
    left = {"left"} if over[:3].sum() >= 2 else set()
    return left | ({"right"} if over[-3:].sum() >= 2 else set())


def _touches(lines: Map, x: int, y: int, width: int, height: int) -> bool:
    rows = slice(max(0, y - 1), y + height + 1)
    return bool(lines[rows, max(0, x - 1) : x + width + 1].any())
