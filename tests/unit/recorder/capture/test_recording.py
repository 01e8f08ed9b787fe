"""What is painted and injected is what stands in the segments, and nothing else."""

import time
from typing import Any

import numpy as np
import pytest
from Xlib import X

from overt.desktop.types import Rect
from overt.desktop.x11.screenshot import screenshot
from overt.protocol.errors import CaptureError
from overt.protocol.records import (
    DirtyRecord,
    EventKind,
    FrameCause,
    FrameRecord,
    Level,
    MarkRecord,
)
from overt.recorder.capture.gate import PLACEHOLDER

pytestmark = pytest.mark.display


def _press_frames(segment: Any, replay: Any) -> list[Any]:
    frames = replay(segment).frames()
    return [each for each in frames if each[0].cause is FrameCause.PRESS]


def test_replayed_frames_equal_screenshots_at_random_times(
    bench: Any, painter: Any, x_server: str, replay: Any
) -> None:
    window = painter.window(0, 0, 640, 400)
    painter.focus(window)
    recorder = bench()
    generator = np.random.default_rng(3)
    shots = []
    for _ in range(25):
        for colour in generator.integers(1, 1 << 24, 4).tolist():
            x, y = (int(v) for v in generator.integers(0, 380, 2))
            painter.fill(window, colour, x, y, 60, 30)
        time.sleep(float(generator.uniform(0.06, 0.12)))
        shots.append((time.monotonic_ns(), screenshot(x_server)))
    (segment,) = recorder.stop()
    frames = list(replay(segment).frames())
    assert frames[0][0].cause is FrameCause.KEYFRAME
    dirty = [each.t_ns for each in segment.records if isinstance(each, DirtyRecord)]
    compared = 0
    for at_ns, shot in shots:
        frame, shown = [each for each in frames if each[0].t_ns <= at_ns][-1]
        if any(frame.t_ns < t_ns <= at_ns for t_ns in dirty):
            continue  # the recorder was held up, and says that it does not know
        compared += 1
        assert np.array_equal(shown, shot)
    assert compared >= 10
    window.destroy()


def test_recorded_events_are_the_injected_ones(
    bench: Any, painter: Any, replay: Any
) -> None:
    window = painter.window(0, 0, 640, 400)
    painter.focus(window)
    recorder = bench()
    injected = []
    pairs = (
        (EventKind.BUTTON_PRESS, X.ButtonPress),
        (EventKind.BUTTON_RELEASE, X.ButtonRelease),
    )
    for step in range(40):
        x, y = 20 + step * 7, 30 + step * 5
        painter.fake(X.MotionNotify, 0, x, y)
        injected.append((EventKind.MOTION, 0, x, y))
        for kind, fake in pairs:
            painter.fake(fake, 1 + step % 5)
            injected.append((kind, 1 + step % 5, x, y))
        time.sleep(0.02)
    time.sleep(0.6)  # a click may have moved the focus: keys soon after it are secret
    pairs = ((EventKind.KEY_PRESS, X.KeyPress), (EventKind.KEY_RELEASE, X.KeyRelease))
    for step in range(26):
        for kind, fake in pairs:
            painter.fake(fake, 38 + step % 3)
            injected.append((kind, ord("asd"[step % 3]), x, y))
        time.sleep(0.02)
    (segment,) = recorder.stop()
    assert replay(segment).events() == injected
    devices = {
        int(event["device"])
        for record in segment.records
        if hasattr(record, "events")
        for event in record.events[record.events["kind"] != EventKind.MOTION]
    }
    assert len(devices - {0}) == 2  # the pointer and the keyboard of XTEST
    times = [r.t_ns for r in segment.records if hasattr(r, "t_ns")]
    assert times == sorted(times)
    window.destroy()


