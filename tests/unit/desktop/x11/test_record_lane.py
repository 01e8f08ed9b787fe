"""What was injected is what is drained: kinds, details, positions, order."""

import struct
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from Xlib import X
from Xlib.ext import xtest

from overt.desktop.x11.recordlane import RecordLane, _cut
from overt.desktop.x11.wire import RefusedError, Wire
from overt.protocol.records import SYNTHETIC

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


def test_wheels_turn_in_four_directions(lane: RecordLane, painter: Any) -> None:
    painter.fake(X.MotionNotify, 0, 40, 50)
    for button in (4, 5, 6, 7, 7):
        painter.fake(X.ButtonPress, button)
        painter.fake(X.ButtonRelease, button)
    turned = [event for event in lane.drain() if event["type"] == X.ButtonPress]
    assert [int(event["detail"]) for event in turned] == [4, 5, 6, 7, 7]
    assert {(int(e["root_x"]), int(e["root_y"])) for e in turned} == {(40, 50)}


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


def test_lumps_that_a_busy_server_hands_over_late_come_whole(
    lane: RecordLane, painter: Any
) -> None:
    """A mouse of 8,000 Hz moves 1,000 times while the server is busy for 125 ms."""
    for _ in range(20):
        for step in range(1000):
            xtest.fake_input(painter.display, X.MotionNotify, x=step % 600, y=0)
        painter.display.sync()
        assert len(lane.drain()) == 1000
    assert len(lane.drain()) == 0


def test_nothing_is_lost_while_nobody_drains(lane: RecordLane, painter: Any) -> None:
    """Events that come one by one fill the socket soon, and a full one loses some."""
    for step in range(3000):
        xtest.fake_input(painter.display, X.MotionNotify, x=step % 600, y=0)
        painter.display.sync()
    assert lane.drain()["root_x"].tolist() == [step % 600 for step in range(3000)]


def other_hand(name: str) -> Wire:
    """Return a client whose synthetic input comes from a pointer of its own."""
    wire = Wire(name, ["XInputExtension", "XTEST"])
    major = wire.extension("XInputExtension").major
    wire.ask(major, 47, struct.pack("=HH", 2, 2))  # XIQueryVersion
    add = struct.pack("=HHHBB4s", 1, 3, 4, 1, 1, b"pair")
    wire.send(major, 43, struct.pack("=Bxxx", 1) + add)  # XIChangeHierarchy
    reply = wire.ask(major, 48, struct.pack("=Hxx", 1)).reply  # XIQueryDevice: masters
    pointers, place = [], 32
    for _ in range(struct.unpack_from("=H", reply, 8)[0]):
        device, use, _, classes, name_bytes = struct.unpack_from("=HHHHH", reply, place)
        place += 12 + -(-name_bytes // 4) * 4
        for _ in range(classes):
            place += 4 * struct.unpack_from("=H", reply, place + 2)[0]
        pointers += [device] if use == 1 else []
    wire.send(major, 44, struct.pack("=IHxx", 0, pointers[-1]))  # XISetClientPointer
    return wire


def fake(wire: Wire, kind: int, detail: int, x: int = 0, y: int = 0) -> None:
    body = struct.pack("=BBxxIIxxxxxxxxhhxxxxxxxx", kind, detail, 0, 0, x, y)
    wire.send(wire.extension("XTEST").major, 2, body)
    wire.ask(43, 0)


def test_every_event_says_which_device_it_came_from(
    lane: RecordLane, painter: Any, x_server: str
) -> None:
    other = other_hand(x_server)
    lane.drain()
    for step in range(1, 20):
        painter.fake(X.MotionNotify, 0, 30 + step, 40)
        fake(other, X.MotionNotify, 0, 300, 200 + step)
    painter.fake(X.ButtonPress, 1)
    painter.fake(X.ButtonRelease, 1)
    fake(other, X.ButtonPress, 3)
    fake(other, X.ButtonRelease, 3)
    painter.fake(X.KeyPress, 38)
    painter.fake(X.KeyRelease, 38)
    fake(other, X.KeyPress, 39)
    fake(other, X.KeyRelease, 39)
    other.close()
    events = lane.drain()
    hands = [1 if x < 100 else 2 for x in events["root_x"][:38]]
    assert hands == [1, 2] * 19
    pointers, keyboards = events["device"][:42], events["device"][42:]
    mine, others = int(pointers[0]), int(pointers[1])
    assert 0 != mine != others != 0
    assert pointers.tolist() == [mine, others] * 19 + [mine] * 2 + [others] * 2
    assert len(keyboards) == 4
    assert keyboards[0] == keyboards[1] != keyboards[2] == keyboards[3]
    assert not {0, mine, others} & set(keyboards.tolist())
    assert all(int(device) & SYNTHETIC for device in events["device"])


def _packet(category: int, body: bytes) -> bytes:
    return struct.pack("=BBHI24x", 1, category, 0, len(body) // 4) + body


def test_packets_are_cut_alike_wherever_the_stream_is_divided() -> None:
    bodies = [b"abcd", b"efgh", b"ijklmnop", b"qrst", b"uvwx"]
    stream = b"".join(_packet(0, body) for body in bodies)
    stream += _packet(1, b"ours") + _packet(0, b"next")
    wanted = b"".join(bodies) + b"next"
    for middle in range(len(stream)):
        parts: list[bytes] = []
        rest, early = _cut(stream[:middle], parts)
        rest, late = _cut(rest + stream[middle:], parts)
        assert (b"".join(parts), rest, early | late) == (wanted, b"", True)
    with pytest.raises(RefusedError):
        _cut(bytes(32), [])
