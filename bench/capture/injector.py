"""The injector, a process of its own: plays a plan through XTEST and counts.

Input: `python -m bench.capture.injector DISPLAY PLAN OUT`: a plan of `PLAN_DTYPE`.
Output: `OUT`, the plan with `sent_ns`, CLOCK_MONOTONIC just before each event was
written. Events that are due at once go to the server in one write, as a mouse of
8,000 Hz sends them.
"""

from __future__ import annotations

import struct
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from Xlib import X

from bench.capture.plans import PLAN_DTYPE, Plan
from overt.desktop.x11.wire import connect

if TYPE_CHECKING:
    from Xlib.display import Display

SENT_DTYPE = np.dtype([*PLAN_DTYPE.descr, ("sent_ns", "<i8")])
_FAKE_INPUT = 2
_FORM = struct.Struct("<BBHBBxxIIxxxxxxxxhhxxxxxxxB")
_TICK_S = 0.0005


def encoded(plan: Plan, display: Display) -> list[bytes]:
    """Each event as an XTEST request."""
    major = display.query_extension("XTEST").major_opcode
    codes = {
        int(keysym): display.keysym_to_keycode(int(keysym))
        for keysym in np.unique(plan["detail"][plan["type"] <= X.KeyRelease])
    }
    requests = []
    for _, kind, detail, x, y in plan.tolist():
        number = codes[detail] if kind <= X.KeyRelease else detail
        requests.append(
            _FORM.pack(major, _FAKE_INPUT, 9, kind, number, 0, X.NONE, x, y, 0)
        )
    return requests


def play(plan: Plan, name: str) -> Plan:
    """Send every event when it is due; return the plan with the instants."""
    display = connect(name)
    requests = encoded(plan, display)
    sent = np.zeros(len(plan), SENT_DTYPE)
    for column in PLAN_DTYPE.names or ():
        sent[column] = plan[column]
    socket = display.display.socket
    socket.setblocking(True)  # noqa: FBT003 - the socket module's own form
    start_ns, place = time.monotonic_ns(), 0
    while place < len(plan):
        now_ns = time.monotonic_ns()
        ready = int(np.searchsorted(plan["due_ns"], now_ns - start_ns, side="right"))
        if ready > place:
            sent["sent_ns"][place:ready] = time.monotonic_ns()
            socket.sendall(b"".join(requests[place:ready]))
            place = ready
        else:
            left_s = (int(plan["due_ns"][place]) + start_ns - now_ns) / 1e9
            time.sleep(min(max(left_s, 0), _TICK_S) if left_s < 0.01 else left_s)
    time.sleep(0.2)
    socket.close()
    return sent


if __name__ == "__main__":
    loaded = np.load(Path(sys.argv[2]))
    np.save(Path(sys.argv[3]), play(loaded, sys.argv[1]))
