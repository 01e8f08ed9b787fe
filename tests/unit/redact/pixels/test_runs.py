"""Runs of text tell place, size and colours of a line, and nothing else."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from overt.redact.pixels import Masker, TextRun, text_runs

FACE = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"


def runs_of(image: Image.Image) -> list[TextRun]:
    rgb = np.array(image)
    return text_runs(rgb, Masker(rgb).boxes)


@pytest.mark.parametrize("size", [10, 14, 20, 32, 60])
@pytest.mark.parametrize(
    ("ink", "ground"), [((20, 20, 20), (255, 255, 255)), ((250, 240, 90), (20, 40, 80))]
)
def test_size_and_colours_of_a_line(
    size: int, ink: tuple[int, ...], ground: tuple[int, ...]
) -> None:
    image = Image.new("RGB", (700, 140), ground)
    face = ImageFont.truetype(FACE, size)
    ImageDraw.Draw(image).text((30, 30), "Quarterly page", font=face, fill=ink)
    (run,) = runs_of(image)
    assert abs(run.height_px - size) <= max(2, size * 0.25)
    assert np.abs(np.subtract(run.ground, ground)).max() <= 4
    assert np.abs(np.subtract(run.ink, ink)).max() <= 90  # thin strokes are mixed
    x0, y0, x1, y1 = run.box
    assert x0 <= 30 <= 30 + face.getlength("Quarterly page") <= x1
    assert y0 <= 30 + size // 4
    assert y1 >= 30 + size


def test_lines_of_a_paragraph_are_runs_of_their_own() -> None:
    image = Image.new("RGB", (400, 120), "white")
    pen, face = ImageDraw.Draw(image), ImageFont.truetype(FACE, 14)
    for line in range(4):
        pen.text((20, 15 + 20 * line), f"Line {line} of it", font=face, fill="black")
    boxes = [run.box for run in runs_of(image)]
    assert len(boxes) == 4
    assert all(a[3] <= b[1] for a, b in pairwise(boxes))


def test_a_photograph_is_no_text() -> None:
    noise = np.random.default_rng(3).integers(0, 255, (90, 200, 3), np.uint8)
    assert runs_of(Image.fromarray(noise)) == []
    assert text_runs(noise, [(5, 5, 5, 9)]) == []
