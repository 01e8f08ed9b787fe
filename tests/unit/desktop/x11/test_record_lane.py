"""What was injected is what is drained: kinds, details, positions, order."""

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from Xlib import X
from Xlib.ext import xtest

from overt.desktop.x11.recordlane import RecordLane

pytestmark = pytest.mark.display


@pytest.fixture
def lane(x_server: str) -> Iterator[Any]:
    opened = RecordLane(x_server)
    opened.drain()
    yield opened
    opened.close()


def test_every_injected_event_is_drained_with_its_position(
    lane: RecordLane, painter: Any
) -> None:
    injected = []
    x, y = 7, 9
    for step in range(60):
        x, y = 7 + step * 3, 9 + step * 2
        painter.fake(X.MotionNotify, 0, x, y)
        injected.append((X.MotionNotify, 0, x, y))
        button = 1 + step % 5
        for kind in (X.ButtonPress, X.ButtonRelease):
            painter.fake(kind, button)
            injected.append((kind, button, x, y))
        for kind in (X.KeyPress, X.KeyRelease):
            painter.fake(kind, 38 + step % 8)
            injected.append((kind, 38 + step % 8, x, y))
    events = lane.drain()
    fields = ("type", "detail", "root_x", "root_y")
    assert [tuple(int(e[f]) for f in fields) for e in events] == injected
    assert (np.diff(events["time_ms"].astype(np.int64)) >= 0).all()


def test_the_state_is_the_one_before_the_event(lane: RecordLane, painter: Any) -> None:
    painter.fake(X.ButtonPress, 1)
    painter.fake(X.ButtonRelease, 1)
    press, release = lane.drain()
    assert press["state"] & X.Button1Mask == 0
    assert release["state"] & X.Button1Mask


def test_nothing_is_lost_at_a_kilohertz(lane: RecordLane, painter: Any) -> None:
    count = 3000
    drained = []
    for step in range(count):
        xtest.fake_input(
            painter.display, X.MotionNotify, x=step % 700, y=(step // 700) * 5
        )
        painter.display.flush()
        time.sleep(0.0007)
        if step % 40 == 0:
            drained.append(lane.drain())
    painter.display.sync()
    drained.append(lane.drain())
    events = np.concatenate(drained)
    assert events["root_x"].tolist() == [step % 700 for step in range(count)]


def test_a_lump_larger_than_the_socket_is_drained_at_once(
    lane: RecordLane, painter: Any
) -> None:
    for step in range(20_000):
        xtest.fake_input(painter.display, X.MotionNotify, x=step % 600, y=0)
    painter.display.sync()
    assert len(lane.drain()) == 20_000
    assert len(lane.drain()) == 0
