"""Screens drawn by a generator, with their exact ground truth.

Input: a seed. Output: a `Screen`: the picture, which pixels are text (they differ by
12 levels or more from the picture without it), where icons and long edges are. Fonts
are those that the machine has; without the larger sets the screens have fewer scripts.
"""

from __future__ import annotations

import random
import subprocess
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

CONTRAST = 12  # of 255 levels
SIZE = (1280, 800)

Box = tuple[int, int, int, int]

WORDS = {
    "latin": "Jane Doe|Müller & Søn|4929-1234|IBAN DE44 5001|Will Reading|HILL|"
    "Ticket 4711|jane@example.org|l1I|E-F-H|Ñandú çà|+49 170 12|TITLE FILE",
    "cjk": "東京都千代田区|李伟的工资|目口日田一二三|김민수 과장|請求書四川",
    "arabic": "مرحبا أحمد|محمد بن علي|سـلام",
    "hebrew": "שלום דנה",
    "devanagari": "नमस्ते राम|क्षत्रिय",
    "thai": "สวัสดีครับ",
    "cyrillic": "Иван Петров 12",
    "emoji": "😀👍🎉🔒",
    "hand": "Anna's note 7|call Bob",
}
FACES = {
    "cjk": ("Noto Sans CJK JP", "Noto Serif CJK SC", "Noto Sans CJK KR"),
    "arabic": ("Noto Sans Arabic", "Noto Naskh Arabic", "Noto Kufi Arabic"),
    "hebrew": ("Noto Sans Hebrew", "Noto Serif Hebrew"),
    "devanagari": ("Noto Sans Devanagari", "Noto Serif Devanagari"),
    "thai": ("Noto Sans Thai",),
    "cyrillic": ("Noto Sans", "DejaVu Serif", "Liberation Sans"),
    "emoji": ("Noto Color Emoji",),
    "hand": ("Dancing Script", "Breip", "DkgHandwriting"),
    "latin": (
        *("DejaVu Sans", "DejaVu Serif", "DejaVu Sans Mono", "Liberation Sans"),
        *("Noto Sans", "Noto Serif", "Roboto", "Open Sans", "Lato", "Lato Hairline"),
        *("Lato Black", "Fira Code", "Hack", "JetBrains Mono", "Comfortaa", "C059"),
        *("Liberation Serif", "Z003", "Roboto Thin", "Roboto Black"),
    ),
}
ICON_FACES = ("Material Icons", "FontAwesome")


@dataclass
class Screen:
    """A picture and what is true of it.

    Attributes:
        name: Which one it is.
        rgb: uint8 (height, width, 3).
        text: Which pixels are text of a contrast of 12 levels or more.
        icons: Boxes of icons.
        edges: Boxes, one pixel thin, of straight layout edges of 40 px and more.
        secret: Texts that nobody may read afterwards.
    """

    name: str
    rgb: np.ndarray
    text: np.ndarray
    icons: list[Box] = field(default_factory=list)
    edges: list[Box] = field(default_factory=list)
    secret: list[str] = field(default_factory=list)


