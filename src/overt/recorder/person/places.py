"""Where the indicator belongs: the top right corner of each monitor.

Input: an X display with RANDR. Output: places in root pixels. It shows nothing and
looks at nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from Xlib.ext import randr

from overt.desktop.types import Rect
from overt.recorder.person.badge import HEIGHT_PX, MARGIN_PX, WIDTH_PX

if TYPE_CHECKING:
    from Xlib import display as xdisplay


def monitors(display: xdisplay.Display) -> list[Rect]:
    """Return the monitors of a display; the whole screen where none is known.

    Monitors that show the same are one.
    """
    root = display.screen().root
    found: list[Rect] = []
    if display.has_extension("RANDR"):
        for one in randr.get_monitors(root, is_active=True).monitors:
            rect = Rect(one.x, one.y, one.width_in_pixels, one.height_in_pixels)
            if rect.width and rect.height and rect not in found:
                found.append(rect)
    if found:
        return found
    whole = root.get_geometry()
    return [Rect(0, 0, whole.width, whole.height)]


def places(display: xdisplay.Display) -> list[Rect]:
    """Return where a badge belongs on each monitor: its top right corner."""
    return [
        Rect(
            max(one.right - WIDTH_PX - MARGIN_PX, one.x),
            one.y + MARGIN_PX,
            WIDTH_PX,
            HEIGHT_PX,
        )
        for one in monitors(display)
    ]
