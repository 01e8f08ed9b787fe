"""No edge of a glyph survives masking; plain areas keep their colour."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from overt.protocol.errors import DataError
from overt.redact.pixels import mask, text_mask

FILL = (128, 128, 128)
FONTS = "/usr/share/fonts/truetype/dejavu/DejaVu"
TEXT = "Ågnes Müller 4929-1234 il1.,'"


def picture(
    text: str, size: int, ink: tuple[int, ...], ground: tuple[int, ...], font: str
) -> np.ndarray:
    image = Image.new("RGB", (900, 240), ground)
    face = ImageFont.truetype(f"{FONTS}{font}.ttf", size)
    ImageDraw.Draw(image).text((24, 30), text, font=face, fill=ink)
    return np.array(image)


def left_over(rgb: np.ndarray, ground: tuple[int, ...]) -> int:
    """Pixels that are neither the fill nor the ground."""
    is_fill = (rgb == FILL).all(axis=2)
    is_ground = (rgb == ground).all(axis=2)
    return int((~is_fill & ~is_ground).sum())


@pytest.mark.parametrize("font", ["Sans", "Sans-Bold", "SansMono", "Serif"])
@pytest.mark.parametrize("size", [7, 11, 16, 24, 48, 96])
def test_black_on_white_leaves_nothing(font: str, size: int) -> None:
    before = picture(TEXT, size, (0, 0, 0), (255, 255, 255), font)
    assert left_over(before, (255, 255, 255)) > 0
    assert left_over(mask(before), (255, 255, 255)) == 0


@pytest.mark.parametrize(
    ("ink", "ground"),
    [
        ((255, 255, 255), (0, 0, 0)),
        ((200, 0, 0), (0, 0, 200)),
        ((0, 128, 0), (128, 0, 128)),
        ((118, 118, 118), (255, 255, 255)),
        ((240, 240, 240), (255, 255, 255)),  # a faint hint
        ((255, 255, 245), (255, 255, 255)),  # seen in one channel alone
    ],
)
def test_colours_and_faint_text_leave_nothing(
    ink: tuple[int, ...], ground: tuple[int, ...]
) -> None:
    before = picture(TEXT, 15, ink, ground, "Sans")
    covered = text_mask(before) > 0
    step = np.abs(before.astype(int) - ground).max(axis=2)
    assert covered[step >= 8].all()
    assert np.array_equal(mask(before)[covered], np.full((covered.sum(), 3), 128))


def test_text_at_the_border_is_covered() -> None:
    image = Image.new("RGB", (60, 20), "white")
    face = ImageFont.truetype(f"{FONTS}Sans.ttf", 16)
    ImageDraw.Draw(image).text((-6, -4), "Wgjy W", font=face, fill="black")
    assert left_over(mask(np.array(image)), (255, 255, 255)) == 0


def test_masked_words_of_one_size_look_alike() -> None:
    pictures = [
        mask(picture(word, 14, (0, 0, 0), (255, 255, 255), "SansMono"))
        for word in ("HNMHNM", "MNHMNH")
    ]
    assert np.array_equal(*pictures)


def test_plain_areas_and_their_colours_stay() -> None:
    before = np.full((200, 300, 3), 255, np.uint8)
    before[40:160, 50:250] = (30, 90, 200)
    after = mask(before)
    assert np.array_equal(after[60:140, 70:230], before[60:140, 70:230])
    assert np.array_equal(after[:30], before[:30])


def test_input_is_untouched_and_checked() -> None:
    before = picture("x", 12, (0, 0, 0), (255, 255, 255), "Sans")
    kept = before.copy()
    mask(before)
    assert np.array_equal(before, kept)
    assert mask(np.zeros((0, 5, 3), np.uint8)).shape == (0, 5, 3)
    for wrong in (np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)):
        with pytest.raises(DataError, match="uint8"):
            mask(wrong)
