"""Pictures of any kind, damaged or not: masked whole or refused, never a crash."""

from __future__ import annotations

import io
import random
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image, ImageDraw, ImageFont

from overt.cli.__main__ import main
from overt.cli.pictures import read_picture
from overt.redact.pixels import mask

if TYPE_CHECKING:
    from pathlib import Path

FACE = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
LONG_S = 300
FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")
CONTRAST = 12  # levels from which on a pixel counts as text


def check(rng: random.Random, folder: Path) -> None:
    """Mask one picture, half of the time a damaged one, and judge what came out."""
    rgb, text = drawn(rng)
    source, out = folder / "in.png", folder / "out.png"
    out.unlink(missing_ok=True)
    kind, damaged = rng.choice(FORMATS), rng.random() < 0.5
    data = saved(rgb, kind)
    source.write_bytes(damage(rng, data) if damaged else data)
    words = ("redact", "image", str(source), "-o", str(out), "--level", "masked")
    done = CliRunner().invoke(main, words)
    if done.exit_code:
        assert isinstance(done.exception, SystemExit), done.exception
        assert not out.exists()
        assert done.stdout == ""
        assert damaged
        return
    shown = np.array(Image.open(out))
    if damaged:
        assert np.array_equal(shown, mask(read_picture(source)))
    elif kind in {"PNG", "BMP", "TIFF", "GIF"}:
        assert shown.shape == rgb.shape
        assert not (text & (shown == rgb).all(axis=2)).any(), source


def drawn(rng: random.Random) -> tuple[np.ndarray, np.ndarray]:
    """Return a picture of a text and which of its pixels are the text."""
    size = rng.randint(64, 400), rng.randint(64, 200)  # less shows no whole letter
    ground, ink = (tuple(rng.randrange(256) for _ in range(3)) for _ in range(2))
    image = Image.new("RGB", size, ground)
    plain = np.array(image)
    face = ImageFont.truetype(FACE, rng.randint(9, 60))
    place = rng.randint(-20, size[0]), rng.randint(-20, size[1])
    ImageDraw.Draw(image).text(place, "Jane 4711 lIt", font=face, fill=ink)
    rgb = np.array(image)
    away = np.abs(rgb.astype(np.int16) - plain).max(axis=2)
    return rgb, away >= CONTRAST


def saved(rgb: np.ndarray, kind: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, kind)
    return file.getvalue()


def damage(rng: random.Random, data: bytes) -> bytes:
    """Change, cut or repeat some bytes."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        place = rng.randrange(len(changed)) if changed else 0
        match rng.randint(0, 3):
            case 0:
                changed[place : place + 1] = rng.randbytes(1)
            case 1:
                del changed[place : place + rng.randint(1, 200)]
            case 2:
                changed[place:place] = changed[place : place + rng.randint(1, 64)]
            case _:
                changed[place : place + 4] = rng.choice((b"\xff" * 4, b"\x00" * 4))
    return bytes(changed)


def test_some_pictures_of_any_kind(tmp_path: Path) -> None:
    rng = random.Random(5)  # noqa: S311 - the same pictures at each run
    for _ in range(30):
        check(rng, tmp_path)


@pytest.mark.long
@pytest.mark.timeout(LONG_S + 120)
@pytest.mark.filterwarnings("ignore")  # what Pillow says of damaged files
def test_fuzz_pictures_for_minutes(tmp_path: Path) -> None:
    rng = random.Random(time.time_ns())  # noqa: S311 - other pictures at each run
    until = time.monotonic() + LONG_S
    while time.monotonic() < until:
        check(rng, tmp_path)