@cache
def font_files(family: str) -> tuple[str, int] | None:
    """Return a family's file and the face's number in it; None where it is missing."""
    try:
        told = subprocess.run(
            ["fc-match", "-f", "%{fullname}|%{family}|%{file}|%{index}", family],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split("|")
    except (OSError, subprocess.CalledProcessError):
        return None
    names = told[0].split(",") + told[1].split(",")
    return (told[2], int(told[3]) & 0xFFFF) if family in names else None


@cache
def face(family: str, size: int) -> Any:
    """Return a font, or None where the machine has not got it."""
    found = font_files(family)
    if found is None or not found[0].endswith((".ttf", ".otf", ".ttc")):
        return None
    return ImageFont.truetype(
        found[0], 109 if "Emoji" in family else size, index=found[1]
    )


def draw(seed: int) -> Screen:
    """Draw one screen."""
    chance = random.Random(f"screen {seed}")  # noqa: S311 - a repeatable drawing
    ground = _colour(chance)
    screen = Screen(f"drawn {seed}", _plain(SIZE, ground), _none())
    if chance.random() < 0.05:
        _photo(screen, (0, 0, *SIZE), chance)
    rows = chance.choice([2, 3, 4])
    columns = chance.choice([1, 2, 3, 4])
    for row in range(rows):
        for column in range(columns):
            width, height = SIZE[0] // columns, SIZE[1] // rows
            _cell(screen, (column * width, row * height, width, height), chance)
    return screen


def _cell(screen: Screen, place: Box, chance: random.Random) -> None:
    """Draw one part of a screen: a card, a table, a headline, a photograph."""
    x, y, width, height = place
    inner = (x + 14, y + 14, x + width - 14, y + height - 14)
    kind = chance.choice(
        ["card", "card", "form", "table", "headline", "photo", "turned", "plain"]
    )
    ground = _under(screen, inner)
    if kind in {"card", "form", "table"}:
        ground = _near(ground)
        radius = chance.choice([0, 0, 4, 8, 12])
        _box(screen, inner, ground, radius, _near(ground, 40))
    if kind == "form":
        _form(screen, inner, ground, chance)
    elif kind == "table":
        _table(screen, inner, ground, chance)
    elif kind == "photo":
        _photo(screen, inner, chance)
        _write(screen, inner, chance, sizes=(14, 18, 28, 40))
    elif kind == "headline":
        _write(screen, inner, chance, sizes=(48, 72, 96, 130, 200))
    elif kind == "turned":
        _write(screen, inner, chance, angle=chance.choice([90, -90, 7, -20, 45]))
    else:
        for line in range(chance.randint(1, max(1, (height - 60) // 46))):
            part = (inner[0] + 12, inner[1] + 12 + 46 * line, inner[2], inner[3])
            _write(screen, part, chance)
    if kind in {"card", "plain"} and width > 200:
        _icon(screen, (inner[2] - 60, inner[1] + 20), chance)


def _form(screen: Screen, place: Box, ground: Any, chance: random.Random) -> None:
    x0, y0, x1, y1 = place
    high = chance.choice([28, 32, 36, 40])
    for y in range(y0 + 16, y1 - high - 10, high + chance.choice([10, 24])):
        wide = chance.choice([90, 120, 160, 240, 400])
        field_ = (x0 + 16, y, min(x0 + 16 + wide, x1 - 16), y + high)
        filled = chance.random() < 0.4
        colour = _colour(chance) if filled else _near(ground, 10)
        outline = None if filled else _near(ground, 60)
        _box(screen, field_, colour, chance.choice([0, 3, 6]), outline)
        inside = (field_[0] + 10, field_[1] + high // 2 - 9, field_[2] - 10, field_[3])
        _write(screen, inside, chance, sizes=(12, 13, 14), script="latin")


def _table(screen: Screen, place: Box, ground: Any, chance: random.Random) -> None:
    x0, y0, x1, y1 = place
    high, wide = chance.choice([22, 26, 34]), chance.choice([90, 130, 200])
    colour = _near(ground, 50)
    for y in range(y0 + 10, y1 - 8, high):
        _line(screen, (x0 + 8, y, x1 - 8, y + 1), colour)
        if y + high < y1 - 8:
            for x in range(x0 + 8, x1 - wide, wide):
                part = (x + 6, y + (high - 17) // 2, x + wide - 6, y + high)
                _write(screen, part, chance, sizes=(11, 12), script="latin")
    bottom = y0 + 10 + (y1 - 9 - y0 - 10) // high * high
    for x in range(x0 + 8, x1 - 8, wide) if chance.random() < 0.5 else ():
        _line(screen, (x, y0 + 10, x + 1, bottom), colour)


def _write(
    screen: Screen,
    place: Box,
    chance: random.Random,
    *,
    sizes: tuple[int, ...] = (9, 10, 11, 13, 15, 18, 22, 28),
    script: str | None = None,
    angle: float = 0,
) -> None:
    """Write a line and note which pixels it changed by the contrast or more."""
    script = script or chance.choice(["latin"] * 5 + list(WORDS))
    font = face(chance.choice(FACES[script]), chance.choice(sizes))
    if font is None:
        return
    words = chance.choice(WORDS[script].split("|"))
    ground = _under(screen, place)
    ink = _ink(ground, chance)
    wide, high = place[2] - place[0], SIZE[1] - place[1]
    layer = Image.new("RGBA", (wide, max(1, high)), (0, 0, 0, 0))
    pen = ImageDraw.Draw(layer)
    emoji = script == "emoji"
    spread = {"embedded_color": True} if emoji else {}
    pen.text((2, 2), words, font=font, fill=(*ink, 255), **spread)
    if emoji:
        layer = layer.resize((layer.width // 4, layer.height // 4))
    if angle:
        layer = layer.rotate(angle, resample=Image.Resampling.BICUBIC)
    if chance.random() < 0.3 and not emoji:
        layer = _subpixel(layer, ink)
    _paste(screen, layer, place[:2], soft=chance.random() < 0.1)
    screen.secret.append(words)


def _paste(
    screen: Screen, layer: Image.Image, corner: tuple[int, int], *, soft: bool
) -> None:
    """Lay a text over the screen; what it changes is text."""
    image = Image.fromarray(screen.rgb)
    layer = layer.filter(ImageFilter.GaussianBlur(0.7)) if soft else layer
    image.paste(layer, corner, layer)
    after = np.array(image)
    step = np.abs(after.astype(np.int16) - screen.rgb).max(axis=2)
    screen.text |= step >= CONTRAST
    screen.rgb = after


def _subpixel(layer: Image.Image, ink: tuple[int, int, int]) -> Image.Image:
    """Shift the colours by a third of a pixel each, as rendering for LCDs does."""
    alpha = np.array(layer)[..., 3].astype(np.float32)
    left, right = np.roll(alpha, 1, axis=1), np.roll(alpha, -1, axis=1)
    red, blue = (2 * alpha + left) / 3, (2 * alpha + right) / 3
    mean = (red + alpha + blue) / 3
    scale = np.where(mean > 0, 255 / np.maximum(mean, 1), 0)
    colours = [
        np.clip(
            value * np.minimum(1, part * scale / 255) + 128 * (1 - part / 255), 0, 255
        )
        for value, part in zip(ink, (red, alpha, blue), strict=True)
    ]
    return Image.fromarray(np.dstack([*colours, mean]).astype(np.uint8), "RGBA")


def _icon(screen: Screen, corner: tuple[int, int], chance: random.Random) -> None:
    size = chance.choice([16, 20, 24, 32])
    font = face(chance.choice(ICON_FACES), size)
    if font is None:
        return
    code = chance.choice(_icon_codes(font.path))
    ink = _ink(_under(screen, (*corner, corner[0] + size, corner[1] + size)), chance)
    image = Image.fromarray(screen.rgb)
    ImageDraw.Draw(image).text(corner, chr(code), font=font, fill=ink)
    after = np.array(image)
    changed = np.abs(after.astype(np.int16) - screen.rgb).max(axis=2) >= CONTRAST
    rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
    if len(rows):
        box = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
        screen.icons.append(tuple(int(one) for one in box))  # type: ignore[arg-type]
        screen.rgb = after


@cache
def _icon_codes(path: str) -> list[int]:
    """Private-use code points that a font of icons has."""
    told = subprocess.run(
        ["fc-query", "-f", "%{charset}\n", path],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    codes = []
    for part in told.split("\n")[0].split():
        first, _, last = part.partition("-")
        codes += range(int(first, 16), int(last or first, 16) + 1)
    return [code for code in codes if code >= 0xE000]


def _photo(screen: Screen, place: Box, chance: random.Random) -> None:
    """Something like a photograph: soft shapes under grain. It is no text."""
    x0, y0, x1, y1 = place
    generator = np.random.default_rng(chance.getrandbits(32))
    small = generator.integers(0, 255, (5, 7, 3), np.uint8)
    soft = Image.fromarray(small).resize((x1 - x0, y1 - y0), Image.Resampling.BICUBIC)
    grain = generator.normal(0, chance.choice([2, 4, 8]), (y1 - y0, x1 - x0, 3))
    pixels = np.clip(np.array(soft) + grain, 0, 255).astype(np.uint8)
    screen.rgb[y0:y1, x0:x1] = pixels
    screen.text[y0:y1, x0:x1] = False


def _box(screen: Screen, box: Box, fill: Any, radius: int, outline: Any) -> None:
    x0, y0, x1, y1 = box
    if x1 - x0 < 8 or y1 - y0 < 8:
        return
    image = Image.fromarray(screen.rgb)
    ImageDraw.Draw(image).rounded_rectangle(
        (x0, y0, x1 - 1, y1 - 1), radius, fill=fill, outline=outline
    )
    after = np.array(image)
    screen.text &= (after == screen.rgb).all(axis=2)
    screen.text[y0:y1, x0:x1] = False
    screen.rgb = after
    sides = [
        (x0 + radius, y0, x1 - radius, y0 + 1),
        (x0 + radius, y1 - 1, x1 - radius, y1),
        (x0, y0 + radius, x0 + 1, y1 - radius),
        (x1 - 1, y0 + radius, x1, y1 - radius),
    ]
    screen.edges += [s for s in sides if max(s[2] - s[0], s[3] - s[1]) > 40]


def _line(screen: Screen, box: Box, colour: Any) -> None:
    x0, y0, x1, y1 = box
    screen.rgb[y0:y1, x0:x1] = colour
    screen.text[y0:y1, x0:x1] = False
    if max(x1 - x0, y1 - y0) > 40:
        screen.edges.append(box)


def _plain(size: tuple[int, int], colour: Any) -> np.ndarray:
    return np.full((size[1], size[0], 3), colour, np.uint8)


def _none() -> np.ndarray:
    return np.zeros((SIZE[1], SIZE[0]), np.bool_)


def _colour(chance: random.Random) -> tuple[int, int, int]:
    return chance.choice(
        [
            *[(255, 255, 255), (245, 246, 248), (18, 20, 23), (30, 30, 46), (0, 0, 0)],
            *[(31, 58, 95), (42, 109, 244), (253, 246, 227), (128, 128, 128)],
        ]
    )


def _near(ground: Any, step: int = 14) -> tuple[int, int, int]:
    by = step if sum(ground) < 380 else -step
    return tuple(max(0, min(255, one + by)) for one in ground)  # type: ignore[return-value]


def _ink(ground: Any, chance: random.Random) -> tuple[int, int, int]:
    """A colour to write with: mostly strong, at times as faint as the contrast."""
    if chance.random() < 0.05:
        faint = chance.choice([14, 20, 30])
        channels = chance.choice([(1, 1, 1), (1, 0, 0), (0, 0, 1), (0, 1, 1)])
        by = faint if sum(ground) < 380 else -faint
        return tuple(  # type: ignore[return-value]
            max(0, min(255, one + by * on))
            for one, on in zip(ground, channels, strict=True)
        )
    dark = [(0, 0, 0), (34, 34, 34), (120, 20, 20), (0, 60, 160), (90, 96, 104)]
    light = [(255, 255, 255), (215, 218, 221), (255, 220, 90), (138, 180, 248)]
    return chance.choice(light if sum(ground) < 380 else dark)


def _under(screen: Screen, box: Box) -> tuple[int, int, int]:
    x, y = min(box[0] + 2, SIZE[0] - 1), min(box[1] + 2, SIZE[1] - 1)
    return tuple(int(one) for one in screen.rgb[y, x])  # type: ignore[return-value]
