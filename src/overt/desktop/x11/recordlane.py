"""The record lane: every key, button and motion event of all clients, in batches.

Input: an X display. Output: numpy batches of the server's device events with server
time and position, in its order. RECORD hands events over late and in lumps, so
`drain` asks for them; the screen lane is the one that wakes at once. It never decodes
keys and never keeps an event.
"""

from __future__ import annotations

import select
import struct

import numpy as np
import numpy.typing as npt
from Xlib import X

from overt.desktop.x11.wire import Wire
from overt.protocol.errors import CaptureError

DEVICE_EVENT_DTYPE = np.dtype(
    [
        ("time_ms", "u4"),  # server time
        ("type", "u1"),  # X.KeyPress .. X.MotionNotify
        ("detail", "u1"),  # keycode or button number
        ("root_x", "i2"),
        ("root_y", "i2"),
        ("state", "u2"),  # modifiers and buttons before the event
    ]
)
DeviceEvents = npt.NDArray[np.void]  # of DEVICE_EVENT_DTYPE

_CORE_EVENT = np.dtype(
    [
        ("type", "u1"),
        ("detail", "u1"),
        ("serial", "u2"),
        ("time_ms", "u4"),
        ("windows", "u4", 3),
        ("root_x", "i2"),
        ("root_y", "i2"),
        ("event_x", "i2"),
        ("event_y", "i2"),
        ("state", "u2"),
        ("rest", "u2"),
    ]
)
_ALL_CLIENTS = 3
_NO_OPERATION, _INPUT_FOCUS = 127, 43
_FROM_SERVER, _FROM_CLIENT = 0, 1
_HEAD_BYTES = 32
_ANSWER_S = 5.0


class RecordLane:
    """Two connections: one that controls RECORD, one on which its data comes."""

    def __init__(self, name: str | None) -> None:
        """Start to record the device events of a display (`None`: $DISPLAY).

        Raises:
            CaptureError: The display cannot be opened or lacks RECORD.
        """
        self._control = Wire(name, ["RECORD"])
        try:
            self._data = Wire(name, ["RECORD"])
        except BaseException:
            self._control.close()
            raise
        self._major = self._control.extension("RECORD").major
        self._start()

    def close(self) -> None:
        """Stop recording."""
        self._data.close()
        self._control.close()

    def drain(self) -> DeviceEvents:
        """All device events up to now, `DEVICE_EVENT_DTYPE` (n,), in order.

        A request of our own is recorded too: when it comes back on the data
        connection, everything before it has come.

        Raises:
            CaptureError: The server is gone or silent.
        """
        self._control.send(_NO_OPERATION, 0)
        self._control.ask(_INPUT_FOCUS, 0)  # its reply makes RECORD write out
        parts: list[bytes] = []
        while True:
            packets = self._data.packets()
            parts += [p[_HEAD_BYTES:] for p in packets if p[1] == _FROM_SERVER]
            if any(packet[1] == _FROM_CLIENT for packet in packets):
                return _decode(b"".join(parts))
            if not select.select([self._data], [], [], _ANSWER_S)[0]:
                raise CaptureError("The X server stopped reporting input.")

    def _start(self) -> None:
        control, major = self._control, self._major
        control.ask(major, 0, struct.pack("=HH", 1, 13))
        context = control.new_id()
        devices = _range(18, X.KeyPress, X.MotionNotify)
        control.send(major, 1, _registration(context, _ALL_CLIENTS, devices))
        fence = _range(0, _NO_OPERATION, _NO_OPERATION)
        control.send(major, 2, _registration(context, context, fence))
        control.ask(_INPUT_FOCUS, 0)
        self._data.ask(major, 5, struct.pack("=I", context))  # start of data


def _range(place: int, first: int, last: int) -> bytes:
    """A RECORDRANGE that selects one kind of protocol; `place` is its offset."""
    return bytes(place) + bytes([first, last]) + bytes(22 - place)


def _registration(context: int, client: int, what: bytes) -> bytes:
    return struct.pack("=IBxxxIII", context, 0, 1, 1, client) + what


def _decode(body: bytes) -> DeviceEvents:
    core = np.frombuffer(body, _CORE_EVENT)
    events = np.empty(len(core), DEVICE_EVENT_DTYPE)
    for name in DEVICE_EVENT_DTYPE.names or ():
        events[name] = core[name]
    events["type"] &= 0x7F
    return events
