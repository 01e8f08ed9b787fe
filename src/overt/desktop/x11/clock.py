"""The X server's clock: milliseconds that wrap at 2**32, as CLOCK_MONOTONIC.

Input: server times. Output: nanoseconds of CLOCK_MONOTONIC. X.Org and Xvfb stamp
events with CLOCK_MONOTONIC in whole milliseconds; `calibrate` proves it for this
server by a property change and refuses a server that does otherwise.
"""

from __future__ import annotations

import time

from Xlib import X

from overt.desktop.x11.wire import connect
from overt.protocol.errors import CaptureError

_WRAP_MS = 1 << 32
_TOLERANCE_MS = 50  # of the round trip on a busy machine
_TRIES = 5


class ServerClock:
    """Turns server milliseconds into nanoseconds of CLOCK_MONOTONIC."""

    def to_ns(self, server_ms: int, now_ns: int | None = None) -> int:
        """The instant nearest to `now_ns` (default: now) that has this server time."""
        now_ms = (time.monotonic_ns() if now_ns is None else now_ns) // 1_000_000
        behind = (now_ms - server_ms + _WRAP_MS // 2) % _WRAP_MS - _WRAP_MS // 2
        return (now_ms - behind) * 1_000_000


def calibrate(name: str | None) -> ServerClock:
    """Check the server's clock against CLOCK_MONOTONIC by a round trip.

    Raises:
        CaptureError: The server counts time otherwise.
    """
    clock = ServerClock()
    for _ in range(_TRIES):
        offset_ms = _offset_ms(name, clock)
        if offset_ms <= _TOLERANCE_MS:
            return clock
    raise CaptureError(
        f"The X server's clock is {offset_ms:.0f} ms away from the monotonic clock.",
        remedy="Record on the machine that the X server runs on.",
    )


def _offset_ms(name: str | None, clock: ServerClock) -> float:
    """How far outside the round trip the server's stamp lies, in ms."""
    display = connect(name)
    try:
        window = display.screen().root.create_window(
            0, 0, 1, 1, 0, X.CopyFromParent, event_mask=X.PropertyChangeMask
        )
        atom = display.intern_atom("OVERT_CLOCK")
        display.sync()
        before_ns = time.monotonic_ns()
        window.change_property(atom, atom, 8, b"")
        display.flush()
        stamp_ns = clock.to_ns(display.next_event().time)
        after_ns = time.monotonic_ns()
    finally:
        display.close()
    late_ns = max(before_ns - 1_000_000 - stamp_ns, stamp_ns - after_ns, 0)
    return late_ns / 1e6
