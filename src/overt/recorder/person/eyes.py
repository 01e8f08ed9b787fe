"""Where the indicator belongs: one badge on each monitor, and whether it is there.

Input: an X display with RANDR. Output: places in root pixels, and the pixels that stand
there. It never shows anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from Xlib import X
from Xlib import error as xerror
from Xlib.ext import randr

from overt.desktop.types import Rect
from overt.desktop.x11.wire import connect
from overt.recorder.person.badge import (
    HEIGHT_PX,
    MARGIN_PX,
    WIDTH_PX,
    Badge,
    draw_badge,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from Xlib import display as xdisplay

    from overt.protocol.records import Pixels

_SEEN_SHARE = 0.97  # of the badge's pixels must be right: a tooltip may hide a corner
_FAULTS = (xerror.ConnectionClosedError, xerror.XError, OSError)


def monitors(display: xdisplay.Display) -> list[Rect]:
    """Return the monitors of a display; the whole screen where none is known.

    Monitors that show the same are one.
    """
    root = display.screen().root
    whole = root.get_geometry()
    found: list[Rect] = []
    if display.has_extension("RANDR"):
        for one in randr.get_monitors(root, is_active=True).monitors:
            rect = Rect(one.x, one.y, one.width_in_pixels, one.height_in_pixels)
            if rect.width and rect.height and rect not in found:
                found.append(rect)
    return found or [Rect(0, 0, whole.width, whole.height)]


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


def indicator_seen(shown: Pixels, badges: Sequence[Badge]) -> bool:
    """Whether pixels from the indicator's place show one of these badges.

    Args:
        shown: uint8 (24, 190, 3), as on the screen.
        badges: What may stand there: the newest badge and the one before.
    """
    drawn = [draw_badge(badge) for badge in reversed(badges)]
    if any(np.array_equal(shown, each) for each in drawn):
        return True
    return any(
        float((shown == each).all(axis=2).mean()) >= _SEEN_SHARE for each in drawn
    )


class Eyes:
    """Looks at the screen for the indicator, over a connection of its own."""

    def __init__(self, display: str) -> None:
        """Connect.

        Raises:
            CaptureError: The display cannot be opened.
        """
        self._display = connect(display)

    def close(self) -> None:
        """Disconnect."""
        self._display.close()

    def places(self) -> list[Rect]:
        """Return where badges belong now; none where the display is gone."""
        try:
            return places(self._display)
        except _FAULTS:
            return []

    def sees(self, badges: Sequence[Badge]) -> bool:
        """Whether every monitor shows one of these badges in its place."""
        spots = self.places()
        return bool(spots) and all(self._shows(spot, badges) for spot in spots)

    def _shows(self, spot: Rect, badges: Sequence[Badge]) -> bool:
        try:
            shown = self._grab(spot)
        except _FAULTS:
            return False
        return shown is not None and indicator_seen(shown, badges)

    def _grab(self, rect: Rect) -> Pixels | None:
        """Return the pixels of a rectangle of the root window; None if it is off it."""
        root = self._display.screen().root
        whole = root.get_geometry()
        if rect.right > whole.width or rect.bottom > whole.height:
            return None
        image = root.get_image(
            rect.x, rect.y, rect.width, rect.height, X.ZPixmap, 0xFFFFFFFF
        )
        raw = np.frombuffer(image.data, np.uint8).reshape(rect.height, rect.width, 4)
        return np.ascontiguousarray(raw[:, :, 2::-1])
