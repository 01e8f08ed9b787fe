"""What was agreed to is recorded, and of nothing else anything is heard or written."""

import time
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from Xlib import XK, X

from overt.protocol.records import (
    ContextRecord,
    DirtyRecord,
    FrameRecord,
    InputRecord,
    Level,
    MarkRecord,
    TileRecord,
)
from overt.recorder.capture.gate import PLACEHOLDER
from overt.recorder.capture.recording import black
from overt.recorder.capture.screenlog import AreaMask
from overt.redact.pixels import FILL, Masker, mask

pytestmark = pytest.mark.display
SCREEN = {TileRecord, FrameRecord, DirtyRecord}
WORDS = "zebra quartz fjord"


def _work(painter: Any, recorder: Any, window: Any) -> Any:
    """Type, click and draw; return the one segment."""
    painter.fake(X.KeyPress, 38)
    painter.fake(X.KeyRelease, 38)
    painter.fake(X.MotionNotify, 0, 20, 30)
    painter.fake(X.ButtonPress, 1)
    painter.fake(X.ButtonRelease, 1)
    painter.fill(window, 0x778899, 0, 0, 90, 90)
    time.sleep(0.8)
    recorder.steering.marks.append(MarkRecord(time.monotonic_ns(), "task_begin"))
    time.sleep(0.3)
    (segment,) = recorder.stop()
    window.destroy()
    return segment


@pytest.mark.parametrize(
    ("agreed", "written", "contexts", "asked"),
    [
        (
            ("input", "screen", "context"),
            {InputRecord, ContextRecord, *SCREEN},
            {"window", "element", "tree"},
            {"element", "tree"},
        ),
        (("input",), {InputRecord}, set(), set()),
        (("screen",), SCREEN, set(), set()),
        (("context",), {ContextRecord}, {"window"}, set()),
        (
            ("input", "context"),
            {InputRecord, ContextRecord},
            {"window", "element"},
            {"element"},
        ),
        (
            ("screen", "context"),
            {ContextRecord, *SCREEN},
            {"window", "tree"},
            {"tree"},
        ),
    ],
)
def test_only_what_was_agreed_to_is_asked_for_and_written(
    bench: Any,
    painter: Any,
    agreed: tuple[str, ...],
    written: set[type],
    contexts: set[str],
    asked: set[str],
) -> None:
    window = painter.window(0, 0, 640, 400)
    painter.focus(window)
    recorder = bench(data_types=agreed)
    segment = _work(painter, recorder, window)
    assert {type(one) for one in segment.records} == written | {MarkRecord}
    assert recorder.application.asked == asked
    told = {one.kind for one in segment.records if isinstance(one, ContextRecord)}
    assert told == contexts
    marks = [one.kind for one in segment.records if isinstance(one, MarkRecord)]
    assert marks == ["task_begin"]
    assert (segment.header.width_px, segment.header.height_px) == (640, 400)
    assert segment.complete


