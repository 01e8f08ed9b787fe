"""The indicator on a real X server: seen, covered, dead, clicked."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from Xlib import X, display
from Xlib.ext import randr, xtest
from Xlib.protocol import rq

from overt.protocol.errors import CaptureError
from overt.recorder.person.badge import HEIGHT_PX, WIDTH_PX, Badge, draw_badge
from overt.recorder.person.indicator import Indicator, indicator_seen

RED = Badge("red", "Recording")
AMBER = Badge("amber", "Paused until 14:05")


@pytest.fixture(scope="module")
def screen() -> Iterator[str]:
    reader, writer = os.pipe()
    server = subprocess.Popen(
        ["/usr/bin/Xvfb", "-displayfd", str(writer), "-screen", "0", "640x420x24"],
        pass_fds=[writer],
        stderr=subprocess.DEVNULL,
    )
    os.close(writer)
    with os.fdopen(reader) as said:
        name = f":{said.readline().strip()}"
    keeper = display.Display(name)
    yield name
    keeper.close()
    server.terminate()
    server.wait()


@pytest.fixture
def indicator(screen: str) -> Iterator[Indicator]:
    made = Indicator(screen)
    made.wait_until_up()
    yield made
    made.close()


def _settle(indicator: Indicator, badge: Badge, seconds: float) -> str:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        indicator.show(badge)
        if problem := indicator.problem():
            return problem
        time.sleep(0.05)
    return ""


def _cover(client: Any) -> None:
    cover = client.screen().root.create_window(
        *(0, 0, 640, 420, 0, X.CopyFromParent),
        override_redirect=True,
        background_pixel=0x204080,
    )
    cover.map()
    client.sync()


def test_badges_differ_and_fit() -> None:
    long = draw_badge(Badge("grey", "Not recording: no fresh word from the server"))
    assert long.shape == (HEIGHT_PX, WIDTH_PX, 3)
    assert indicator_seen(draw_badge(RED), (AMBER, RED))
    assert not indicator_seen(draw_badge(RED), (AMBER,))
    assert not indicator_seen(np.zeros_like(long), (RED,))


@pytest.mark.display
def test_it_is_seen_and_leaves_the_top_left_free(indicator: Indicator) -> None:
    assert _settle(indicator, RED, 2.6) == ""
    assert _settle(indicator, AMBER, 2.6) == ""
    assert indicator.rect.x >= 160


@pytest.mark.display
def test_it_rises_above_a_window_that_covers_it(
    indicator: Indicator, screen: str
) -> None:
    client = display.Display(screen)
    _cover(client)
    assert _settle(indicator, RED, 2.6) == ""
    client.close()


@pytest.mark.display
def test_unseen_for_two_seconds_is_a_problem(indicator: Indicator, screen: str) -> None:
    assert _settle(indicator, RED, 0.5) == ""
    indicator._process.send_signal(signal.SIGSTOP)  # so that it cannot rise
    client = display.Display(screen)
    _cover(client)
    start = time.monotonic()
    assert _settle(indicator, RED, 4) == "The indicator cannot be seen."
    assert 1.5 < time.monotonic() - start < 3
    indicator._process.send_signal(signal.SIGCONT)
    client.close()


@pytest.mark.display
def test_its_death_is_known_at_once(screen: str) -> None:
    made = Indicator(screen)
    made.wait_until_up()
    made._process.kill()
    made._process.wait()
    made.show(AMBER)
    assert made.problem() == "The indicator has ended."
    made.close()


@pytest.mark.display
def test_a_click_arrives(indicator: Indicator, screen: str) -> None:
    client = display.Display(screen)
    place = indicator.rect
    xtest.fake_input(client, X.MotionNotify, x=place.x + 9, y=place.y + 9)
    for kind in (X.ButtonPress, X.ButtonRelease):
        xtest.fake_input(client, kind, 1)
    client.sync()
    end = time.monotonic() + 3
    while not (clicked := indicator.clicked()) and time.monotonic() < end:
        time.sleep(0.02)
    client.close()
    assert clicked


@pytest.mark.display
def test_the_chord_arrives_and_no_window_gets_it(
    indicator: Indicator, screen: str
) -> None:
    client = display.Display(screen)
    window = client.screen().root.create_window(
        *(0, 0, 300, 300, 0, X.CopyFromParent),
        override_redirect=True,
        event_mask=X.KeyPressMask,
    )
    window.map()
    client.sync()
    window.set_input_focus(X.RevertToParent, X.CurrentTime)
    codes = [client.keysym_to_keycode(one) for one in (0xFFE3, 0xFFE9, 0x70)]
    for code in codes:  # Control, Alt, p
        xtest.fake_input(client, X.KeyPress, code)
    for code in codes[::-1]:
        xtest.fake_input(client, X.KeyRelease, code)
    client.sync()
    end = time.monotonic() + 10
    while not (chorded := indicator.chorded()) and time.monotonic() < end:
        time.sleep(0.02)
    client.sync()
    pressed = [
        event.detail
        for _ in range(client.pending_events())
        if (event := client.next_event()).type == X.KeyPress
    ]
    client.close()
    assert chorded
    assert indicator.has_chord
    assert codes[2] not in pressed


@pytest.mark.display
def test_every_monitor_has_a_badge_and_one_that_is_covered_counts(screen: str) -> None:
    client = display.Display(screen)
    root = client.screen().root
    for number, x in enumerate((0, 320)):
        _set_monitor(client, f"HALF{number}", x)
    made = Indicator(screen)
    try:
        made.wait_until_up()
        assert [one.x for one in made._eyes.places()] == [126, 446]
        assert _settle(made, RED, 1.5) == ""
        made._process.send_signal(signal.SIGSTOP)
        cover = root.create_window(
            *(120, 0, 200, 60, 0, X.CopyFromParent),
            override_redirect=True,
            background_pixel=0x204080,
        )
        cover.map()
        client.sync()
        assert _settle(made, RED, 30) == "The indicator cannot be seen."
    finally:
        made._process.send_signal(signal.SIGCONT)
        made.close()
        for number in range(2):
            randr.delete_monitor(root, client.intern_atom(f"HALF{number}"))
        client.sync()
        client.close()


class _SetMonitor(rq.Request):  # type: ignore[misc]
    """RRSetMonitor; python-xlib's own cannot be packed."""

    _request = rq.Struct(
        *(rq.Card8("opcode"), rq.Opcode(43), rq.RequestLength()),
        *(rq.Window("window"), rq.Card32("name")),
        *(rq.Bool("primary"), rq.Bool("automatic"), rq.LengthOf("outputs", 2)),
        *(rq.Int16("x"), rq.Int16("y"), rq.Card16("width"), rq.Card16("height")),
        *(rq.Card32("width_mm"), rq.Card32("height_mm")),
        rq.List("outputs", rq.Card32Obj),
    )


def _set_monitor(client: Any, name: str, x: int) -> None:
    """A monitor of half the screen's width."""
    root = client.screen().root
    outputs = [] if x else list(randr.get_screen_resources(root).outputs[:1])
    _SetMonitor(
        display=client.display,
        opcode=client.display.get_extension_major("RANDR"),
        window=root.id,
        name=client.intern_atom(name),
        primary=False,
        automatic=False,
        x=x,
        y=0,
        width=320,
        height=420,
        width_mm=85,
        height_mm=111,
        outputs=outputs,
    )
    client.sync()


def test_without_a_display_it_refuses() -> None:
    with pytest.raises(CaptureError):
        Indicator(":54321")
