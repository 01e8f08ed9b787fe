from __future__ import annotations

import itertools
import os
import subprocess
import threading
import time
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from Xlib import XK, X, display

from overt.desktop.x11.synth import Injected, Synth
from overt.protocol.errors import CaptureError
from overt.protocol.records import EventKind

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.display
WANTED = X.KeyPressMask | X.KeyReleaseMask | X.ButtonPressMask | X.ButtonReleaseMask


@pytest.fixture(scope="module")
def screen() -> Iterator[str]:
    read_end, write_end = os.pipe()
    command = ["Xvfb", "-displayfd", str(write_end), "-screen", "0", "400x300x24"]
    xvfb = subprocess.Popen(
        [*command, "-nolisten", "tcp", "-noreset"],
        pass_fds=(write_end,),
        stderr=subprocess.DEVNULL,
    )
    os.close(write_end)
    with os.fdopen(read_end) as pipe:
        yield ":" + pipe.readline().strip()
    xvfb.terminate()
    xvfb.wait()


class Window:
    """A window over the whole screen that keeps what reaches it."""

    def __init__(self, name: str) -> None:
        self.display: Any = display.Display(name)
        root = self.display.screen().root
        self.window = root.create_window(0, 0, 400, 300, 0, X.CopyFromParent)
        self.window.change_attributes(
            event_mask=WANTED | X.PointerMotionMask, override_redirect=1
        )
        self.window.map()
        self.display.sync()
        self.window.set_input_focus(X.RevertToParent, X.CurrentTime)
        self.display.sync()

    def seen(self) -> list[tuple[int, int, int, int, int]]:
        self.display.sync()
        time.sleep(0.05)
        out = []
        while self.display.pending_events():
            event = self.display.next_event()
            if event.type in range(X.KeyPress, X.MotionNotify + 1):
                shift = int(bool(event.state & X.ShiftMask))
                out.append(
                    (event.type, event.detail, shift, event.root_x, event.root_y)
                )
        return out


@pytest.fixture
def window(screen: str) -> Iterator[Window]:
    made = Window(screen)
    yield made
    made.display.close()


@pytest.fixture
def synth(screen: str, window: Window) -> Iterator[Synth]:
    del window
    rng = Random(7)  # noqa: S311 - variation
    with Synth(screen, pace=4.0, rng=rng) as made:
        yield made


def _as_x(event: Injected) -> tuple[int, int, int]:
    names = {
        EventKind.MOTION: X.MotionNotify,
        EventKind.BUTTON_PRESS: X.ButtonPress,
        EventKind.BUTTON_RELEASE: X.ButtonRelease,
        EventKind.KEY_PRESS: X.KeyPress,
        EventKind.KEY_RELEASE: X.KeyRelease,
    }
    return names[event.kind], event.x_px, event.y_px


def test_every_injected_event_arrives_once_in_order(
    synth: Synth, window: Window
) -> None:
    synth.glide(40, 50)
    synth.click()
    synth.glide(300, 200)
    synth.click("right", count=2)
    synth.type_text("Ab, C!")
    synth.combo("ctrl+shift+a")
    synth.scroll("down")
    seen = window.seen()
    assert [(kind, x, y) for kind, _, _, x, y in seen] == [
        _as_x(event) for event in synth.log
    ]


def test_a_motion_to_where_the_pointer_is_makes_no_event(
    synth: Synth, window: Window
) -> None:
    synth.move(11, 12)
    window.seen()
    before = len(synth.log)
    assert synth.move(11, 12) is False
    assert synth.move(12, 12) is True
    assert len(synth.log) == before + 1
    assert len(window.seen()) == 1


def test_a_motion_ends_inside_the_screen(synth: Synth) -> None:
    synth.move(5000, -3)
    assert synth.position() == (399, 0)


def test_typing_logs_keysyms_that_the_held_shift_selects(
    synth: Synth, window: Window
) -> None:
    synth.type_text("aA_")
    pressed = [e.detail for e in synth.log if e.kind is EventKind.KEY_PRESS]
    assert pressed == [ord("a"), XK.XK_Shift_L, ord("A"), XK.XK_Shift_L, ord("_")]
    looked_up = [
        window.display.keycode_to_keysym(code, shift)
        for kind, code, shift, _, _ in window.seen()
        if kind == X.KeyPress
    ]
    assert looked_up == pressed


def test_a_person_types_no_faster_than_40_ms_a_key(synth: Synth) -> None:
    synth.pace = 100.0
    synth.type_text("quick")
    presses = [e.t_ns for e in synth.log if e.kind is EventKind.KEY_PRESS]
    assert min(b - a for a, b in itertools.pairwise(presses)) >= 39e6


def test_a_combination_releases_what_it_pressed(synth: Synth) -> None:
    synth.combo("ctrl+alt+Delete")
    kinds = [(e.kind, e.detail) for e in synth.log]
    assert kinds[-1] == (EventKind.KEY_RELEASE, XK.XK_Control_L)
    down = [detail for kind, detail in kinds if kind is EventKind.KEY_PRESS]
    up = [detail for kind, detail in kinds if kind is EventKind.KEY_RELEASE]
    assert sorted(down) == sorted(up)


def test_a_character_without_a_key_is_refused_before_anything_is_typed(
    synth: Synth,
) -> None:
    with pytest.raises(CaptureError, match="keysym"):
        synth.type_text("ab\u4e2d")
    assert synth.log == []


@pytest.mark.parametrize("combo", ["hyper+a", "ctrl+nosuchkey"])
def test_an_unknown_combination_is_refused(synth: Synth, combo: str) -> None:
    with pytest.raises(CaptureError):
        synth.combo(combo)
    assert synth.log == []


def test_a_display_that_is_not_there_is_named() -> None:
    with pytest.raises(CaptureError, match=":987"):
        Synth(":987")


def test_a_held_screen_stays_as_it_was_until_the_next_press(screen: str) -> None:
    drawn = threading.Event()

    def draw() -> None:
        client = display.Display(screen)
        root = client.screen().root
        pen = root.create_gc(foreground=0x3366AA, subwindow_mode=X.IncludeInferiors)
        root.fill_rectangle(pen, 0, 0, 400, 300)
        client.sync()
        drawn.set()
        client.close()

    with Synth(screen) as synth:
        held = synth.hold_screen()
        painter = threading.Thread(target=draw)
        painter.start()
        assert not drawn.wait(0.3)
        synth.button(1, press=True)
        assert drawn.wait(20)
        painter.join()
        synth.button(1, press=False)
        after = synth.hold_screen()
        synth.button(1, press=True)
        synth.button(1, press=False)
    assert (after == (0x33, 0x66, 0xAA)).all()
    assert not (held == after).all()
