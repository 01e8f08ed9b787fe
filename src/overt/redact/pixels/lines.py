"""Which straight edges are layout: borders, separators, outlines.

Stage: masking of pixels. Input: edges of a picture in cells, and the picture. Output:
the cells of straight edges that are kept. A stroke of large type is straight too, so
an edge is kept only where no letter of up to 200 px has one: by its length, as a
hairline, as the outline of a box, or between two that are kept. In doubt it is not.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from overt.redact.pixels.edges import CELL_PX, grown, opened

if TYPE_CHECKING:
    from overt.protocol.records import Pixels
    from overt.redact.pixels.edges import Edges, Map

Ints = npt.NDArray[np.int64]

LONG_PX: Final = 264  # no stroke of 200 px type is longer and straight
SHORT_PX: Final = 36  # what is straight for less is no line
# an opening of 9 cells, twice, and of 36 rows; a crossing reaches over 2 and 3 more
STRAIGHT_CELLS: Final = 2 * (SHORT_PX // 4 + 2)
STRAIGHT_ROWS: Final = SHORT_PX + 6
_HAIRLINE_PX: Final = 128
_HAIRLINE_ROWS: Final = 4  # of edge round a line of two pixels
_SAME: Final = 5  # levels between both sides of a hairline
_MANY: Final = 600  # lines; more is a pattern, and none of them is kept
_ROUND_PX: Final = 16  # radius of a corner
_END: Final = 4  # cells by which a crossing may lengthen an edge
_BOX_PX: Final = (20, 264)  # heights of boxes
_NEAREST: Final = 3  # bottoms that are tried with a top
_CLOSED: Final = 0.97  # of the rows of a box that have an edge at both ends
_RING_PX: Final = (4, 48)  # thickness of a stroke that runs round
_UNDER_PX: Final = 6  # from text to the line under it
_BAR_PX: Final = 24  # thickness of the bar that letters hang from, as in Hindi
_UNDER_SHARE: Final = 0.4  # of an underline that has text over it


class Piece(NamedTuple):
    """A straight edge: columns of cells, rows of pixels; `right`, `bottom` outside."""

    x: int
    y: int
    right: int
    bottom: int


class Kept(NamedTuple):
    """Straight edges that stay, as maps of cells of 4 x 1 pixels."""

    level: Map
    upright: Map


def kept_lines(edges: Edges, rgb: Pixels, straight: Kept) -> Kept:
    """Return the edges that are layout beyond doubt.

    Args:
        edges: Of the picture.
        rgb: The picture; no larger than the edges' cells.
        straight: All its straight edges, as `find_straight` tells them.
    """
    level, upright = straight
    boxes = _pieces(level), _pieces(upright)
    kept = Kept(
        _long(level, boxes[0], LONG_PX // CELL_PX, 1),
        _long(upright, boxes[1], 1, LONG_PX),
    )
    levels = _level_pieces(_few(boxes[0]), level)
    uprights = _upright_pieces(_few(boxes[1]), upright)
    _keep_hairlines(levels, uprights, rgb, kept, (level, upright))
    _keep_boxes(levels, edges, rgb, level, kept)
    _keep_between(levels, uprights, kept, (level, upright))
    _drop_underlines(levels, edges, level, kept)
    return kept


def find_straight(edges: Edges) -> Kept:
    """Return level and upright edges of 36 px; where they cross, both go on.

    An edge decides within `STRAIGHT_CELLS` to its sides and `STRAIGHT_ROWS` above and
    below, and nowhere else.
    """
    level_base = edges.down & ~edges.across_faint
    upright_base = edges.across & ~edges.down_faint
    level = opened(level_base | edges.covered, SHORT_PX // CELL_PX, 1)
    behind = grown(level & level_base, 5, 5) & grown(upright_base, 1, 7)
    upright = opened(upright_base | behind | edges.covered, 1, SHORT_PX)
    beside = grown(upright & upright_base, 5, 5) & grown(level_base, 5, 1)
    level = opened(level_base | beside | edges.covered, SHORT_PX // CELL_PX, 1)
    return Kept(level & ~edges.covered, upright & ~edges.covered)


def _long(lines: Map, boxes: list[Piece], width: int, height: int) -> Map:
    """Edges that are so long and so high, looked for in boxes as large alone."""
    kept = np.zeros_like(lines)
    for x, y, right, bottom in boxes:
        if right - x >= width and bottom - y >= height:
            place = slice(y, bottom), slice(x, right)
            kept[place] |= opened(np.ascontiguousarray(lines[place]), width, height)
    return kept


def _pieces(lines: Map) -> list[Piece]:
    outlines, _ = cv2.findContours(
        lines.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    boxes = [cv2.boundingRect(outline) for outline in outlines]
    return [Piece(x, y, x + w, y + h) for x, y, w, h in boxes]


def _few(boxes: list[Piece]) -> list[Piece]:
    return boxes if len(boxes) <= _MANY else []


def _level_pieces(boxes: list[Piece], lines: Map) -> list[Piece]:
    """Return level edges as thick as in their middle; crossings make ends thicker."""
    x, y, right, bottom = _columns(boxes)
    y, bottom = _stretch(lines[:, (x + right) // 2], y, bottom)
    return _as_pieces(x, y, right, bottom)


def _upright_pieces(boxes: list[Piece], lines: Map) -> list[Piece]:
    x, y, right, bottom = _columns(boxes)
    x, right = _stretch(lines[(y + bottom) // 2].T, x, right)
    return _as_pieces(x, y, right, bottom)


def _stretch(middles: Map, first: Ints, last: Ints) -> tuple[Ints, Ints]:
    """From the first to the last edge between two places of each column.

    Args:
        middles: (m, n) where edges are.
        first: (n,) where each column's stretch may begin.
        last: (n,) the place after its end; both stay where there is no edge.
    """
    place = np.arange(len(middles))[:, None]
    inside = middles & (place >= first) & (place < last)
    is_seen = inside.any(axis=0)
    begin = np.where(is_seen, inside.argmax(axis=0), first)
    end = np.where(is_seen, len(middles) - inside[::-1].argmax(axis=0), last)
    return begin, end


def _columns(pieces: list[Piece]) -> Ints:
    """(4, n): x, y, right and bottom of pieces."""
    return np.array(pieces, np.int64).reshape(-1, 4).T


def _as_pieces(*columns: Ints) -> list[Piece]:
    return [Piece(*line) for line in np.stack(columns, axis=1).tolist()]


def _keep(line: Piece, lines: Map, kept: Map) -> None:
    place = (slice(line.y, line.bottom), slice(line.x, line.right))
    kept[place] |= lines[place]


def _keep_hairlines(
    levels: list[Piece],
    uprights: list[Piece],
    rgb: Pixels,
    kept: Kept,
    lines: tuple[Map, Map],
) -> None:
    """Keep lines of one or two pixels that are longer than any stroke so thin."""
    for line in levels:
        if (line.right - line.x) * CELL_PX >= _HAIRLINE_PX and _is_thin(line, rgb):
            _keep(line, lines[0], kept.level)
    for line in uprights:
        if line.bottom - line.y >= _HAIRLINE_PX and line.right - line.x <= 2:
            row = rgb[(line.y + line.bottom) // 2].astype(np.int16)
            left = row[line.x * CELL_PX]
            right = row[min(line.right * CELL_PX, len(row)) - 1]
            if abs(left - right).max() <= _SAME:
                _keep(line, lines[1], kept.upright)


def _is_thin(line: Piece, rgb: Pixels) -> bool:
    """Whether a level edge is a line of a pixel or two, alike on both sides."""
    if not 2 < line.bottom - line.y <= _HAIRLINE_ROWS:
        return False
    x = min((line.x + line.right) // 2 * CELL_PX, rgb.shape[1] - 1)
    column = rgb[line.y : line.bottom, x].astype(np.int16)
    return bool(abs(column[0] - column[-1]).max() <= _SAME)


def _is_drawn(line: Piece, rgb: Pixels) -> bool:
    """Whether a level edge is a line with a colour of its own, not just a step."""
    if line.bottom - line.y > _HAIRLINE_ROWS + 1:
        return False
    quarter = max(1, (line.right - line.x) // 4)
    columns = np.arange(line.x + quarter, line.right, quarter)[:3] * CELL_PX
    inside = np.minimum(columns, rgb.shape[1] - 1)
    pixels = rgb[line.y : line.bottom, inside].astype(np.int16)
    high, low = np.maximum(pixels[0], pixels[-1]), np.minimum(pixels[0], pixels[-1])
    beyond = np.maximum(pixels - high, low - pixels).max(axis=(0, 2))
    return int((beyond > _SAME).sum()) >= 2


def _keep_boxes(
    levels: list[Piece], edges: Edges, rgb: Pixels, lines: Map, kept: Kept
) -> None:
    """Keep the top and bottom of closed boxes that are no ring of a stroke."""
    seen = edges.across | edges.down | edges.covered
    short = _with(levels, kept.level, any_kept=False)
    is_drawn = cache(lambda line: _is_drawn(line, rgb))
    done: set[Piece] = set()
    for top, bottom in _closed(short, seen):
        if top in done:
            continue
        drawn = is_drawn(top) and is_drawn(bottom)
        if _is_box(top, bottom, seen, lines, drawn=drawn):
            _keep(top, lines, kept.level)
            _keep(bottom, lines, kept.level)
            done.add(top)


def _closed(short: list[Piece], seen: Map) -> list[tuple[Piece, Piece]]:
    """Pairs of level edges, one below the other, that are joined at both ends.

    Of each edge the three nearest are looked at that lie below it, as long as it is.
    """
    short = sorted(short, key=lambda line: line.y)
    x, y, right, bottom = _columns(short)
    height = y[None] - bottom[:, None]
    is_below = (height >= _BOX_PX[0]) & (height <= _BOX_PX[1])
    is_below &= abs(x[None] - x[:, None]) <= 1
    is_below &= abs(right[None] - right[:, None]) <= 1
    is_below &= np.cumsum(is_below, axis=1) <= _NEAREST
    upper, lower = np.nonzero(is_below)
    height_px = height[upper, lower]
    reach = np.minimum(_ROUND_PX, height_px // 2) // CELL_PX + 2
    rows = bottom[upper], y[lower]
    least = _CLOSED * height_px
    start, end = x[upper], right[upper]
    is_closed = _rows_seen(seen, start - reach, start + _END, rows) > least
    is_closed &= _rows_seen(seen, end - _END, end + reach, rows) > least
    pairs = zip(upper[is_closed].tolist(), lower[is_closed].tolist(), strict=True)
    return [(short[top], short[below]) for top, below in pairs]


def _rows_seen(seen: Map, first: Ints, last: Ints, rows: tuple[Ints, Ints]) -> Ints:
    """In how many rows of each stretch there is an edge between two columns.

    Args:
        seen: Where edges are.
        first: (n,) the first column of each stretch; may lie outside.
        last: (n,) the column after its last.
        rows: (n,) the first row of each stretch, and the row after its last.
    """
    before = np.zeros((len(seen), seen.shape[1] + 1), np.int32)
    np.cumsum(seen, axis=1, out=before[:, 1:])
    size = before.shape[1]
    codes, which = np.unique(
        np.maximum(first, 0) * size + np.minimum(last, size - 1), return_inverse=True
    )
    is_seen = before[:, codes % size] > before[:, codes // size]
    counts = np.zeros((len(seen) + 1, len(codes)), np.int64)
    np.cumsum(is_seen, axis=0, out=counts[1:])
    return np.asarray(counts[rows[1], which] - counts[rows[0], which])


def _with(lines: list[Piece], kept: Map, *, any_kept: bool) -> list[Piece]:
    """Those of which something is kept, or nothing."""
    x, y, right, bottom = _columns(lines)
    sums = cv2.integral(kept.view(np.uint8))
    counts = sums[bottom, right] - sums[y, right] - sums[bottom, x] + sums[y, x]
    is_kept = (counts > 0).tolist()
    return [line for line, has in zip(lines, is_kept, strict=True) if has == any_kept]


def _is_box(top: Piece, bottom: Piece, seen: Map, lines: Map, *, drawn: bool) -> bool:
    """Whether no stroke runs along two level edges that are joined."""
    height_px = bottom.y - top.bottom
    rows = slice(top.bottom, bottom.y)
    if not drawn and _is_ring(top, bottom, lines):
        return False
    if seen[rows, top.x + _END : top.right - _END].any():
        return True  # it has something in it
    return drawn and (top.right - top.x) * CELL_PX >= max(96, 2 * height_px)


def _is_ring(top: Piece, bottom: Piece, lines: Map) -> bool:
    """Whether a stroke runs round a box, inside it or outside, as in an O."""
    height_px = bottom.y - top.bottom
    near = max(_RING_PX[0] + 1, min(_RING_PX[1], int(0.45 * height_px)))
    far = min(_RING_PX[1], max(24, near))
    inside = _has_parallel(top, lines, near) and _has_parallel(bottom, lines, -near)
    outside = _has_parallel(top, lines, -far) and _has_parallel(bottom, lines, far)
    return inside or outside


def _has_parallel(line: Piece, lines: Map, far: int) -> bool:
    """Whether another level edge runs along, at the distance of a stroke.

    Args:
        line: The edge.
        lines: All level edges.
        far: How many rows below it to look; above it where negative.
    """
    near = _RING_PX[0]
    if far > 0:
        rows = slice(line.bottom + near, line.bottom + far)
    else:
        rows = slice(max(0, line.y + far), max(0, line.y - near))
    along = lines[rows, line.x : line.right]
    return bool(along.size and along.mean(axis=1).max() >= 0.5)


def _keep_between(
    levels: list[Piece],
    uprights: list[Piece],
    kept: Kept,
    lines: tuple[Map, Map],
) -> None:
    """Keep what runs from one kept edge to another: sides of cards, of cells.

    The border of a picture counts as one, unless a letter may be cut off on both sides.
    """
    reach = _ROUND_PX // CELL_PX
    rows, columns = kept.level.shape
    is_high, is_wide = rows >= LONG_PX, columns * CELL_PX >= LONG_PX
    for line in uprights:
        near = slice(max(0, line.x - reach), line.right + reach)
        above = kept.level[max(0, line.y - _ROUND_PX) : line.y + 4, near]
        below = kept.level[line.bottom - 4 : line.bottom + _ROUND_PX, near]
        top = above.any() or (line.y == 0 and is_high)
        if top and (below.any() or (line.bottom == rows and is_high)):
            _keep(line, lines[1], kept.upright)
    for line in levels:
        near = slice(max(0, line.y - _ROUND_PX), line.bottom + _ROUND_PX)
        before = kept.upright[near, max(0, line.x - reach) : line.x + reach]
        after = kept.upright[near, line.right - reach : line.right + reach]
        start = before.any() or (line.x == 0 and is_wide)
        if start and (after.any() or (line.right == columns and is_wide)):
            _keep(line, lines[0], kept.level)


def _drop_underlines(levels: list[Piece], edges: Edges, lines: Map, kept: Kept) -> None:
    """Keep no level edge that text stands on or hangs from, from end to end."""
    ink = (edges.across | edges.down) & ~kept.level & ~kept.upright & ~edges.covered
    strokes = lines & ~kept.level
    for line in _with(levels, kept.level, any_kept=True):
        if max(
            _share_beside(line, ink, _UNDER_PX), _share_beside(line, strokes, _BAR_PX)
        ) > (_UNDER_SHARE):
            kept.level[line.y : line.bottom, line.x : line.right] = False


def _share_beside(line: Piece, ink: Map, far_px: int) -> float:
    """Share of a level edge that has ink above it, or below; the larger."""
    columns = slice(line.x, line.right)
    above = ink[max(0, line.y - far_px) : line.y, columns]
    below = ink[line.bottom : line.bottom + far_px, columns]
    covered = (np.count_nonzero(part.any(axis=0)) for part in (above, below))
    return max(covered) / (line.right - line.x)
