"""The proof of exactness, with a screen whose events the test writes itself."""

from collections import deque

import numpy as np

from overt.desktop.types import Rect, Stack, Window
from overt.desktop.x11.screen import (
    Damage,
    Grab,
    RawPress,
    ScreenEvent,
    StackChanged,
)
from overt.protocol.records import DirtyRecord, EventKind, FrameCause, Level
from overt.recorder.capture.allowance import View
from overt.recorder.capture.frames import (
    FRAME_NS,
    LASTING_FRAME_NS,
    Bursts,
    Filmer,
    Held,
)
from overt.recorder.capture.screenlog import Area

SCREEN = Rect(0, 0, 200, 100)
LEFT, RIGHT = Rect(0, 0, 50, 50), Rect(100, 0, 50, 50)
OUTSIDE = Rect(180, 0, 10, 10)
WINDOW = Rect(0, 0, 160, 100)


class Screen:
    """Grabs are noted; events that come before a grab are set by the test."""

    root_rect = SCREEN

    def __init__(self) -> None:
        self.grabbed: list[Rect] = []
        self.coming: deque[list[ScreenEvent]] = deque()

    def grab(self, rect: Rect) -> Grab:
        self.grabbed.append(rect)
        before = self.coming.popleft() if self.coming else []
        pixels = np.zeros((rect.height, rect.width, 3), np.uint8)
        return Grab(rect, pixels, before)


def _filmer(screen: Screen) -> Filmer:
    window = Window(1, 1, WINDOW)
    view = View(
        0, Stack((window,), 1, SCREEN), (Level.CLEAR,), {}, (Area(WINDOW, Level.CLEAR),)
    )
    filmer = Filmer(screen, lambda: view, lambda _: True)
    filmer.tick(FRAME_NS)
    filmer.take(1 << 60)
    screen.grabbed.clear()
    return filmer


def _press(t_ns: int) -> RawPress:
    return RawPress(t_ns, EventKind.BUTTON_PRESS, 1)


def _only(filmer: Filmer) -> Held:
    (held,) = [item for item in filmer.take(1 << 60) if isinstance(item, Held)]
    return held


def test_with_nothing_dirty_a_press_needs_no_grab_and_is_exact() -> None:
    screen = Screen()
    filmer = _filmer(screen)
    filmer.handle([_press(1000), Damage(1001, LEFT)])
    picture = _only(filmer).picture
    assert (picture.cause, picture.t_ns, picture.exact) == (
        FrameCause.PRESS,
        1000,
        True,
    )
    assert screen.grabbed == []


def test_what_was_dirty_at_the_press_is_fetched_at_once() -> None:
    screen = Screen()
    filmer = _filmer(screen)
    filmer.handle([Damage(900, LEFT), _press(1000), Damage(1001, RIGHT)])
    assert screen.grabbed == [LEFT]
    assert _only(filmer).picture.exact


def test_drawing_after_the_press_where_it_was_dirty_spoils_the_proof() -> None:
    screen = Screen()
    filmer = _filmer(screen)
    filmer.handle([Damage(900, LEFT), _press(1000), Damage(1001, LEFT)])
    assert not _only(filmer).picture.exact


def test_drawing_before_the_reply_counts_as_well() -> None:
    screen = Screen()
    filmer = _filmer(screen)
    screen.coming.append([Damage(1001, LEFT)])
    filmer.handle([Damage(900, LEFT), _press(1000)])
    items = filmer.take(1 << 60)
    assert [type(item) for item in items] == [DirtyRecord, Held, DirtyRecord]
    assert isinstance(items[1], Held)
    assert not items[1].picture.exact


def test_drawing_outside_the_areas_is_not_even_noticed() -> None:
    screen = Screen()
    filmer = _filmer(screen)
    filmer.handle([Damage(900, OUTSIDE)])
    assert filmer.wait_ns(1 << 40) is None
    assert filmer.take(1 << 60) == []


def test_the_rate_is_capped_and_damage_in_between_collected() -> None:
    screen = Screen()
    filmer = _filmer(screen)
    filmer.handle([Damage(900, LEFT)])
    assert filmer.wait_ns(FRAME_NS + 10) == FRAME_NS - 10
    filmer.tick(FRAME_NS + 10)
    assert screen.grabbed == []
    filmer.handle([Damage(950, RIGHT)])
    filmer.tick(2 * FRAME_NS)
    assert screen.grabbed == [LEFT, RIGHT]
    held = _only(filmer)
    assert (held.picture.t_ns, held.picture.exact) == (950, True)


def test_a_screen_that_changes_all_the_time_is_filmed_more_slowly() -> None:
    screen, now_ns = Screen(), 10**10
    filmer = _filmer(screen)
    for _ in range(200):  # ten seconds of a video, painted 20 times a second
        filmer.handle([Damage(now_ns, WINDOW)])
        filmer.tick(now_ns)
        now_ns += FRAME_NS
    assert 4 * 8 + 20 <= len(screen.grabbed) <= 4 * 8 + 24
    filmer.handle([Damage(now_ns, WINDOW), _press(now_ns)])  # at once, as ever
    assert screen.grabbed[-1] == WINDOW
    now_ns += 10 * LASTING_FRAME_NS
    for _ in range(3):  # it is over: a caret blinks
        screen.grabbed.clear()
        filmer.handle([Damage(now_ns, Rect(5, 5, 1, 9))])
        filmer.tick(now_ns)
        assert screen.grabbed
        now_ns += FRAME_NS


def test_a_window_that_comes_while_fetching_is_judged_before_its_pixels_count() -> None:
    screen = Screen()
    filmer = _filmer(screen)
    screen.coming.append([StackChanged(1001)])
    filmer.handle([Damage(900, LEFT), _press(1000)])
    assert screen.grabbed == [LEFT, LEFT]
    assert _only(filmer).picture.exact


def test_a_stack_that_never_rests_gives_no_pixels() -> None:
    screen = Screen()
    filmer = _filmer(screen)
    screen.coming.extend([StackChanged(1001)] for _ in range(3))
    filmer.handle([Damage(900, LEFT), _press(1000)])
    picture = _only(filmer).picture
    assert (picture.exact, picture.patches) == (False, ())


def test_many_small_rectangles_become_one() -> None:
    screen = Screen()
    filmer = _filmer(screen)
    filmer.handle([Damage(900, Rect(5 * n, 10, 3, 3)) for n in range(30)])
    filmer.tick(2 * FRAME_NS)
    assert len(screen.grabbed) < 10


def test_bursts_open_with_their_first_press() -> None:
    bursts = Bursts(lambda code: code == 36)
    key, wheel, click = EventKind.KEY_PRESS, EventKind.BUTTON_PRESS, 1
    ms = 1_000_000
    presses = [
        RawPress(0, key, 38),
        RawPress(100 * ms, key, 39),
        RawPress(200 * ms, key, 36),  # Return acts
        RawPress(250 * ms, key, 38),
        RawPress(300 * ms, key, 39),
        RawPress(600 * ms, key, 38),
        RawPress(700 * ms, wheel, 5),
        RawPress(750 * ms, wheel, 5),
        RawPress(760 * ms, EventKind.BUTTON_PRESS, click),
        RawPress(800 * ms, key, 38),  # a click ended the burst
    ]
    opened = [bursts.opens(press) for press in presses]
    assert opened == [True, False, True, True, False, True, True, False, True, True]
