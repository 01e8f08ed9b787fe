"""A word is left only where it is read twice and allowed; any doubt leaves none."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from overt.redact.pixels import FILL, Masker, WordMasker, mask, painter, words
from overt.redact.pixels.words import Lexicon, has_ocr, reader

if TYPE_CHECKING:
    from collections.abc import Sequence

FACE = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
LINE = "Save Rosemary 48290066"
ALLOWED = {"Save", "Open"}


def picture(text: str = LINE, size: int = 16) -> np.ndarray:
    image = Image.new("RGB", (300, 60), "white")
    face = ImageFont.truetype(FACE, size)
    ImageDraw.Draw(image).text((20, 20), text, font=face, fill=(20, 20, 20))
    return np.array(image)


class Ocr:
    """Reads what it is told that a picture of a width shows."""

    def __init__(self, text: str = LINE, sure: float = 0.99) -> None:
        self.text, self.sure, self.calls = text, sure, 0
        face = ImageFont.truetype(FACE, 16)
        self._widths = {word: face.getlength(word) for word in text.split()}

    def __call__(self, line: np.ndarray) -> tuple[str, float]:
        self.calls += 1
        wide = line.shape[1] - 14
        near = min(self._widths, key=lambda word: abs(self._widths[word] - wide))
        alone = abs(self._widths[near] - wide) < 8
        return (near if alone else self.text), self.sure


def allows(line: Sequence[str]) -> list[bool]:
    return [word in ALLOWED for word in line]


def left(ocr: Ocr, rgb: np.ndarray) -> list[tuple[int, ...]]:
    (box,) = Masker(rgb).boxes
    x0, y0, x1, y1 = box
    lexicon = Lexicon(ocr=ocr, allows=allows)
    found = lexicon.read(np.ascontiguousarray(rgb[y0:y1, x0:x1]))
    return [(x0 + a, y0 + b, x0 + c, y0 + d) for a, b, c, d in found]


def test_an_allowed_word_is_left_and_its_box_holds_it_alone() -> None:
    rgb = picture()
    ((x0, y0, x1, y1),) = left(Ocr(), rgb)
    save = ImageFont.truetype(FACE, 16).getlength("Save")
    assert x0 <= 21
    assert 20 + save - 3 <= x1 <= 20 + save + 3
    assert (rgb[y0, x0:x1] == 255).all()
    assert (rgb[y0:y1, x1 - 1] == 255).all()


@pytest.mark.parametrize(
    "ocr",
    [
        Ocr(sure=0.9),
        Ocr(text="Save"),  # a line with more on it than is read
        Ocr(text="Save Rosemary"),
        Ocr(text="Sa ve Rosemary 48290066"),
        Ocr(text=""),
    ],
)
def test_doubt_leaves_nothing(ocr: Ocr) -> None:
    if not ocr.text:
        ocr._widths = {"": 0}
    assert left(ocr, picture()) == []


def test_a_part_is_read_once_and_its_picture_is_not_kept() -> None:
    ocr = Ocr()
    lexicon = Lexicon(ocr=ocr, allows=allows)
    rgb = picture()
    assert lexicon.look(rgb) is None
    assert ocr.calls == 0
    assert lexicon.work()
    once = ocr.calls
    assert len(lexicon.look(rgb) or ()) == 1
    assert not lexicon.work()
    assert ocr.calls == once


def test_words_appear_in_a_changing_picture_once_they_were_read() -> None:
    rgb, ocr = picture(), Ocr()
    lexicon = Lexicon(ocr=ocr, allows=allows)
    cover = WordMasker(lexicon, rgb)
    whole = (0, 0, 300, 60)
    assert np.array_equal(cover.paint(rgb, whole), mask(rgb))
    while lexicon.work():
        pass
    (word,) = cover.update(rgb, [(290, 50, 300, 60)])[1:]
    shown = cover.paint(rgb, whole)
    x0, y0, x1, y1 = word
    assert np.array_equal(shown[y0:y1, x0:x1], rgb[y0:y1, x0:x1])
    shown[y0:y1, x0:x1] = FILL
    assert np.array_equal(shown, mask(rgb))
    rgb[y0 + 4, x0 + 4] = (200, 0, 0)  # another word, as far as anybody knows
    assert word in cover.update(rgb, [(x0, y0, x1, y1)])
    assert np.array_equal(cover.paint(rgb, whole), mask(rgb))


def test_more_is_never_left_at_the_stricter_level() -> None:
    rgb = picture()
    strict = painter("masked")(rgb)
    assert strict.revealed == []
    hidden = np.zeros(rgb.shape[:2], np.bool_)
    for x0, y0, x1, y1 in strict.boxes:
        hidden[y0:y1, x0:x1] = True
    assert (strict.rgb[hidden] == FILL).all()
    assert (strict.rgb[~hidden] == rgb[~hidden]).all()


def test_without_an_ocr_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words.importlib.util, "find_spec", lambda _name: None)
    assert not has_ocr()
    assert reader("en")(picture("Save"), [(0, 0, 300, 60)]) == []
    assert painter("words")(picture("Save")).revealed == []


@pytest.mark.skipif(not has_ocr(), reason="the extra `ocr` is not installed")
@pytest.mark.filterwarnings("ignore")
def test_the_real_ocr_leaves_interface_words_alone() -> None:
    image = Image.new("RGB", (420, 120), "white")
    face = ImageFont.truetype(FACE, 16, layout_engine=ImageFont.Layout.BASIC)
    pen = ImageDraw.Draw(image)
    pen.text((20, 10), "Search", font=face, fill="black")
    pen.text((20, 50), "Agnes Miller 4929", font=face, fill="black")
    painted = painter("words")(np.array(image))
    assert len(painted.revealed) == 1
    x0, y0, x1, y1 = painted.revealed[0]
    assert (x0, y0) >= (15, 5)
    assert y1 <= 40
    assert x1 <= 90
    assert sys.modules["openvino_telemetry"] is None  # its import fails
