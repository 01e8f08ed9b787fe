"""Where neighbouring pixels differ, in small cells.

Stage: masking of pixels, the local half. Input: a picture. Output: for each cell of
4 x 1 pixels whether neighbours differ along the row or along the column, strongly or
faintly, in any colour channel. A pixel changes only the cells within `REACH_PX`. Pure;
recognises nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
import numpy.typing as npt

from overt.protocol.texts import COVER

if TYPE_CHECKING:
    from overt.protocol.records import Pixels

Map = npt.NDArray[np.bool_]

CELL_PX: Final = 4  # width of a cell
ROWS_PX: Final = 2  # height of a cell of the cover
REACH_PX: Final = 1
FILL: Final = COVER

_EDGE: Final = 6  # levels of 255 within three pixels of a row or column
_FAINT: Final = 3
_ROW: Final = np.ones((1, 3), np.uint8)
_COLUMN: Final = np.ones((3, 1), np.uint8)
_LEAST: Final = (8, 4)  # pixels; no cover is smaller


@dataclass(frozen=True, slots=True)
class Edges:
    """Maps of cells, each (height, ceil(width / 4)).

    Attributes:
        across: Pixels of a row differ: an upright or irregular edge.
        across_faint: The same at the lower threshold.
        down: Pixels of a column differ: a level or irregular edge.
        down_faint: The same at the lower threshold.
        covered: The cell is covered already, by an earlier masking.
    """

    across: Map
    across_faint: Map
    down: Map
    down_faint: Map
    covered: Map

    def window(self, rows: slice, columns: slice) -> Edges:
        """Return the same of a part; it shares memory with the whole."""
        maps = (self.across, self.across_faint, self.down, self.down_faint)
        return Edges(*(one[rows, columns] for one in (*maps, self.covered)))

    def assign(self, other: Edges) -> None:
        """Take over what another of the same size has."""
        self.across[:] = other.across
        self.across_faint[:] = other.across_faint
        self.down[:] = other.down
        self.down_faint[:] = other.down_faint
        self.covered[:] = other.covered


def find_edges(rgb: Pixels, covered: Map | None = None) -> Edges:
    """Return the edges of a picture whose size is a multiple of a cell's.

    Args:
        rgb: uint8 (height, width, 3); height a multiple of 2, width of 4.
        covered: Cells that an earlier masking has filled, (height, width / 4); they
            have no part in an edge.
    """
    low, high = rgb, rgb
    if covered is None:
        covered = np.zeros((rgb.shape[0], rgb.shape[1] // CELL_PX), np.bool_)
    elif covered.any():
        hidden = np.repeat(covered, CELL_PX, axis=1)
        low, high = rgb.copy(), rgb.copy()
        low[hidden], high[hidden] = 0, 255
    across, down = _difference(low, high, _ROW), _difference(low, high, _COLUMN)
    return Edges(
        _cells(across, _EDGE),
        _cells(across, _FAINT),
        _cells(down, _EDGE),
        _cells(down, _FAINT),
        covered,
    )


def find_covered(rgb: Pixels) -> Map:
    """Return the cells that an earlier masking has filled, (height, width / 4).

    A cover is a rectangle of the cover's colour, of whole cells, that no other pixel
    of that colour touches. Anything else of that colour is seen as what it is.

    Args:
        rgb: As for `find_edges`.
    """
    height, width = rgb.shape[:2]
    fill = cv2.inRange(rgb, FILL, FILL)
    covered = np.zeros((height // ROWS_PX, width // CELL_PX), np.uint8)
    if cv2.hasNonZero(fill):
        _, _, stats, _ = cv2.connectedComponentsWithStats(fill, connectivity=8)
        x, y, wide, high, area = stats[1:].T
        whole = (x % CELL_PX == 0) & (wide % CELL_PX == 0) & (wide >= _LEAST[0])
        whole &= (y % ROWS_PX == 0) & (high % ROWS_PX == 0) & (high >= _LEAST[1])
        for left, top, w, h in stats[1:, :4][whole & (area == wide * high)].tolist():
            covered[
                top // ROWS_PX : (top + h) // ROWS_PX,
                left // CELL_PX : (left + w) // CELL_PX,
            ] = 1
    return np.repeat(covered.view(np.bool_), ROWS_PX, axis=0)


def has_fill(rgb: Pixels) -> bool:
    """Whether a block as large as the least cover has the cover's colour."""
    fill = cv2.inRange(rgb, FILL, FILL)
    if not cv2.hasNonZero(fill):
        return False
    block = cv2.erode(fill, np.ones(_LEAST[::-1], np.uint8), borderValue=0)
    return bool(cv2.hasNonZero(block))


def _cells(gradient: Pixels, threshold: int) -> Map:
    """Which cells have a channel of a pixel at or above the threshold."""
    _, found = cv2.threshold(gradient, threshold - 1, 255, cv2.THRESH_BINARY)
    height, width = gradient.shape[:2]
    quads = found.reshape(height, width // CELL_PX, 3 * CELL_PX).view(np.uint32)
    return np.asarray((quads[..., 0] | quads[..., 1] | quads[..., 2]) != 0)


def grown(cells: Map, width: int, height: int) -> Map:
    """Return the cells within half a width and half a height of those given."""
    kernel = np.ones((height, width), np.uint8)
    return np.asarray(cv2.dilate(cells.view(np.uint8), kernel)).view(np.bool_)


def opened(cells: Map, width: int, height: int) -> Map:
    """Return the cells that lie in a full box of that size."""
    kernel, outside = np.ones((height, width), np.uint8), cv2.BORDER_CONSTANT
    bytes_ = cells.view(np.uint8)
    found = cv2.morphologyEx(
        bytes_, cv2.MORPH_OPEN, kernel, borderType=outside, borderValue=0
    )
    return np.asarray(found).view(np.bool_)


def _difference(low: Pixels, high: Pixels, kernel: npt.NDArray[np.uint8]) -> Pixels:
    most, least = cv2.dilate(low, kernel), cv2.erode(high, kernel)
    return np.asarray(cv2.subtract(most, least), dtype=np.uint8)
