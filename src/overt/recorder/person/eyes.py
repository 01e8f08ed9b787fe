"""Whether the indicator is really on the screen: a badge in its place on each monitor.

Input: an X display, the badges that may stand there. Output: whether the pixels are
those of one of them. It never shows anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from Xlib import X
from Xlib import error as xerror

from overt.desktop.x11.wire import connect
from overt.recorder.person.badge import Badge, draw_badge
from overt.recorder.person.places import places

if TYPE_CHECKING:
    from collections.abc import Sequence

    from overt.desktop.types import Rect
    from overt.protocol.records import Pixels

_SEEN_SHARE = 0.97  # of the badge's pixels must be right: a tooltip may hide a corner
_FAULTS = (xerror.ConnectionClosedError, xerror.XError, OSError)


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
