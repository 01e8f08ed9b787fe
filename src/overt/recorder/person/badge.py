"""What the indicator shows, as pixels: a pure function of the recorder's state.

Input: a state in words. Output: an RGB bitmap of a fixed size, the same bytes in the
process that shows it and in the recorder that checks that it is seen. The font comes
with Pillow, so that no machine's fonts matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from overt.protocol.records import Pixels

WIDTH_PX, HEIGHT_PX = 170, 24
MARGIN_PX = 4
Tone = Literal["red", "amber", "grey"]
_DOTS: dict[Tone, tuple[int, int, int]] = {
    "red": (226, 53, 58),
    "amber": (240, 170, 40),
    "grey": (150, 154, 162),
}
_PAPER, _INK, _EDGE = (24, 26, 31), (244, 245, 247), (92, 96, 106)
_TEXT_X, _FONT_PX, _SCALE = 24, 12, 4


@dataclass(frozen=True, slots=True)
class Badge:
    """What the indicator says.

    Attributes:
        tone: `red` records, `amber` is paused, `grey` does not record.
        text: In a few words; cut where it does not fit.
    """

    tone: Tone
    text: str


@lru_cache(maxsize=16)
def draw_badge(badge: Badge) -> Pixels:
    """Return a badge's pixels, uint8 (24, 170, 3)."""
    image = Image.new("RGB", (WIDTH_PX, HEIGHT_PX), _PAPER)
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, 0, WIDTH_PX - 1, HEIGHT_PX - 1), outline=_EDGE)
    image.paste(_dot(_DOTS[badge.tone]), (7, 6))
    font = ImageFont.load_default(_FONT_PX)
    text = _cut(badge.text, font)
    pen.text((_TEXT_X, HEIGHT_PX / 2), text, _INK, font, anchor="lm")
    return np.asarray(image).copy()


def _dot(colour: tuple[int, int, int]) -> Image.Image:
    side = 12 * _SCALE
    large = Image.new("RGB", (side, side), _PAPER)
    ImageDraw.Draw(large).ellipse(
        (_SCALE, _SCALE, side - _SCALE, side - _SCALE), colour
    )
    return large.resize((12, 12), Image.Resampling.LANCZOS)


def _cut(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    room = WIDTH_PX - _TEXT_X - 6
    plain = text.encode("ascii", "replace").decode()
    if font.getlength(plain) <= room:
        return plain
    while plain and font.getlength(plain + "...") > room:
        plain = plain[:-1]
    return plain.rstrip() + "..."