def test_a_press_frame_is_the_screen_just_before_the_press(
    bench: Any, painter: Any, x_server: str, replay: Any
) -> None:
    window = painter.window(0, 0, 640, 400, event_mask=X.ButtonPressMask)
    painter.focus(window)
    recorder = bench()
    shots = []
    for step in range(40):
        painter.fill(window, 0x010203 * (step + 1), 10 * step, 10, 9, 200)
        time.sleep(0.03 * (step % 4))
        shots.append(screenshot(x_server))
        painter.fake(X.ButtonPress, 1)
        time.sleep(0.012)  # no application answers sooner
        painter.fill(window, 0x0000FF, 10 * step, 250, 9, 100)
        painter.fake(X.ButtonRelease, 1)
        time.sleep(0.05)
    (segment,) = recorder.stop()
    frames = _press_frames(segment, replay)
    assert len(frames) == len(shots)
    equal = [
        np.array_equal(pixels, shot)
        for (_, pixels), shot in zip(frames, shots, strict=True)
    ]
    exact = [frame.exact for frame, _ in frames]
    assert all(same for same, sure in zip(equal, exact, strict=True) if sure)
    assert sum(exact) >= 0.95 * len(shots)
    window.destroy()


def test_an_exact_frame_lasts_until_the_next_dirty_record(
    bench: Any, painter: Any
) -> None:
    window = painter.window(0, 0, 640, 400)
    painter.focus(window)
    recorder = bench()
    for step in range(5):
        painter.fill(window, 0x111111 * (step + 1), 0, 0, 100, 100)
        time.sleep(0.15)
    (segment,) = recorder.stop()
    kinds = [
        type(r) for r in segment.records if isinstance(r, FrameRecord | DirtyRecord)
    ]
    assert kinds == [FrameRecord] + [DirtyRecord, FrameRecord] * 5
    window.destroy()


def test_a_window_that_is_not_allowed_is_black_and_leaves_nothing(
    bench: Any, painter: Any, x_server: str, replay: Any
) -> None:
    allowed = painter.window(0, 0, 640, 400, colour=0x334455)
    secret = painter.window(200, 100, 150, 120, colour=0xC0FFEE, wm_class="bank")
    painter.focus(allowed)
    recorder = bench()
    painter.fake(X.MotionNotify, 0, 250, 150)  # over the other window
    painter.fake(X.ButtonPress, 1)
    painter.fake(X.ButtonRelease, 1)
    painter.focus(secret)
    painter.fake(X.KeyPress, 39)
    painter.fake(X.KeyRelease, 39)
    for step in range(5):
        painter.fill(secret, 0xC0FFEE - step, 0, 0, 50, 50)
        painter.fill(allowed, 0x112233 * (step + 1), 10, 10, 50, 50)
        time.sleep(0.1)
    painter.focus(allowed)
    shot = screenshot(x_server)
    time.sleep(1.2)
    painter.fake(X.MotionNotify, 0, 20, 20)
    time.sleep(0.1)
    (segment,) = recorder.stop()
    shot[100:220, 200:350] = 0
    frames = list(replay(segment).frames())
    assert np.array_equal(frames[-1][1], shot)
    for _, pixels in frames:
        assert not pixels[100:220, 200:350].any()
    assert replay(segment).events() == [(EventKind.MOTION, 0, 20, 20)]
    marks = [r.kind for r in segment.records if isinstance(r, MarkRecord)]
    assert marks == ["gap", "resume"]
    tiles = np.concatenate([r.pixels for r in segment.records if hasattr(r, "pixels")])
    assert not (tiles == np.array([0xC0, 0xFF, 0xEE])).all(axis=-1).any()
    secret.destroy()
    allowed.destroy()


