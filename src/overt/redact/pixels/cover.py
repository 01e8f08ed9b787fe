"""From edges to rectangles that cover whatever may be text.

Stage: masking of pixels, the global half. Input: edges in cells, the picture. Output:
the cover, in cells of 4 x 2 pixels: whole rectangles round what hangs together, never
an outline that follows a glyph. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
import numpy.typing as npt

from overt.redact.pixels.corners import without_corners
from overt.redact.pixels.edges import CELL_PX, ROWS_PX, grown
from overt.redact.pixels.lines import Kept, kept_lines

if TYPE_CHECKING:
    from overt.protocol.records import Pixels
    from overt.redact.pixels.edges import Edges, Map

Boxes = npt.NDArray[np.int32]  # (n, 4): x0, y0, x1, y1 in cells of 4 x 2 pixels

_GAP_CELLS: Final = 2  # each side: words of a line hang together
_BUSY: Final = 0.6  # share of cells with faint edges in a photograph
_TALL: Final = 12  # cells of 2 px: type from here on is joined by its height
_DENSE: Final = 0.8  # share of a box with edges; more is no large type
_HIGH: Final = 120  # cells of 2 px: what is higher is no line of type
_SIDE: Final = 0.4  # of the height, to the left and right
_ABOVE: Final = 0.15  # of the height, above and below


def find_cover(edges: Edges, rgb: Pixels, straight: Kept) -> tuple[Map, Boxes]:
    """Return the cover, (height / 2, width / 4), and the boxes to fill, in cells.

    What an earlier masking has filled belongs to the cover and needs no box.
    """
    kept = kept_lines(edges, rgb, straight)
    lines = kept.level | kept.upright
    seen = ((edges.across | edges.down) & ~lines | _busy(edges)) & ~edges.covered
    halved = Kept(_pairs(kept.level), _pairs(kept.upright))
    ink = without_corners(_pairs(seen), halved)
    boxes = _boxes(_joined(ink, (halved.level | halved.upright) & ~ink))
    boxes = _with_tall_joined(boxes, ink, halved)
    cover, boxes = _apart(boxes, _pairs(edges.covered))
    return cover, boxes


def _busy(edges: Edges) -> Map:
    """Cells of fine texture, as photographs have it in their plain parts."""
    faint = edges.across_faint | edges.down_faint
    share = cv2.blur(
        faint.view(np.uint8) * np.uint8(255), (5, 17), borderType=cv2.BORDER_REFLECT
    )
    return np.asarray((share > 255 * _BUSY) & faint)


def _pairs(cells: Map) -> Map:
    """Cells of 4 x 1 as cells of 4 x 2."""
    return np.asarray(cells[0::2] | cells[1::2])


def _joined(ink: Map, barrier: Map) -> Map:
    """Grow to the sides and by a margin above and below, through no kept line."""
    joined = grown(ink, 3, 3) & ~barrier
    for _ in range(_GAP_CELLS - 1):
        joined = grown(joined, 3, 1) & ~barrier
    return joined


def _boxes(cells: Map) -> Boxes:
    """Boxes round what hangs together; what lies inside another may be left out."""
    outlines, _ = cv2.findContours(
        cells.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    found = np.array([cv2.boundingRect(one) for one in outlines], np.int32)
    boxes = found.reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    return boxes[np.lexsort((boxes[:, 0], boxes[:, 1]))]


def _with_tall_joined(boxes: Boxes, ink: Map, kept: Kept) -> Boxes:
    """Join what is tall with what stands beside it, as letters of large type do."""
    height = boxes[:, 3] - boxes[:, 1]
    tall = (height >= _TALL) & (height <= _HIGH) & (_density(boxes, ink) < _DENSE)
    if not tall.any():
        return boxes
    boxes, wider = boxes.copy(), boxes.copy()
    for number in np.flatnonzero(tall).tolist():
        higher, wide = _larger(boxes[number].tolist(), kept)
        boxes[number], wider[number] = higher, wide
    return _hulls(boxes, _boxes(_painted(wider, ink.shape)))


def _larger(
    box: list[int], kept: Kept
) -> tuple[tuple[int, int, int, int], tuple[int, int, int, int]]:
    """Grow a tall box by its height as far as kept edges: above, and to the sides."""
    x0, y0, x1, y1 = box
    above = int(_ABOVE * (y1 - y0))
    side = int(_SIDE * (y1 - y0) * ROWS_PX / CELL_PX)
    top, bottom = _room(np.asarray(kept.level[:, x0:x1].any(axis=1)), y0, y1, above)
    left, right = _room(np.asarray(kept.upright[y0:y1].any(axis=0)), x0, x1, side)
    return (x0, top, x1, bottom), (left, top, right, bottom)


def _room(
    is_kept: npt.NDArray[np.bool_], first: int, last: int, most: int
) -> tuple[int, int]:
    """How far a stretch can grow at both ends until something is kept."""
    start, end = max(0, first - most), min(len(is_kept), last + most)
    before = np.flatnonzero(is_kept[start:first])
    after = np.flatnonzero(is_kept[last:end])
    return (
        start + int(before[-1]) + 1 if len(before) else start,
        last + int(after[0]) if len(after) else end,
    )


def _hulls(boxes: Boxes, groups: Boxes) -> Boxes:
    """For each group's box the smallest box round those whose middle lies in it."""
    middle = (boxes[:, :2] + boxes[:, 2:]) // 2
    hulls = []
    for x0, y0, x1, y1 in groups.tolist():
        inside = (middle[:, 0] >= x0) & (middle[:, 0] < x1)
        inside &= (middle[:, 1] >= y0) & (middle[:, 1] < y1)
        if inside.any():
            part = boxes[inside]
            hulls.append([*part[:, :2].min(axis=0), *part[:, 2:].max(axis=0)])
    return np.array(hulls, np.int32).reshape(-1, 4)


def _density(boxes: Boxes, ink: Map) -> npt.NDArray[np.float64]:
    """Share of each box that has an edge; near 1 in photographs and small type."""
    sums = cv2.integral(ink.view(np.uint8))
    x0, y0, x1, y1 = boxes.T
    inside = sums[y1, x1] - sums[y0, x1] - sums[y1, x0] + sums[y0, x0]
    return np.asarray(inside / np.maximum(1, (x1 - x0) * (y1 - y0)))


def _apart(boxes: Boxes, covered: Map) -> tuple[Map, Boxes]:
    """Join boxes that touch, until the cover is rectangles that stand apart."""
    cover = _painted(boxes, covered.shape) | covered
    while True:
        joined = _boxes(cover)
        wider = _painted(joined, covered.shape) | covered
        if np.array_equal(wider, cover):
            return cover, joined
        cover = wider


def _painted(boxes: Boxes, shape: tuple[int, int]) -> Map:
    """Fill boxes."""
    cells = np.zeros(shape, np.bool_)
    for x0, y0, x1, y1 in boxes.tolist():
        cells[y0:y1, x0:x1] = True
    return cells
