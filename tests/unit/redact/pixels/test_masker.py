"""No glyph survives masking; plain areas, long edges and boxes stay."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from overt.protocol.errors import DataError
from overt.redact.pixels import FILL, Masker, mask, text_mask

FONTS = "/usr/share/fonts/truetype/dejavu/DejaVu"
TEXT = "Ågnes Müller 4929-1234 il1.,'"


def picture(
    text: str,
    size: int,
    ink: tuple[int, ...] = (0, 0, 0),
    ground: tuple[int, ...] = (255, 255, 255),
    font: str = "Sans",
) -> np.ndarray:
    image = Image.new("RGB", (900, 260), ground)
    face = ImageFont.truetype(f"{FONTS}{font}.ttf", size)
    ImageDraw.Draw(image).text((24, 20), text, font=face, fill=ink)
    return np.array(image)


def left_over(rgb: np.ndarray, ground: tuple[int, ...] = (255, 255, 255)) -> int:
    """Pixels that are neither the fill nor the ground."""
    is_fill = (rgb == FILL).all(axis=2)
    is_ground = (rgb == ground).all(axis=2)
    return int((~is_fill & ~is_ground).sum())


@pytest.mark.parametrize("font", ["Sans-Bold", "SansMono", "Serif"])
@pytest.mark.parametrize("size", [7, 9, 16, 48, 96, 200])
def test_black_on_white_leaves_nothing(font: str, size: int) -> None:
    before = picture(TEXT, size, font=font)
    assert left_over(before) > 0
    assert left_over(mask(before)) == 0


@pytest.mark.parametrize("text", ["HILL TITLE", "l", "I", "--=", "BDO8"])
@pytest.mark.parametrize("size", [56, 100, 200])
@pytest.mark.parametrize("font", ["Sans", "Sans-Bold"])
def test_letters_of_straight_strokes_leave_nothing(
    text: str, size: int, font: str
) -> None:
    assert left_over(mask(picture(text, size, font=font))) == 0


@pytest.mark.parametrize(
    ("ink", "ground"),
    [
        ((255, 255, 255), (0, 0, 0)),
        ((200, 0, 0), (0, 0, 200)),
        ((0, 128, 0), (128, 0, 128)),
        ((118, 118, 118), (255, 255, 255)),
        ((240, 240, 240), (255, 255, 255)),  # a faint hint
        ((255, 255, 243), (255, 255, 255)),  # seen in one channel alone
        (FILL, (255, 255, 255)),  # the colour of the cover itself
    ],
)
@pytest.mark.parametrize("size", [9, 120])
def test_colours_and_faint_text_leave_nothing(
    ink: tuple[int, ...], ground: tuple[int, ...], size: int
) -> None:
    before = picture(TEXT, size, ink, ground)
    covered = text_mask(before)
    step = np.abs(before.astype(int) - ground).max(axis=2)
    assert covered[step >= 12].all()
    assert (mask(before)[covered] == FILL).all()


@pytest.mark.parametrize("angle", [3, 18, 45, 90, 180, 270])
def test_turned_text_leaves_nothing(angle: int) -> None:
    turned = Image.fromarray(picture("Jane Doe HILL", 60)).rotate(
        angle, expand=True, fillcolor=(255, 255, 255), resample=Image.Resampling.BICUBIC
    )
    covered = text_mask(np.array(turned))
    assert covered[np.array(turned).min(axis=2) <= 243].all()


def test_text_at_the_border_is_covered() -> None:
    image = Image.new("RGB", (61, 21), "white")
    face = ImageFont.truetype(f"{FONTS}Sans.ttf", 16)
    ImageDraw.Draw(image).text((-6, -4), "Wgjy W", font=face, fill="black")
    assert left_over(mask(np.array(image))) == 0


def test_masked_words_of_one_size_look_alike() -> None:
    pictures = [
        mask(picture(word, 14, font="SansMono")) for word in ("HNMHNM", "MNHMNH")
    ]
    assert np.array_equal(*pictures)


@pytest.mark.parametrize("size", [9, 14, 30, 64, 130, 200])
def test_the_cover_of_a_word_is_one_rectangle(size: int) -> None:
    covered = text_mask(picture("Holy", size))
    rows, columns = covered.any(axis=1), covered.any(axis=0)
    assert covered[rows][:, columns].all()


def form() -> np.ndarray:
    """A card with a field, a button, a table and words."""
    image = Image.new("RGB", (900, 500), (245, 246, 248))
    pen = ImageDraw.Draw(image)
    face = ImageFont.truetype(f"{FONTS}Sans.ttf", 14)
    pen.rounded_rectangle((40, 30, 860, 460), 8, fill="white", outline=(221,) * 3)
    pen.rounded_rectangle((70, 60, 330, 96), 4, fill="white", outline=(150,) * 3)
    pen.text((80, 70), "Jane Doe", font=face, fill="black")
    pen.rounded_rectangle((350, 60, 470, 96), 6, fill=(30, 90, 220))
    pen.text((372, 70), "Save now", font=face, fill="white")
    for y in range(140, 301, 32):
        pen.line((70, y, 830, y), fill=(200,) * 3)
        pen.text((80, y + 8), "Miller 4711", font=face, fill="black")
    for x in (70, 300, 830):
        pen.line((x, 140, x, 300), fill=(200,) * 3)
    return np.array(image)


@pytest.mark.parametrize(
    ("what", "rows", "columns"),
    [
        ("top of the card", slice(30, 31), slice(60, 840)),
        ("side of the card", slice(50, 440), slice(40, 41)),
        ("top of the field", slice(60, 61), slice(80, 320)),
        ("top of the button", slice(59, 62), slice(360, 460)),
        ("line of the table", slice(172, 173), slice(72, 828)),
        ("upright of the table", slice(142, 298), slice(300, 301)),
        ("plain ground", slice(380, 450), slice(60, 840)),
    ],
)
def test_layout_stays(what: str, rows: slice, columns: slice) -> None:
    before = form()
    assert np.array_equal(mask(before)[rows, columns], before[rows, columns]), what


def test_words_in_the_form_do_not_stay() -> None:
    covered = text_mask(form())
    for x0, y0, x1, y1 in [(80, 70, 142, 86), (372, 70, 440, 86), (80, 148, 160, 164)]:
        assert covered[y0:y1, x0:x1].all()


def test_noise_as_in_a_photograph_is_covered() -> None:
    generator = np.random.default_rng(1)
    before = np.full((300, 400, 3), 200, np.uint8)
    before[60:240, 80:320] = generator.normal(120, 3, (180, 240, 3)).astype(np.uint8)
    assert text_mask(before)[62:238, 82:318].all()


def test_input_is_untouched_and_checked() -> None:
    before = picture("x", 12)
    kept = before.copy()
    mask(before)
    assert np.array_equal(before, kept)
    assert mask(np.zeros((0, 5, 3), np.uint8)).shape == (0, 5, 3)
    assert mask(np.zeros((1, 1, 3), np.uint8)).shape == (1, 1, 3)
    for wrong in (np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)):
        with pytest.raises(DataError, match="uint8"):
            mask(wrong)
    with pytest.raises(DataError, match="size"):
        Masker(before).update(before[1:], [(0, 0, 1, 1)])


coordinate = st.integers(0, 240)
shape = st.tuples(
    st.sampled_from(["text", "box", "fill", "line", "noise"]),
    coordinate,
    coordinate,
    st.integers(1, 240),
    st.integers(1, 120),
    st.sampled_from([(0, 0, 0), (255, 255, 255), FILL, (240, 240, 255), (9, 90, 200)]),
)


def draw(rgb: np.ndarray, what: tuple) -> tuple[int, int, int, int]:
    """Draw one thing; return a box round all that it changed."""
    kind, x, y, width, height, colour = what
    image = Image.fromarray(rgb)
    pen = ImageDraw.Draw(image)
    box = (x, y, min(x + width, rgb.shape[1]), min(y + height, rgb.shape[0]))
    if kind == "text":
        face = ImageFont.truetype(f"{FONTS}Sans.ttf", 6 + height // 2)
        pen.text((x, y), "Hg9 l", font=face, fill=colour)
        box = (0, 0, rgb.shape[1], rgb.shape[0])
    elif kind == "line":
        pen.line((x, y, box[2] - 1, y), fill=colour)
    elif kind == "noise":
        size = (box[3] - box[1], box[2] - box[0], 3)
        noise = np.random.default_rng(x).integers(0, 255, size, np.uint8)
        image.paste(Image.fromarray(noise), box[:2])
    else:
        outline = (0, 0, 90) if kind == "box" else None
        corner = (max(x, box[2] - 1), max(y, box[3] - 1))
        pen.rectangle((x, y, *corner), fill=colour, outline=outline)
    rgb[:] = np.array(image)
    right, bottom = min(box[2] + 1, rgb.shape[1]), min(box[3] + 1, rgb.shape[0])
    return (box[0], box[1], right, bottom)  # an outline of nothing is drawn beyond


@settings(deadline=None, max_examples=20)
@given(st.lists(shape, min_size=1, max_size=8))
def test_what_is_masked_in_parts_is_what_is_masked_at_once(shapes: list) -> None:
    rgb = np.full((241, 243, 3), 255, np.uint8)
    masker = Masker(rgb)
    shown = masker.paint(rgb, masker.whole)
    for one in shapes:
        for x0, y0, x1, y1 in masker.update(rgb, [draw(rgb, one)]):
            shown[y0:y1, x0:x1] = masker.paint(rgb, (x0, y0, x1, y1))
        assert np.array_equal(shown, mask(rgb))


def test_a_picture_beside_an_earlier_cover_is_covered_in_every_part() -> None:
    rgb = np.full((241, 243, 3), 255, np.uint8)
    masker = Masker(rgb)
    shown = masker.paint(rgb, masker.whole)
    white = (240, 240, 255)
    for one in (
        ("line", 4, 83, 157, 112, white),
        ("fill", 4, 40, 52, 110, FILL),
        ("noise", 200, 34, 87, 55, white),
    ):
        for x0, y0, x1, y1 in masker.update(rgb, [draw(rgb, one)]):
            shown[y0:y1, x0:x1] = masker.paint(rgb, (x0, y0, x1, y1))
    assert np.array_equal(shown, mask(rgb))


@settings(deadline=None, max_examples=20)
@given(st.lists(shape, min_size=1, max_size=8))
def test_masking_again_reveals_nothing(shapes: list) -> None:
    rgb = np.full((241, 243, 3), 255, np.uint8)
    for one in shapes:
        draw(rgb, one)
    once = mask(rgb)
    again = mask(once)
    hidden = (again == FILL).all(axis=2)
    assert hidden[(once == FILL).all(axis=2)].all()
    assert np.array_equal(again[~hidden], once[~hidden])
