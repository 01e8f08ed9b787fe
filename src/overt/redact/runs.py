"""Where text and controls stood on a screen: what a renderer of fake text needs.

Stage: masking at the source. Input: the nodes of an accessibility tree, the raw pixels
of the screen, the episode's naming. Output: `TextRun`s: placeholders in boxes of a
coarse grid, with height and colours. No name of a node leaves but through the naming.
Pure.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from overt.protocol.texts import GRID_PX, Rgb, TextRun

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from overt.protocol.records import Pixels

Node = list[Any]  # [role, name, x, y, width, height, states]
Box = tuple[int, int, int, int]  # x, y, width, height

# What has an edge of its own on a screen, with or without text in it.
CONTROLS: Final = frozenset(
    {
        *("push button", "toggle button", "entry", "password text", "combo box"),
        *("check box", "radio button", "page tab", "spin button", "button"),
        *("check menu item", "radio menu item", "menu item", "list item"),
    }
)
ENTRIES: Final = frozenset({"entry", "password text", "spin button"})
# What holds others and may have a ground of its own.
CONTAINERS: Final = frozenset(
    {
        *("document web", "document frame", "frame", "window", "panel", "section"),
        *("filler", "dialog", "alert", "grouping", "form", "landmark", "tool bar"),
        *("page tab list", "menu bar", "table", "list", "article", "scroll pane"),
    }
)
_WORDED: Final = frozenset({"static", "label", "text", "link", "heading", "paragraph"})
_MOST_RUNS = 400
_COLOUR_STEP = 17  # 16 levels a channel, black and white among them
_LEVELS = np.rint(np.arange(256) / _COLOUR_STEP).astype(np.uint8)
_STRIDE_PX = 4096  # pixels of a box that are looked at
_INK_SHARE = 0.003
_LINE_EMS = 1.15  # height of a line, in the size of its font
_LETTER_EMS = (0.53, 0.2, 0.21)  # small letters, what rises above, what hangs below
_HANGING = re.compile(r"[gjpqyQ,;()]")
_RISING = re.compile(r"[^acegmnopqrsuvwxyz\W]")
_SIZES_PX = np.array([8, 9, 10, 11, 12, 13, 14, 16, 18, 20, 24, 32, 48, 64, 96, 144])
_EDGE_PX = 3
_LEAST_PX = (96, 40)  # width and height of a container that is told
_BAR_PX = (48, 16)  # or of one that goes across most of what holds it
_ACROSS = 0.8
_BORDER = 0.7  # of the pixels round a box have the colour of its border
_LEAST_LETTER_PX = 4


def runs_of(
    nodes: Iterable[Node], screen: Pixels, show: Callable[[str], str]
) -> tuple[list[TextRun], bool]:
    """Return the grounds, the controls and the lines of text of a tree.

    Args:
        nodes: `[role, name, x, y, width, height, states]`, those of a level before
            those below, boxes in root pixels.
        screen: uint8 (height, width, 3), RGB, the root window as it was.
        show: The episode's naming, at the level in force.

    Returns:
        The runs, each before what stands in it, and whether some were left out.
    """
    known = [node for node in nodes if _box(node, screen) is not None]
    texts = {id(node) for node in _lines(known)}
    found = _grounds(known, screen)
    for node in known:
        if node[0] in CONTROLS:
            found.append(_control(node, screen))
        if id(node) in texts and not _is_icon(node):
            found.append(_text(node, screen, show))
    return found[:_MOST_RUNS], len(found) > _MOST_RUNS


def _grounds(nodes: Iterable[Node], screen: Pixels) -> list[TextRun]:
    """Return the containers that look other than what they stand in.

    The ink is the colour of the border; without one it is the ground. One that is no
    larger than a line of text may have the width of a text: it is left out, unless it
    goes across what holds it, as title bars do.
    """
    found: list[TextRun] = []
    holders: list[Box] = []
    for node in nodes:
        x, y, width, height = box = _box(node, screen) or (0, 0, 0, 0)
        if node[0] not in CONTAINERS or width < _BAR_PX[0] or height < _BAR_PX[1]:
            continue
        room_px = [one[2] for one in holders if _is_within(box, one)]
        is_across = bool(room_px) and width >= _ACROSS * room_px[-1]
        is_large = width >= _LEAST_PX[0] and height >= _LEAST_PX[1]
        if not is_large and not is_across:
            continue
        holders.append(box)
        part = screen[y : y + height, x : x + width]
        ground, border = colours(part)[1], _border(part)
        around = [run for run in found if _is_within(box, _box_of(run))]
        if not around or around[-1].ground != ground or border not in {None, ground}:
            found.append(TextRun(*box, str(node[0]), "", 0, border or ground, ground))
    return found


def _border(part: Pixels) -> Rgb | None:
    """Return the one colour of the outermost pixels of a box, corners left out."""
    sides = (part[0, 4:-4], part[-1, 4:-4], part[4:-4, 0], part[4:-4, -1])
    ring = np.concatenate(sides)
    colour = _usual(ring)
    same = (np.abs(ring.astype(np.int16) - colour).max(1) <= _COLOUR_STEP).mean()
    return colour if same >= _BORDER else None


def _box_of(run: TextRun) -> Box:
    return run.x_px, run.y_px, run.width_px, run.height_px


def _is_within(box: Box, outer: Box) -> bool:
    across = outer[0] <= box[0] and box[0] + box[2] <= outer[0] + outer[2]
    return across and outer[1] <= box[1] and box[1] + box[3] <= outer[1] + outer[3]


def _lines(nodes: Sequence[Node]) -> list[Node]:
    """Return the nodes that are drawn as text: words, else the innermost with a name.

    A button and the text in it have the same name, a paragraph and its words too: the
    smaller box is where the letters are. A text of several words without their boxes
    may have several lines: it is left out.
    """
    named = [node for node in nodes if _is_named(node)]
    words = [node for node in named if node[0] == "word"]
    inner = [node for node in named if node[0] != "word"]
    return words + [
        node
        for node in inner
        if not any(_stands_in(word, node) for word in words)
        and not any(
            other is not node
            and str(other[1]).strip() in str(node[1])
            and _stands_in(other, node)
            and _area(other) < _area(node)
            for other in inner
        )
        and not (node[0] in _WORDED and " " in str(node[1]).strip())
    ]


def _is_named(node: Node) -> bool:
    return (
        any(letter.isalnum() for letter in str(node[1]))
        and node[0] not in ENTRIES
        and node[0] not in CONTAINERS
    )


def _is_icon(node: Node) -> bool:
    """Whether a control has no room for its name: it shows a picture instead."""
    room_px = int(node[4]) - 2 * _EDGE_PX
    return node[0] in CONTROLS and room_px < _LEAST_LETTER_PX * len(
        str(node[1]).strip()
    )


def _stands_in(inner: Node, outer: Node) -> bool:
    x, y = inner[2] + inner[4] / 2, inner[3] + inner[5] / 2
    across = outer[2] <= x < outer[2] + outer[4]
    return bool(across and outer[3] <= y < outer[3] + outer[5])


def _area(node: Node) -> int:
    return int(node[4]) * int(node[5])


def _box(node: Node, screen: Pixels) -> Box | None:
    """Return what of a node's box lies on the screen; None for nothing."""
    height_px, width_px = screen.shape[:2]
    x, y, width, height = (int(value) for value in node[2:6])
    left, top = max(0, x), max(0, y)
    right, bottom = min(width_px, x + width), min(height_px, y + height)
    if right - left < 2 or bottom - top < 2:
        return None
    return left, top, right - left, bottom - top


