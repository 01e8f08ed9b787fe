"""Draw grounds, the edges of controls and fake text into a masked screen.

Stage: refine, level `surrogate`. Input: a masked frame, runs whose text is fake.
Output: the frame with each run drawn where the mask had covered it, and the boxes that
were drawn. Only the mask's fill, and plain ground inside a run, are drawn over; what no
run explains stays flat. Pure, but for the font file that it reads.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from overt.protocol.texts import COVER
from overt.redact.runs import CONTAINERS, CONTROLS, colours

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from overt.protocol.records import Pixels
    from overt.protocol.texts import Rgb, TextRun

Box = tuple[int, int, int, int]  # x, y, width, height in root pixels

# Like the fonts of browsers and desktops; Pillow brings one where none is there.
FONTS: Final = ("LiberationSans-Regular.ttf", "DejaVuSans.ttf")
LAYOUT: Final = ImageFont.Layout.BASIC  # the other depends on what else is installed
_MARGIN_PX: Final = 6  # the mask covers a little more than what was drawn
_MARGINS_PX: Final = dict.fromkeys(CONTROLS, 1) | dict.fromkeys(CONTAINERS, 0)
_LEAST_COVERED: Final = 0.1
_NEAR: Final = 9  # of 255: colours of runs are told in steps of 17
_AROUND_PX: Final = 24
_FIELD_PX: Final = 4
_RING: Final = (16, 16, 16)
_SPACE_PX: Final = 8
_BUTTON: Final = "push button"
_ICON_PX: Final = 28  # the largest button that holds a picture alone
_UNEVEN_PX: Final = 6
_LEAST_PX: Final = 4  # width of a text whose control hardly shows
# Controls whose text stands in their middle.
_CENTRED: Final = frozenset({"push button", "toggle button", "button", "page tab"})
_EDGELESS: Final = frozenset({"list item", "menu item", "check menu item"})


def draw(
    frame: Pixels,
    runs: Sequence[TextRun],
    typed: dict[Box, str],
    focus: Box | None = None,
) -> tuple[Pixels, list[Box]]:
    """Draw runs into a masked frame.

    Args:
        frame: uint8 (height, width, 3), RGB, of the whole root window.
        runs: Controls and lines with fake text, innermost last.
        typed: Fake text that stands in fields, by the field's box.
        focus: Box of the field that keys go to: browsers draw a ring round it.

    Returns:
        The frame, and the boxes of the text that was drawn.
    """
    covered = (frame == COVER).all(2)
    grounds = [run for run in runs if run.role in CONTAINERS]
    rest = [run for run in runs if run not in grounds and _is_covered(covered, run)]
    runs = _trimmed(rest)
    shown = frame.copy()
    for run in grounds:
        _fill(shown, covered, run)
    if not grounds:
        for run in runs:
            _clear_round(shown, covered, run)
    for run in runs:
        _fill(shown, covered, run, margin_px=0 if grounds else None)
    image = Image.fromarray(shown)
    pen = ImageDraw.Draw(image)
    for run in grounds:
        if run.ink != run.ground:
            _edge(pen, run, has_focus=False)
    for run in runs:
        if not run.text and run.role not in _EDGELESS:
            _edge(pen, run, has_focus=_box(run) == focus)
    boxes = _write_all(image, runs, typed)
    free = covered | _plain(frame, runs)
    return np.where(free[:, :, None], np.asarray(image), frame), boxes


def _write_all(
    image: Image.Image, runs: Sequence[TextRun], typed: dict[Box, str]
) -> list[Box]:
    """Write each run's text, or what was typed into it; return the boxes."""
    boxes, ink = [], _ink(runs)
    labelled = {_box(run) for run in runs if run.text}
    controls = _controls(runs)
    for run in _joined(runs):
        if run.text:
            boxes.append(_write(image, _centred(run, controls), run.text))
        elif text := typed.get(_box(run)):
            boxes.append(_write(image, replace(run, ink=ink), text))
        elif _is_icon(run) and _box(run) not in labelled:
            _cross(ImageDraw.Draw(image), run, ink)
    return boxes