def test_without_a_screen_it_rotates_and_is_known_to_record(
    bench: Any, painter: Any, replay: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = painter.window(0, 0, 640, 400)
    painter.focus(window)
    border = "overt.recorder.capture.recording.next_border_ns"
    monkeypatch.setattr(border, lambda: time.monotonic_ns() + 10**9)
    recorder = bench(data_types=("input",))
    recorder.wait(lambda: recorder.steering.last_commit_ns is not None)
    recorder.wait(lambda: recorder.sink.progress.segments >= 2)
    monkeypatch.undo()
    painter.fake(X.MotionNotify, 0, 44, 55)
    segments = recorder.stop()
    assert [one.header.sequence for one in segments] == list(range(len(segments)))
    assert replay(segments[-1]).events() == [(1, 0, 44, 55)]
    assert all(one.complete for one in segments)
    window.destroy()


def _written_picture() -> np.ndarray:
    image = Image.new("RGB", (600, 60), (255, 255, 255))
    face = ImageFont.truetype("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf", 28)
    ImageDraw.Draw(image).text((12, 10), WORDS, font=face, fill=(10, 20, 120))
    return np.array(image)


def _show(painter: Any, window: Any, pixels: np.ndarray) -> None:
    height, width = pixels.shape[:2]
    blue_first = np.zeros((height, width, 4), np.uint8)
    blue_first[..., :3] = pixels[..., ::-1]
    pen = window.create_gc()
    window.put_image(
        pen, 0, 0, width, height, X.ZPixmap, 24, 0, blue_first[..., :4].tobytes()
    )
    pen.free()
    painter.display.sync()


def _type(painter: Any, words: str) -> None:
    for letter in words:
        keysym = XK.string_to_keysym("space" if letter == " " else letter)
        code = painter.display.keysym_to_keycode(keysym)
        painter.fake(X.KeyPress, code)
        painter.fake(X.KeyRelease, code)


def _rows_with_ink(pixels: np.ndarray) -> list[bytes]:
    """Runs of 16 pixels that show a piece of a letter."""
    found = []
    for y in range(12, 44, 3):
        for x in range(12, 280, 16):
            run = pixels[y, x : x + 16]
            if len(np.unique(run.reshape(-1, 3), axis=0)) > 4:
                found.append(run.tobytes())
    return found


def _in_the_clear(segment: Any, shown: np.ndarray) -> list[str]:
    """What of the words is found in a segment: pixels, keys, texts."""
    tiles = [one.pixels for one in segment.records if isinstance(one, TileRecord)]
    rows = b"\0".join(row.tobytes() for one in tiles for tile in one for row in tile)
    keys = [
        int(event["detail"])
        for one in segment.records
        if isinstance(one, InputRecord)
        for event in one.events
        if event["kind"] in {4, 5} and event["detail"] != PLACEHOLDER
    ]
    texts = repr([one for one in segment.records if isinstance(one, ContextRecord)])
    found = ["pixels"] if any(run in rows for run in _rows_with_ink(shown)) else []
    found += ["keys"] if {ord(letter) for letter in WORDS} & set(keys) else []
    return found + (["texts"] if "Send" in texts or WORDS in texts else [])


@pytest.mark.parametrize(
    ("level", "found"),
    [
        (Level.CLEAR, ["pixels", "keys", "texts"]),
        (Level.MASKED, []),
        (Level.WORDS, []),
    ],
)
def test_a_text_shown_and_typed_below_clear_is_in_no_record(
    bench: Any, painter: Any, replay: Any, level: Level, found: list[str]
) -> None:
    window = painter.window(0, 0, 640, 400, colour=0xFFFFFF)
    window.set_wm_name(WORDS)
    painter.focus(window)
    recorder = bench(bench.allow(level=level), mask=AreaMask(mask, Masker))
    shown = _written_picture()
    assert len(_rows_with_ink(shown)) > 30
    _show(painter, window, shown)
    time.sleep(0.6)
    _type(painter, WORDS)
    painter.fake(X.MotionNotify, 0, 300, 30)
    painter.fake(X.ButtonPress, 1)
    painter.fake(X.ButtonRelease, 1)
    time.sleep(0.8)
    (segment,) = recorder.stop()
    assert _in_the_clear(segment, shown) == found
    if level is not Level.CLEAR:
        typed = [event[1] for event in replay(segment).events() if event[0] == 4]
        assert typed == [PLACEHOLDER] * len(WORDS)
        last = list(replay(segment).frames())[-1][1]
        assert (last[200, 300] == 255).all()  # plain places keep their colour
        assert tuple(last[24, 60]) == FILL  # letters are covered
    window.destroy()


def test_without_a_mask_everything_below_clear_is_black(
    bench: Any, painter: Any, replay: Any
) -> None:
    window = painter.window(0, 0, 640, 400, colour=0xFFFFFF)
    recorder = bench(bench.allow(level=Level.MASKED), mask=black)
    _show(painter, window, _written_picture())
    time.sleep(0.4)
    (segment,) = recorder.stop()
    assert not any(pixels.any() for _, pixels in replay(segment).frames())
    window.destroy()
