"""A minute that is masked more keeps no character, by whichever key it was typed."""

import numpy as np
import pytest

from overt.protocol.records import EVENT_DTYPE, EventKind
from overt.recorder.capture.gate import PLACEHOLDER
from overt.recorder.person.maskmore import without_text

SHIFT, CONTROL, RETURN, BACKSPACE = 0x01, 0x04, 0xFF0D, 0xFF08


def _masked(keysym: int, state: int = 0) -> tuple[int, int]:
    events = np.zeros(1, EVENT_DTYPE)
    events["kind"], events["detail"] = EventKind.KEY_PRESS, keysym
    events["state"] = state
    (masked,) = without_text(events)
    return int(masked["detail"]), int(masked["state"])


@pytest.mark.parametrize("keysym", [ord("a"), 0x6C1, 0x7F3, 0xEA1, 0xFFB7, 0xFFAE])
def test_characters_leave_a_placeholder(keysym: int) -> None:
    assert _masked(keysym, SHIFT) == (PLACEHOLDER, 0)


@pytest.mark.parametrize("keysym", [0xFFE1, 0xFE03, 0xFE51, 0xFF20, 0xFF7E])
def test_keys_that_shape_text_leave_their_time_alone(keysym: int) -> None:
    assert _masked(keysym, SHIFT) == (0, 0)


@pytest.mark.parametrize(
    ("keysym", "state"),
    [(RETURN, 0), (BACKSPACE, 0), (0xFF8D, 0), (0xFF51, SHIFT), (ord("c"), CONTROL)],
)
def test_keys_that_act_and_shortcuts_stay(keysym: int, state: int) -> None:
    assert _masked(keysym, state) == (keysym, state)