def test_a_page_that_turns_out_not_to_be_allowed_takes_back_what_it_showed(
    bench: Any, painter: Any, replay: Any
) -> None:
    window = painter.window(0, 0, 640, 400, colour=0x445566)
    painter.focus(window)
    recorder = bench(bench.allow(page="https://a.example/"))
    recorder.application.url = "https://a.example/"
    recorder.application.ask_url(4242)
    recorder.wait(lambda: recorder.sink.progress.frames > 1)
    time.sleep(1)
    painter.fill(window, 0xBADBAD, 0, 0, 640, 400)  # the other page, not yet known
    painter.fake(X.MotionNotify, 0, 33, 44)
    time.sleep(0.25)
    recorder.application.url = "https://b.example/"
    recorder.application.ask_url(4242)
    time.sleep(0.8)
    (segment,) = recorder.stop()
    frames = [pixels for _, pixels in replay(segment).frames()]
    assert any((pixels == [0x44, 0x55, 0x66]).all() for pixels in frames)
    assert not any((p == [0xBA, 0xDB, 0xAD]).all(axis=-1).any() for p in frames)
    assert not frames[-1].any()
    assert replay(segment).events() == []
    window.destroy()


def test_keys_into_a_password_field_leave_one_mark(
    bench: Any, painter: Any, replay: Any
) -> None:
    window = painter.window(0, 0, 640, 400)
    painter.focus(window)
    recorder = bench()
    field = recorder.application.focus
    recorder.application.focus = type(field)(
        field.ref, "password text", is_password=True, trusted=True
    )
    for code in (38, 39, 40, 41):
        painter.fake(X.KeyPress, code)
        painter.fake(X.KeyRelease, code)
    (segment,) = recorder.stop()
    assert replay(segment).events() == []
    marks = [r.kind for r in segment.records if isinstance(r, MarkRecord)]
    assert marks == ["secret"]
    window.destroy()


def test_a_pause_ends_the_segment_and_nothing_of_it_is_recorded(
    bench: Any, painter: Any, replay: Any
) -> None:
    window = painter.window(0, 0, 640, 400)
    painter.focus(window)
    recorder = bench()
    painter.fake(X.MotionNotify, 0, 10, 10)
    recorder.steering.records = False
    recorder.wait(lambda: not recorder.steering.is_recording)
    painter.fake(X.MotionNotify, 0, 222, 222)
    painter.fill(window, 0xDEAD00, 0, 0, 64, 64)
    painter.fill(window, 0x202020, 0, 0, 64, 64)
    recorder.steering.records = True
    recorder.wait(lambda: recorder.sink.progress.segments == 2)
    painter.fake(X.MotionNotify, 0, 11, 11)
    first, second = recorder.stop()
    assert replay(first).events() == [(EventKind.MOTION, 0, 10, 10)]
    assert replay(second).events() == [(EventKind.MOTION, 0, 11, 11)]
    assert (first.header.sequence, second.header.sequence) == (0, 1)
    assert first.header.session == second.header.session
    assert first.complete
    assert second.complete
    for frame, pixels in replay(second).frames():
        assert not (pixels == [0xDE, 0xAD, 0x00]).all(axis=-1).any(), frame.t_ns
    window.destroy()


def test_marks_stand_among_the_events_of_their_time(bench: Any, painter: Any) -> None:
    window = painter.window(0, 0, 640, 400)
    painter.focus(window)
    recorder = bench()
    painter.fake(X.MotionNotify, 0, 5, 5)
    time.sleep(0.05)
    mark = MarkRecord(time.monotonic_ns(), "task_begin", {"task": "t"}, b"s" * 64)
    recorder.steering.marks.append(mark)
    time.sleep(0.05)
    painter.fake(X.MotionNotify, 0, 6, 6)
    time.sleep(0.2)
    (segment,) = recorder.stop()
    kinds = [type(r).__name__ for r in segment.records]
    kinds = [kind for kind in kinds if kind in {"InputRecord", "MarkRecord"}]
    assert kinds == ["InputRecord", "MarkRecord", "InputRecord"]
    assert mark in segment.records
    window.destroy()


