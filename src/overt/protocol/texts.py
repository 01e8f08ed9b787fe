"""What stands for text that was not recorded: placeholders, and where text stood.

Below level `clear` the recorder says of a text which value it was (`PERSON_1`: the same
value has the same name within an episode and another one in the next), of what kind and
roughly how long, and of a line on the screen also where, how high and in which colours.
Nothing here holds a character of what was not revealed. Specified in
docs/spec/segment.md. Pure; read by refine, written by the recorder.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from overt.protocol.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS: Final = (
    *("PERSON", "EMAIL", "PHONE", "ADDRESS", "DATE", "ID", "IBAN", "CARD", "IP"),
    *("URL", "SECRET", "NUMBER", "ORG", "OTHER"),
)
LENGTHS: Final = {"short": 4, "medium": 16, "long": 64, "page": 1 << 20}  # at most
GRID_PX: Final = 16  # text stands in boxes whose sides are multiples of it
_FORM = re.compile(r"\[([A-Z]+)_([1-9][0-9]{0,6}):(short|medium|long|page)\]")
_COLOUR = re.compile(r"#[0-9a-f]{6}")

Rgb = tuple[int, int, int]

COVER: Final[Rgb] = (126, 128, 130)  # what masked text lies under; no page's own grey


@dataclass(frozen=True, slots=True)
class Placeholder:
    """One value of one episode.

    Attributes:
        kind: One of `KINDS`.
        number: Which value of that kind.
        length: One of `LENGTHS`.
    """

    kind: str
    number: int
    length: str

    def __str__(self) -> str:
        return f"[{self.kind}_{self.number}:{self.length}]"


@dataclass(frozen=True, slots=True)
class TextRun:
    """A line of text, or a control, where it stood.

    Attributes:
        x_px: Left edge in root pixels, a multiple of `GRID_PX` for text.
        y_px: Upper edge.
        width_px: Width, a multiple of `GRID_PX` for text.
        height_px: Height.
        role: AT-SPI's name for what it is.
        text: Placeholders and revealed words; empty for a control.
        font_px: Size of its font; 0: no text.
        ink: Colour of the letters or of a control's edge.
        ground: Colour behind them.
    """

    x_px: int
    y_px: int
    width_px: int
    height_px: int
    role: str
    text: str
    font_px: int
    ink: Rgb
    ground: Rgb


def length_of(text: str) -> str:
    """Return how long a text is, as coarsely as a placeholder says it."""
    return next((name for name, most in LENGTHS.items() if len(text) <= most), "page")


def pieces(text: str) -> Iterator[str | Placeholder]:
    """Yield the placeholders of a text, and what stands between them."""
    at = 0
    for found in _FORM.finditer(text):
        if found.start() > at:
            yield text[at : found.start()]
        yield Placeholder(found[1], int(found[2]), found[3])
        at = found.end()
    if at < len(text):
        yield text[at:]


def has_placeholder(text: str) -> bool:
    """Whether a value in a text was not recorded."""
    return _FORM.search(text) is not None


def without_placeholders(text: str) -> str:
    """Return a text that cannot be read as holding a placeholder."""
    return text.replace("[", "(").replace("]", ")")


def runs_body(runs: list[TextRun], *, truncated: bool) -> dict[str, Any]:
    """Return the body of a context record `texts`."""
    return {"runs": [_row(run) for run in runs], "truncated": truncated}


def parse_runs(body: dict[str, Any]) -> list[TextRun]:
    """Read the body of a context record `texts`.

    Raises:
        DataError: It is malformed.
    """
    rows = body.get("runs")
    if not isinstance(rows, list):
        raise DataError("A record of texts has no runs.")
    return [_parse_row(row) for row in rows]


def _row(run: TextRun) -> list[Any]:
    box = [run.x_px, run.y_px, run.width_px, run.height_px]
    look = [run.font_px, _hex(run.ink), _hex(run.ground)]
    return [*box, run.role, run.text, *look]


def _parse_row(row: Any) -> TextRun:
    kinds = (int, int, int, int, str, str, int, str, str)
    if (
        not isinstance(row, list)
        or len(row) != len(kinds)
        or any(type(value) is not kind for value, kind in zip(row, kinds, strict=True))
        or not all(_COLOUR.fullmatch(colour) for colour in row[7:])
    ):
        raise DataError("A record of texts has a malformed run.")
    x, y, width, height, role, text, font, ink, ground = row
    return TextRun(x, y, width, height, role, text, font, _rgb(ink), _rgb(ground))


def _hex(colour: Rgb) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _rgb(text: str) -> Rgb:
    red, green, blue = bytes.fromhex(text[1:])
    return red, green, blue
