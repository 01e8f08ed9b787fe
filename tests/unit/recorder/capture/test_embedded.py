"""A document that a page embeds is judged by its own address."""

import time
from dataclasses import replace
from typing import Any

import pytest
from Xlib import X

from overt.desktop.a11y.embedded import Embedded
from overt.desktop.types import Rect
from overt.protocol.records import EventKind, MarkRecord

pytestmark = pytest.mark.display

PAGE, OTHER = "https://shop.example/", "https://bank.example/pay"
FRAME, REF = Rect(100, 100, 200, 80), ("app", "/frame")
CANARY = 0xC0FFEE


def _settle(recorder: Any, painter: Any, window: Any) -> None:
    """Paint until what the page embeds has been asked for and a picture written."""
    recorder.application.asked.clear()
    for shade in range(1, 60):
        painter.fill(window, shade, 500, 300, 20, 20)
        time.sleep(0.05)
        if "places" in recorder.application.asked and shade > 12:
            break


def _desk(bench: Any, painter: Any, url: str) -> tuple[Any, Any]:
    window = painter.window(0, 0, 640, 400)
    painter.focus(window)
    recorder = bench(bench.allow(page=PAGE))
    recorder.application.url = PAGE
    recorder.application.embedded = {REF: Embedded(url, FRAME)}
    recorder.wait(lambda: recorder.sink.progress.level == "clear")
    _settle(recorder, painter, window)
    return window, recorder


@pytest.mark.parametrize("url", [PAGE, "about:srcdoc", OTHER, ""])
def test_it_is_seen_only_where_its_own_address_is_allowed(
    bench: Any, painter: Any, replay: Any, url: str
) -> None:
    window, recorder = _desk(bench, painter, url)
    painter.fill(window, CANARY, 120, 120, 50, 30)
    _settle(recorder, painter, window)
    time.sleep(0.7)
    shown = [
        pixels for segment in recorder.stop() for _, pixels in replay(segment).frames()
    ]
    canary = [(pixels == (0xC0, 0xFF, 0xEE)).all(axis=2).any() for pixels in shown]
    assert any(canary) == (url in {PAGE, "about:srcdoc"})
    assert any((pixels[0:90, 0:90] == 0x20).all() for pixels in shown)
    may_read = {REF} if any(canary) else set()
    assert recorder.application.within == may_read
    window.destroy()


@pytest.mark.parametrize("url", [PAGE, OTHER])
def test_keys_and_clicks_in_it_are_silent_where_it_is_off(
    bench: Any, painter: Any, replay: Any, url: str
) -> None:
    window, recorder = _desk(bench, painter, url)
    painter.fake(X.MotionNotify, 0, 20, 20)
    focus = recorder.application.focus
    recorder.application.focus = replace(focus, ref=("app", "/card"), embedded=url)
    painter.fake(X.MotionNotify, 0, 150, 140)
    for fake in (X.ButtonPress, X.ButtonRelease):
        painter.fake(fake, 1)
    time.sleep(0.6)  # a click may have moved the focus: keys soon after it are secret
    for code in (38, 39, 40):
        painter.fake(X.KeyPress, code)
        painter.fake(X.KeyRelease, code)
    time.sleep(0.6)
    painter.fake(X.MotionNotify, 0, 30, 30)
    _settle(recorder, painter, window)
    segments = recorder.stop()
    events = [event for segment in segments for event in replay(segment).events()]
    kinds = {kind for kind, *_ in events}
    places = [(x, y) for _, _, x, y in events]
    assert (20, 20) in places
    assert (30, 30) in places
    is_off = url == OTHER
    assert ((150, 140) in places) == (not is_off)
    assert ({EventKind.KEY_PRESS, EventKind.BUTTON_PRESS} <= kinds) == (not is_off)
    assert not is_off or kinds == {EventKind.MOTION}
    marks = [
        record.kind
        for segment in segments
        for record in segment.records
        if isinstance(record, MarkRecord)
    ]
    assert ("gap" in marks) == is_off
    window.destroy()
