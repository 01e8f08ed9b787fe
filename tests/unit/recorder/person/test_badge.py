"""The badge says its state whole, and is the same pixels wherever it is drawn."""

import numpy as np
import pytest

from overt.recorder.person.badge import HEIGHT_PX, WIDTH_PX, Badge, draw_badge


@pytest.mark.parametrize(
    "text",
    [
        "Recording: clear",
        "Recording: masked",
        "Recording: not here",
        "Not recording: starting",
        "Not recording: forgetting",
        "Paused until tomorrow",
        "Paused until resumed",
        "Paused until 23:58",
        "Nothing is written!",
        "Recorder hangs",
    ],
)
def test_no_state_is_cut(text: str) -> None:
    shown = draw_badge(Badge("grey", text))
    assert shown.shape == (HEIGHT_PX, WIDTH_PX, 3)
    assert not np.array_equal(shown, draw_badge(Badge("grey", f"{text} {text}")))


def test_an_alarm_is_red_all_over() -> None:
    assert tuple(draw_badge(Badge("alarm", ""))[5, 60]) == (186, 22, 28)