def _control(node: Node, screen: Pixels) -> TextRun:
    box = _box(node, screen) or (0, 0, 0, 0)
    x, y, width, height = box
    part = screen[y : y + height, x : x + width]
    edge = np.concatenate([part[0], part[-1], part[:, 0], part[:, -1]])
    ink, ground = _usual(edge), colours(part)[1]
    return TextRun(*box, str(node[0]), "", 0, ink, ground)


def _text(node: Node, screen: Pixels, show: Callable[[str], str]) -> TextRun:
    """Return a line of text: in its control, or in a box on the grid."""
    x, y, width, height = box = _box(node, screen) or (0, 0, 0, 0)
    part = screen[y : y + height, x : x + width]
    ink, ground = colours(part)
    size = height / _LINE_EMS
    if node[0] in CONTROLS:
        part = part[_EDGE_PX:-_EDGE_PX, _EDGE_PX:-_EDGE_PX]
        ink, ground = colours(part) if part.size else (ink, ground)
        size = _letters_px(part, ground) / _letters_ems(str(node[1]))
    else:
        left, right = x // GRID_PX * GRID_PX, -(-(x + width) // GRID_PX) * GRID_PX
        box = left, y, right - left, height
    font = int(_SIZES_PX[np.abs(_SIZES_PX - size).argmin()])
    return TextRun(*box, str(node[0]), show(str(node[1])), font, ink, ground)


def _letters_px(part: Pixels, ground: Rgb) -> int:
    """Return how many rows lie between the first and the last with something in it."""
    if not part.size:
        return 0
    far = np.abs(part.astype(np.int16) - np.array(ground)).max(2) > 4 * _COLOUR_STEP
    rows = np.flatnonzero(far.any(1))
    return int(rows[-1] - rows[0] + 1) if len(rows) else 0


def _letters_ems(text: str) -> float:
    """Return how high a text's letters are together, in the size of its font."""
    small, above, below = _LETTER_EMS
    rises, hangs = _RISING.search(text), _HANGING.search(text)
    return small + (above if rises else 0) + (below if hangs else 0)


def colours(part: Pixels) -> tuple[Rgb, Rgb]:
    """Return ink and ground of a box: the usual colour and the one furthest from it.

    Colours are told in 16 levels a channel.

    Args:
        part: uint8 (height, width, 3), RGB.
    """
    flat = part.reshape(-1, 3)
    flat = flat[:: max(1, len(flat) // _STRIDE_PX)]
    all_counts = np.bincount(_LEVELS[flat].astype(np.intp) @ (256, 16, 1))
    codes = np.flatnonzero(all_counts)
    counts = all_counts[codes]
    shades = np.stack([codes // 256, codes // 16 % 16, codes % 16], 1)
    ground = shades[counts.argmax()]
    frequent = shades[counts >= max(1, _INK_SHARE * counts.sum())]
    ink = frequent[np.abs(frequent - ground).sum(1).argmax()]
    return _rgb(ink), _rgb(ground)


def _usual(pixels: Pixels) -> Rgb:
    return colours(pixels.reshape(1, -1, 3))[1]


def _rgb(levels: Any) -> Rgb:
    red, green, blue = (int(level) * _COLOUR_STEP for level in levels)
    return red, green, blue