def _box(run: TextRun) -> Box:
    return run.x_px, run.y_px, run.width_px, run.height_px


def _controls(runs: Sequence[TextRun]) -> list[TextRun]:
    return [run for run in runs if run.role in CONTROLS]


def _holder(run: TextRun, controls: Sequence[TextRun]) -> TextRun | None:
    """Return the innermost control that a text stands in."""
    if run.role in CONTROLS:
        return None
    x, y = run.x_px + run.width_px / 2, run.y_px + run.height_px / 2
    return next(
        (
            one
            for one in reversed(controls)
            if one.x_px <= x < one.x_px + one.width_px
            and one.y_px <= y < one.y_px + one.height_px
        ),
        None,
    )


def _trimmed(runs: Sequence[TextRun]) -> list[TextRun]:
    """Return the runs with texts inside their control: the grid reaches beyond it."""
    controls, trimmed = _controls(runs), []
    for run in runs:
        holder = _holder(run, controls) if run.text else None
        if holder is None:
            trimmed.append(run)
            continue
        left = max(run.x_px, holder.x_px + 1)
        right = min(run.x_px + run.width_px, holder.x_px + holder.width_px - 1)
        width = max(_LEAST_PX, right - left)
        trimmed.append(replace(run, x_px=left, width_px=width))
    return trimmed


def _centred(line: TextRun, controls: Sequence[TextRun]) -> TextRun:
    """Return a line as the label of its control, where such labels are centred."""
    holder = _holder(line, controls)
    if holder is None or holder.role not in _CENTRED:
        return line
    x, width = holder.x_px, holder.width_px
    return replace(line, x_px=x, width_px=width, role=holder.role)


def _ink(runs: Sequence[TextRun]) -> Rgb:
    """Return the usual ink of a screen's labels: what is typed looks like them."""
    inks = Counter(run.ink for run in runs if run.text and run.ink != run.ground)
    return inks.most_common(1)[0][0] if inks else (0, 0, 0)


def _plain(frame: Pixels, runs: Sequence[TextRun]) -> npt.NDArray[np.bool_]:
    """Return where a run's own ground shows inside its box: letters may stand there."""
    plain = np.zeros(frame.shape[:2], bool)
    for run in runs:
        place = _slices(run, 0)
        off = np.abs(frame[place].astype(np.int16) - np.array(run.ground)).max(2)
        plain[place] |= off <= _NEAR
    return plain


def _is_covered(covered: npt.NDArray[np.bool_], run: TextRun) -> bool:
    rows, columns = _slices(run, 0)
    part = covered[rows, columns]
    return bool(part.size and part.mean() >= _LEAST_COVERED)


def _clear_round(shown: Pixels, covered: npt.NDArray[np.bool_], run: TextRun) -> None:
    """Put what surrounds a control where the mask reached beyond its edge."""
    if run.role not in CONTROLS:
        return
    around = _slices(run, _AROUND_PX)
    seen = shown[around][~covered[around]]
    if len(seen):
        ring = _slices(run, _MARGIN_PX)
        shown[ring][covered[ring]] = colours(seen[None])[1]


def _fill(
    shown: Pixels,
    covered: npt.NDArray[np.bool_],
    run: TextRun,
    *,
    margin_px: int | None = None,
) -> None:
    """Put the ground where the mask covered a run and a little round it.

    Where the grounds are known the margin is theirs already.
    """
    margin = _MARGINS_PX.get(run.role, _MARGIN_PX)
    if margin_px is not None:
        margin = min(margin, margin_px)
    rows, columns = _slices(run, margin)
    part = shown[rows, columns]
    part[covered[rows, columns]] = run.ground


def _slices(run: TextRun, margin_px: int) -> tuple[slice, slice]:
    y, x = run.y_px - margin_px, run.x_px - margin_px
    bottom = run.y_px + run.height_px + margin_px
    right = run.x_px + run.width_px + margin_px
    return slice(max(0, y), max(0, bottom)), slice(max(0, x), max(0, right))


