"""A screen that changes its size while it is recorded is replayed bit for bit."""

import time
from typing import Any

import numpy as np
import pytest
from Xlib.ext import randr

from overt.desktop.x11.screenshot import screenshot
from overt.protocol.records import FrameCause

pytestmark = pytest.mark.display


def _resize(painter: Any, width: int, height: int) -> None:
    """Take the monitor off, since the screen may not be smaller than it, and resize."""
    resources = randr.get_screen_resources(painter.root)
    for crtc in resources.crtcs:
        place = (resources.config_timestamp, 0, 0, 0, randr.Rotate_0, [])
        randr.set_crtc_config(painter.display, crtc, *place)
    randr.set_screen_size(painter.root, width, height, 200, 150)
    painter.display.sync()


def test_frames_follow_the_screen_through_its_sizes(
    bench: Any, mortal_server: Any, painter_of: Any, replay: Any
) -> None:
    _, name = mortal_server
    painter = painter_of(name)
    window = painter.window(0, 0, 640, 400)
    painter.focus(window)
    recorder = bench(name=name)
    generator = np.random.default_rng(5)
    shots = []
    for width, height in ((640, 400), (480, 300), (300, 380), (640, 400)):
        _resize(painter, width, height)
        for colour in generator.integers(1, 1 << 24, 5).tolist():
            x, y = (int(value) for value in generator.integers(0, 280, 2))
            painter.fill(window, colour, x, y, 50, 30)
        frames = recorder.sink.progress.frames
        painter.fill(window, 0xFFFFFF, 1, 1, 2, 2)
        recorder.wait(lambda before=frames: recorder.sink.progress.frames > before)
        shots.append((time.monotonic_ns(), screenshot(name)))
        time.sleep(0.2)
    found = [each for one in recorder.stop() for each in replay(one).frames()]
    for at_ns, shot in shots:
        frame, shown = [each for each in found if each[0].t_ns <= at_ns][-1]
        assert (frame.width_px, frame.height_px) == (shot.shape[1], shot.shape[0])
        assert np.array_equal(shown, shot)
    assert sum(frame.cause is FrameCause.KEYFRAME for frame, _ in found) >= 4
