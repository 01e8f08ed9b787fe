"""A picture masked at a level, with where the cover lies and what is left in it.

Stage: masking of pixels, whole pictures. Input: a picture. Output: `Painted`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from overt.redact.pixels.masker import Masker
from overt.redact.pixels.words import reader

if TYPE_CHECKING:
    from collections.abc import Callable

    from overt.protocol.records import Pixels
    from overt.redact.pixels.masker import Box


@dataclass(frozen=True, slots=True)
class Painted:
    """A masked picture.

    Attributes:
        rgb: Its pixels, uint8 (height, width, 3).
        boxes: What is covered, in pixels.
        revealed: Words inside these boxes that are left to be read.
    """

    rgb: Pixels
    boxes: list[Box]
    revealed: list[Box]


def painter(level: str, lang: str = "en") -> Callable[[Pixels], Painted]:
    """Return what masks pictures at a level.

    Args:
        level: `words` leaves common words where they can be read with confidence;
            any other leaves none.
        lang: Language of the words.
    """
    read = reader(lang) if level == "words" else None

    def paint(rgb: Pixels) -> Painted:
        masker = Masker(rgb)
        painted = masker.paint(rgb, masker.whole)
        words = read(rgb, masker.boxes) if read is not None else []
        for x0, y0, x1, y1 in words:
            painted[y0:y1, x0:x1] = rgb[y0:y1, x0:x1]
        return Painted(np.ascontiguousarray(painted), masker.boxes, words)

    return paint
