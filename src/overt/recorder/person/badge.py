"""What the indicator shows, as pixels: a pure function of the recorder's state.

Input: a state in words. Output: an RGB bitmap of a fixed size, the same bytes in the
process that shows it and in the recorder that checks that it is seen. The font comes
with Pillow, so that no machine's fonts matter. numpy is loaded by `draw_badge` alone:
the process that shows badges does without.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from overt.protocol.records import Pixels

WIDTH_PX, HEIGHT_PX = 190, 24
MARGIN_PX = 4
MENU_PX = 22  # at the right end: opens the control window
Tone = Literal["red", "amber", "grey", "alarm"]
_DOTS: dict[Tone, tuple[int, int, int]] = {
    "red": (226, 53, 58),
    "amber": (240, 170, 40),
    "grey": (150, 154, 162),
    "alarm": (255, 255, 255),
}
_ALARM = (186, 22, 28)
_PAPER, _INK, _EDGE = (24, 26, 31), (244, 245, 247), (92, 96, 106)
_TEXT_X, _FONT_PX, _SCALE = 24, 12, 4
_NEWS_PX = 14  # what the mark takes of the text's room


@dataclass(frozen=True, slots=True)
class Badge:
    """What the indicator says.

    Attributes:
        tone: A `red` dot records, an `amber` one is paused, a `grey` one does not
            record; all red is `alarm`: it should be written, and is not.
        text: In a few words; cut where it does not fit.
        has_news: Whether an amber mark before the menu says that there is a notice.
    """

    tone: Tone
    text: str
    has_news: bool = False


@lru_cache(maxsize=16)
def draw_badge(badge: Badge) -> Pixels:
    """Return a badge's pixels, uint8 (24, 190, 3)."""
    import numpy as np

    return np.asarray(drawn(badge)).copy()


@lru_cache(maxsize=16)
def drawn(badge: Badge) -> Image.Image:
    """Return a badge as an RGB picture; whoever has it does not change it."""
    paper = _ALARM if badge.tone == "alarm" else _PAPER
    image = Image.new("RGB", (WIDTH_PX, HEIGHT_PX), paper)
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, 0, WIDTH_PX - 1, HEIGHT_PX - 1), outline=_EDGE)
    image.paste(_dot(_DOTS[badge.tone], paper), (7, 6))
    for row in (8, 12, 16):
        pen.line((WIDTH_PX - MENU_PX + 6, row, WIDTH_PX - 7, row), _INK)
    font = ImageFont.load_default(_FONT_PX)
    if badge.has_news:
        image.paste(_dot(_DOTS["amber"], paper), (WIDTH_PX - MENU_PX - 12, 6))
        middle = WIDTH_PX - MENU_PX - 7
        pen.rectangle((middle, 8, middle + 1, 12), _PAPER)
        pen.rectangle((middle, 14, middle + 1, 15), _PAPER)
    text = _cut(badge.text, font, _NEWS_PX if badge.has_news else 0)
    pen.text((_TEXT_X, HEIGHT_PX / 2), text, _INK, font, anchor="lm")
    return image


def _dot(colour: tuple[int, int, int], paper: tuple[int, int, int]) -> Image.Image:
    side = 12 * _SCALE
    large = Image.new("RGB", (side, side), paper)
    ImageDraw.Draw(large).ellipse(
        (_SCALE, _SCALE, side - _SCALE, side - _SCALE), colour
    )
    return large.resize((12, 12), Image.Resampling.LANCZOS)


def _cut(
    text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, taken_px: int
) -> str:
    room = WIDTH_PX - _TEXT_X - MENU_PX - taken_px
    plain = text.encode("ascii", "replace").decode()
    if font.getlength(plain) <= room:
        return plain
    while plain and font.getlength(plain + "...") > room:
        plain = plain[:-1]
    return plain.rstrip() + "..."