def _joined(runs: Sequence[TextRun]) -> list[TextRun]:
    """Return the runs with the words of a line as one: spaces are a font's own."""
    lines: list[TextRun] = []
    controls = _controls(runs)
    texts = [run for run in runs if run.text and run.role not in CONTROLS]
    for run in sorted(texts, key=lambda run: (run.y_px, run.x_px)):
        last = lines[-1] if lines else None
        if (
            last is not None
            and _goes_on(last, run)
            and _holder(last, controls) is _holder(run, controls)
        ):
            right = max(last.x_px + last.width_px, run.x_px + run.width_px)
            text, width = f"{last.text} {run.text}", right - last.x_px
            lines[-1] = replace(last, text=text, width_px=width)
        else:
            lines.append(run)
    return [run for run in runs if run not in texts] + lines


def _goes_on(line: TextRun, run: TextRun) -> bool:
    alike = (line.y_px, line.height_px, line.font_px, line.ground)
    return (
        alike == (run.y_px, run.height_px, run.font_px, run.ground)
        and run.x_px >= line.x_px
        and run.x_px <= line.x_px + line.width_px + _SPACE_PX
    )


def _is_icon(run: TextRun) -> bool:
    """Whether a button is as small and square as those that hold a picture alone."""
    sides = run.width_px, run.height_px
    square = max(sides) - min(sides) <= _UNEVEN_PX
    return run.role == _BUTTON and square and max(sides) <= _ICON_PX


def _cross(pen: ImageDraw.ImageDraw, run: TextRun, ink: Rgb) -> None:
    """Draw a cross: which picture stood there nobody told, and most of them close."""
    reach = max(2, round(min(run.width_px, run.height_px) * 0.2))
    x, y = run.x_px + run.width_px // 2, run.y_px + run.height_px // 2
    for way in (1, -1):
        ends = (x - reach, y - way * reach, x + reach, y + way * reach)
        pen.line(ends, fill=ink, width=3)


def _edge(pen: ImageDraw.ImageDraw, run: TextRun, *, has_focus: bool) -> None:
    right, bottom = run.x_px + run.width_px - 1, run.y_px + run.height_px - 1
    box = (run.x_px, run.y_px, right, bottom)
    if has_focus:
        pen.rounded_rectangle(box, 3, outline=_RING, width=2)
    else:
        pen.rectangle(box, outline=run.ink)


def _write(image: Image.Image, run: TextRun, text: str) -> Box:
    """Write one line in its box, narrowed where it has no room.

    Labels of controls stand in the middle, other text at the left.
    """
    size = run.font_px or max(6, min(14, round(run.height_px * 0.6)))
    line = _line(text, size, run.ink, run.ground)
    width = min(max(4, run.width_px - 2), line.width)
    if width < line.width:
        line = line.resize((width, line.height), Image.Resampling.BILINEAR)
    is_label = run.text and run.role in CONTROLS
    x = run.x_px + (round((run.width_px - width) / 2) if is_label else _FIELD_PX)
    y = run.y_px + (run.height_px - line.height) // 2
    image.paste(line, (x, y))
    return x, y, width, line.height


def _line(
    text: str, size: int, ink: tuple[int, ...], ground: tuple[int, ...]
) -> Image.Image:
    face = _font(size)
    left, _, right, _ = face.getbbox(text)
    ascent, descent = face.getmetrics()
    line = Image.new("RGB", (max(1, int(right - left)), ascent + descent), ground)
    ImageDraw.Draw(line).text((-left, 0), text, fill=ink, font=face)
    return line


@lru_cache(64)
def _font(size: int) -> ImageFont.FreeTypeFont:
    for name in FONTS:
        try:
            return ImageFont.truetype(name, size, layout_engine=LAYOUT)
        except OSError:
            continue
    found = ImageFont.load_default(size)
    if not isinstance(found, ImageFont.FreeTypeFont):
        raise TypeError(found)
    return found
