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


@pytest.mark.parametrize(
    "text", ["Recording: clear", "Recording: masked", "Paused until 23:58"]
)
def test_beside_a_notice_the_state_is_whole(text: str) -> None:
    plain, marked = (draw_badge(Badge("red", text, news)) for news in (False, True))
    differs = np.flatnonzero((plain != marked).any(axis=(0, 2)))
    assert differs.size
    written = np.flatnonzero((plain[:, 24:160] == 244).any(axis=(0, 2))) + 24
    assert differs.min() > written.max()


def test_news_is_an_amber_mark_that_no_badge_without_it_has() -> None:
    amber = np.array([240, 170, 40])
    for has_news in (False, True):
        shown = draw_badge(Badge("red", "Recording: masked", has_news))
        assert (shown == amber).all(axis=2).any() == has_news


def test_an_alarm_is_red_all_over() -> None:
    assert tuple(draw_badge(Badge("alarm", ""))[5, 60]) == (186, 22, 28)
