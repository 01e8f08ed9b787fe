"""A screenshot by plain XGetImage: slow, simple, independent of the screen lane.

Input: a display. Output: the pixels of its root window. Tests and workers use it to
check the recorder, so it shares no code with the recorder's lane.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from Xlib import X

from overt.desktop.x11.wire import connect
from overt.protocol.errors import CaptureError

if TYPE_CHECKING:
    from overt.protocol.records import Pixels


def screenshot(name: str | None) -> Pixels:
    """The root window of a display (`None`: $DISPLAY) as RGB (height, width, 3).

    Raises:
        CaptureError: The display cannot be opened or has no 24-bit colour.
    """
    display = connect(name)
    try:
        return root_pixels(display.screen().root)
    finally:
        display.close()


def root_pixels(root: Any) -> Pixels:
    """The pixels of a root window as RGB (height, width, 3).

    Raises:
        CaptureError: The display has no 24-bit colour.
    """
    size = root.get_geometry()
    if size.depth not in {24, 32}:
        raise CaptureError(f"The display has a depth of {size.depth} bits, not 24.")
    image = root.get_image(0, 0, size.width, size.height, X.ZPixmap, 0xFFFFFFFF)
    words = np.frombuffer(image.data, np.uint8)
    shaped = words.reshape(size.height, size.width, 4)
    return np.ascontiguousarray(shaped[:, :, 2::-1])
