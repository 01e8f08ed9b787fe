"""Levels of windows and verdicts over time."""

import numpy as np
import pytest

from overt.desktop.types import Rect, Stack, Window
from overt.protocol.records import EVENT_DTYPE, EventArray, Level
from overt.recorder.capture.allowance import History, View, look
from overt.recorder.capture.screenlog import Area

SCREEN = Rect(0, 0, 100, 100)
BROWSER = Window(1, 1, Rect(0, 0, 80, 80), "Browser", "a page", 7)
BANK = Window(2, 2, Rect(50, 50, 40, 40), "Bank", "money", 8)


class Allow:
    def level_for(self, app: str, url: str | None, title: str) -> Level:
        allowed = app == "Browser" and url == "https://a/" and title != "private"
        return Level.CLEAR if allowed else Level.OFF

    def needs_url(self, app: str) -> bool:
        return app == "Browser"


def _view(*windows: Window, t_ns: int = 0, url: str = "https://a/") -> View:
    active = windows[0].window_id if windows else 0
    stack = Stack(windows, active, SCREEN)
    return look(t_ns, stack, lambda _: url, Allow())


def _events(*places: tuple[int, int, int]) -> EventArray:
    events = np.zeros(len(places), EVENT_DTYPE)
    for event, (t_ns, x_px, y_px) in zip(events, places, strict=True):
        event["t_ns"], event["x_px"], event["y_px"] = t_ns, x_px, y_px
    return events


def test_only_the_visible_part_of_an_allowed_window_may_be_seen() -> None:
    view = _view(BROWSER, BANK)
    assert view.areas == (
        Area(Rect(0, 0, 80, 50), Level.CLEAR),
        Area(Rect(0, 50, 50, 30), Level.CLEAR),
    )
    assert view.level_at(10, 10) is Level.CLEAR
    assert view.level_at(60, 60) is Level.OFF
    assert view.level_at(95, 5) is Level.OFF  # the bare root window


def test_an_unknown_page_is_off() -> None:
    stack = Stack((BROWSER,), 1, SCREEN)
    assert look(0, stack, lambda _: None, Allow()).areas == ()


@pytest.mark.parametrize(
    ("menu", "level"),
    [
        (Window(3, 3, Rect(0, 0, 9, 9), pid=7, managed=False), Level.CLEAR),
        (Window(3, 3, Rect(0, 0, 9, 9), pid=8, managed=False), Level.OFF),
        (Window(3, 3, Rect(0, 0, 9, 9), managed=False), Level.OFF),
        (
            Window(3, 3, Rect(0, 0, 9, 9), pid=7, transient_for=2, managed=False),
            Level.OFF,
        ),
    ],
)
def test_a_menu_has_the_level_of_its_owner(menu: Window, level: Level) -> None:
    assert _view(BROWSER, BANK, menu).level_of(3) is level


def test_a_keyboard_behind_a_screen_lock_is_off() -> None:
    lock = Window(9, 9, SCREEN, managed=False)
    assert _view(BROWSER).keyboard_level is Level.CLEAR
    assert _view(BROWSER, lock).keyboard_level is Level.OFF


def test_a_verdict_needs_all_views_of_its_time_to_agree() -> None:
    history = History()
    for view in (_view(BROWSER), _view(BROWSER, t_ns=1000, url="https://b/")):
        history.add(view)
    assert history.keyboard_level(0, 900) is Level.CLEAR
    assert history.keyboard_level(0, 1000) is Level.OFF
    events = _events((-5, 1, 1), (100, 1, 1), (100, 90, 90), (600, 1, 1), (1100, 1, 1))
    assert history.pointer_levels(events, 500).tolist() == [0, 3, 0, 0, 0]


def test_a_later_view_takes_back_stricter_windows_and_what_covers() -> None:
    history = History()
    first = _view(BROWSER)
    history.add(first)
    assert history.agreed_areas(first, first.areas, 5000) == first.areas
    history.add(_view(BROWSER, BANK, t_ns=1000))
    assert history.agreed_areas(first, first.areas, 999) == first.areas
    assert history.agreed_areas(first, first.areas, 1000) == (
        Area(Rect(0, 0, 80, 50), Level.CLEAR),
        Area(Rect(0, 50, 50, 30), Level.CLEAR),
    )
    history.add(_view(BROWSER, t_ns=2000, url="https://b/"))
    assert history.agreed_areas(first, first.areas, 2000) == ()


def test_old_views_are_forgotten_but_the_one_in_force_stays() -> None:
    history = History()
    for t_ns in (0, 1000, 2000):
        history.add(_view(BROWSER, t_ns=t_ns))
    history.forget_before(1500)
    assert [view.t_ns for view in history.during(0, 9999)] == [1000, 2000]
    assert history.keyboard_level(500, 600) is Level.OFF  # not known any more
