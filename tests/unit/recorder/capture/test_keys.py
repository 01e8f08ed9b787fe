"""Batches of the record lane become events: times, keysyms, devices."""

import numpy as np
import pytest
from Xlib import X

from overt.desktop.x11.clock import ServerClock
from overt.desktop.x11.recordlane import DEVICE_EVENT_DTYPE
from overt.protocol.records import EventKind
from overt.recorder.capture.keys import InputDecoder, acts


class Layout:
    def __init__(self) -> None:
        self._down: dict[int, int] = {}

    def press(self, keycode: int, state: int) -> int:
        self._down[keycode] = keycode + (1000 if state & X.ShiftMask else 0)
        return self._down[keycode]

    def release(self, keycode: int, state: int) -> int:
        return self._down.pop(keycode, keycode + state)


class Clock(ServerClock):
    def to_ns(self, server_ms: int, now_ns: int | None = None) -> int:
        return super().to_ns(server_ms, now_ns or (1 << 32) * 1_000_000)


def _batch(*rows: tuple[int, int, int, int, int, int]) -> np.ndarray:
    return np.array([(*row, 5) for row in rows], DEVICE_EVENT_DTYPE)


def test_kinds_places_and_times_are_kept_across_the_wrap_of_the_clock() -> None:
    late = (1 << 32) - 2
    batch = _batch(
        (late, X.MotionNotify, 0, -3, 7, 0),
        (late + 1, X.ButtonPress, 1, 5, 6, 0),
        (3, X.ButtonRelease, 1, 5, 6, X.Button1Mask),
    )
    events = InputDecoder(Clock(), Layout()).decode(batch)
    assert events["kind"].tolist() == [
        EventKind.MOTION,
        EventKind.BUTTON_PRESS,
        EventKind.BUTTON_RELEASE,
    ]
    assert np.diff(events["t_ns"]).tolist() == [1_000_000, 4_000_000]
    assert (events["x_px"][0], events["y_px"][0]) == (-3, 7)
    assert events["detail"].tolist() == [0, 1, 1]
    assert events["state"][2] == X.Button1Mask


def test_a_release_has_the_keysym_of_its_press() -> None:
    decoder = InputDecoder(Clock(), Layout())
    shifted = _batch((10, X.KeyPress, 38, 0, 0, X.ShiftMask))
    (press,) = decoder.decode(shifted)
    (release,) = decoder.decode(_batch((20, X.KeyRelease, 38, 0, 0, 0)))
    assert (press["detail"], press["device"]) == (1038, 5)
    assert (release["detail"], release["device"]) == (1038, 5)


def test_an_empty_batch_is_empty() -> None:
    assert len(InputDecoder(Clock(), Layout()).decode(_batch())) == 0


@pytest.mark.parametrize(
    ("keysym", "expected"),
    [
        (ord("a"), False),
        (0xFF0D, True),  # Return
        (0xFE20, True),  # back tab
        (0xFFE3, True),  # Control begins a shortcut
        (0xFF54, True),  # Down
        (0xFF08, False),  # BackSpace
        (0xFFE1, False),  # Shift
        (0xFF20, False),  # Compose
        (0xFFB1, False),  # keypad 1
    ],
)
def test_which_keys_act(keysym: int, expected: bool) -> None:  # noqa: FBT001
    assert acts(keysym) is expected
