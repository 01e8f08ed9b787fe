"""Runs of text under a cover: where a line is, how high its type, which colours.

Stage: masking of pixels. Input: a picture and the boxes that are covered. Output: one
`TextRun` a line, with what a renderer needs to set other words there and nothing of
the words: boxes are those of the cover, on a grid of 4 x 2 pixels, joined over gaps
between words. Pure; reads no letter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterable

    from overt.protocol.records import Pixels
    from overt.redact.pixels.masker import Box

Colour = tuple[int, int, int]

_INK: Final = 12  # levels from the ground
_BITS: Final = 3  # of each channel's eight that do not tell colours apart
_PLAIN: Final = 0.35  # share of a line that its ground has at least
_HIGHEST_PX: Final = 240
_LOWEST_PX: Final = 5
_X_HEIGHT: Final = 0.53  # of the type's size, in most faces
_EXTENT: Final = 0.93  # from the tallest letter's top to the deepest one's foot


@dataclass(frozen=True, slots=True)
class TextRun:
    """A line of text as covered.

    Attributes:
        box: Where it is, in pixels.
        height_px: Size of its type, estimated (the em; about 16 for body text).
        ink: Colour of the letters, RGB.
        ground: Colour behind them, RGB.
    """

    box: Box
    height_px: int
    ink: Colour
    ground: Colour


def text_runs(rgb: Pixels, boxes: Iterable[Box]) -> list[TextRun]:
    """Return the lines of text in covered boxes; pictures are left out.

    Args:
        rgb: The picture before masking, uint8 (height, width, 3).
        boxes: Covered boxes, as `Masker.boxes` has them.
    """
    return [run for box in boxes for run in _lines_of(rgb, box)]


def _lines_of(rgb: Pixels, box: Box) -> list[TextRun]:
    x0, y0, x1, y1 = box
    part = rgb[y0:y1, x0:x1]
    if not part.size:
        return []
    ground, share = _most_common(part.reshape(-1, 3))
    if share < _PLAIN:
        return []
    away = np.abs(part.astype(np.int16) - np.array(ground, np.int16)).max(axis=2)
    is_ink = away >= _INK
    lines = _line_rows(is_ink.any(axis=1))
    runs = []
    for top, bottom in lines:
        size_px = _size(is_ink[top:bottom])
        if not _LOWEST_PX <= size_px <= _HIGHEST_PX:
            continue
        ink = _ink_colour(part[top:bottom], away[top:bottom])
        rows = (y0, y1) if len(lines) == 1 else (y0 + top, y0 + bottom)
        runs.append(TextRun((x0, rows[0], x1, rows[1]), size_px, ink, ground))
    return runs


def _most_common(pixels: Pixels) -> tuple[Colour, float]:
    """The colour that most pixels have, roughly, and their share."""
    rough = (pixels >> _BITS).astype(np.int32)
    codes = rough[:, 0] << 10 | rough[:, 1] << 5 | rough[:, 2]
    counts = np.bincount(codes)
    most = int(counts.argmax())
    red, green, blue = np.median(pixels[codes == most], axis=0).astype(int).tolist()
    return (red, green, blue), float(counts[most] / len(pixels))


def _line_rows(has_ink: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First row and row after the last of each stretch of rows with ink."""
    steps = np.flatnonzero(np.diff(np.concatenate([[False], has_ink, [False]])))
    pairs = steps.reshape(-1, 2).tolist()
    lines: list[tuple[int, int]] = []
    for top, bottom in pairs:
        if lines and (top - lines[-1][1] <= 2 or _is_mark(lines[-1], top, bottom)):
            lines[-1] = (lines[-1][0], bottom)  # the dot of an i, an accent
        else:
            lines.append((top, bottom))
    return lines


def _is_mark(line: tuple[int, int], top: int, bottom: int) -> bool:
    """Whether what stands above is a dot or an accent of what stands below."""
    return line[1] - line[0] < (bottom - top) // 3 and top - line[1] < bottom - top


def _size(is_ink: npt.NDArray[np.bool_]) -> int:
    """Estimate the type's size from how ink is spread over the rows of a line."""
    share = is_ink.mean(axis=1)
    body = np.flatnonzero(share >= 0.5 * share.max())
    x_height = int(body[-1] - body[0] + 1)
    return round(max(x_height / _X_HEIGHT * 0.8, len(share) / _EXTENT))


def _ink_colour(part: Pixels, away: npt.NDArray[np.int16]) -> Colour:
    """The commonest colour among the pixels that differ most from the ground."""
    strong = away >= max(_INK, 0.75 * int(away.max()))
    return _most_common(part[strong])[0]