def test_at_level_masked_typed_characters_and_pixels_are_hidden(
    bench: Any, painter: Any, replay: Any
) -> None:
    window = painter.window(0, 0, 640, 400, colour=0xABCDEF)
    painter.focus(window)
    recorder = bench(bench.allow(level=Level.MASKED))
    for code in (38, 36):  # a, Return
        painter.fake(X.KeyPress, code)
        painter.fake(X.KeyRelease, code)
    (segment,) = recorder.stop()
    details = [event[1] for event in replay(segment).events()]
    assert details == [PLACEHOLDER, PLACEHOLDER, 0xFF0D, 0xFF0D]
    assert not any(pixels.any() for _, pixels in replay(segment).frames())
    window.destroy()


def test_commits_prove_that_recording_goes_on(bench: Any, painter: Any) -> None:
    window = painter.window(0, 0, 640, 400)
    recorder = bench()
    began_ns = time.monotonic_ns()
    recorder.wait(lambda: (recorder.steering.last_commit_ns or 0) > began_ns)
    recorder.stop()
    assert recorder.sink.progress.last_commit_ns > began_ns
    window.destroy()


def test_a_display_that_goes_away_ends_the_recorder_with_a_clear_error(
    bench: Any,
) -> None:
    recorder = bench()
    recorder._recorder._display = ":9876"
    recorder.steering.records = False
    recorder.wait(lambda: not recorder.steering.is_recording)
    recorder.steering.records = True
    deadline = time.monotonic() + 5
    while recorder.error is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert isinstance(recorder.error, CaptureError)
    assert "display :9876 cannot be opened" in str(recorder.error)
    recorder.stop()


def test_what_was_recorded_is_kept_when_the_server_dies(
    bench: Any, mortal_server: Any, replay: Any
) -> None:
    server, name = mortal_server
    recorder = bench(name=name)
    server.kill()
    deadline = time.monotonic() + 10
    while recorder.error is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert isinstance(recorder.error, CaptureError)
    assert "X server closed the connection" in str(recorder.error)
    (segment,) = recorder.stop()
    assert segment.complete
    assert len(list(replay(segment).frames())) >= 1


def test_no_frame_shows_how_long_a_password_is(
    bench: Any, painter: Any, replay: Any
) -> None:
    """Dots in a field that says it is one, that moves, and that goes away."""
    window = painter.window(0, 0, 640, 400, colour=0x404040)
    painter.focus(window)
    recorder = bench()
    field, moved = Rect(100, 100, 200, 20), Rect(100, 160, 200, 20)
    recorder.application.secrets = {("app", "/secret"): field}
    recorder.application.ask_places()
    for dot in range(6):
        painter.fill(window, 0xFFFFFF, 110 + 12 * dot, 105, 8, 8)
        time.sleep(0.07)
    painter.fill(window, 0x404040, 100, 100, 200, 20)
    recorder.application.secrets = {("app", "/secret"): moved}
    for dot in range(6):
        painter.fill(window, 0xFFFFFF, 110 + 12 * dot, 165, 8, 8)
    frames = recorder.sink.progress.frames
    recorder.wait(lambda: recorder.sink.progress.frames > frames)
    painter.fill(window, 0x404040, 100, 160, 200, 20)
    recorder.application.secrets = {}
    for shade in range(1, 9):  # until the answer that there is no field has come
        time.sleep(0.3)
        frames = recorder.sink.progress.frames
        painter.fill(window, shade << 4, 10, 10, 20, 20)
        recorder.wait(lambda frames=frames: recorder.sink.progress.frames > frames)
    shown = [
        pixels for segment in recorder.stop() for _, pixels in replay(segment).frames()
    ]
    assert not any((pixels == 255).all(axis=2).any() for pixels in shown)
    assert any((pixels[100:120, 100:300] == 0).all() for pixels in shown)
    assert (shown[-1][100:120, 100:300] == 0x40).all(), "the field is gone: seen again"
    window.destroy()
