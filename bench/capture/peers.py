"""Other ways to record input and screens, each a process of its own, for comparison.

`python -m bench.capture.peers pynput|record|mss DISPLAY SECONDS`: listens, or takes
pictures, for so long, and prints how many it got as a JSON line; before it a line
`ready`, once it has heard a hand that stirs. pynput as its documentation shows it;
python-xlib's RECORD loop as its example `record_demo.py` has it; mss with a JPEG of the
screen twice a second.
"""

from __future__ import annotations

import io
import json
import os
import sys
import threading
import time
from typing import TYPE_CHECKING

from Xlib import XK, X
from Xlib.ext import xtest

from overt.desktop.x11.wire import connect

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_STIRS = 100


def main() -> None:
    """Do what the command line says."""
    which, name, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
    os.environ["DISPLAY"] = name
    peer = {"pynput": _pynput, "record": _record, "mss": _mss}[which]
    print(json.dumps(peer(name, seconds)), flush=True)


def _ready() -> None:
    print("ready", flush=True)


def _stir(name: str, is_heard: Callable[[], bool]) -> None:
    """Move the pointer and press Shift until a listener hears it."""
    display = connect(name)
    shift = display.keysym_to_keycode(XK.XK_Shift_L)
    for turn in range(_MOST_STIRS):
        xtest.fake_input(display, X.MotionNotify, x=1 + turn % 2, y=1)
        xtest.fake_input(display, X.KeyPress, shift)
        xtest.fake_input(display, X.KeyRelease, shift)
        display.sync()
        time.sleep(0.1)
        if is_heard():
            break
    time.sleep(0.5)  # the rest of it
    display.close()


def _pynput(name: str, seconds: float) -> dict[str, int]:
    from pynput import keyboard, mouse

    count = 0

    def note(*_: object) -> None:
        nonlocal count
        count += 1

    def point(*_: object) -> None:
        note()
        heard.add("pointer")

    def press(*_: object) -> None:
        note()
        heard.add("keys")

    heard: set[str] = set()
    with (
        mouse.Listener(on_move=point, on_click=note, on_scroll=note) as pointer,
        keyboard.Listener(on_press=press, on_release=note) as keys,
    ):
        pointer.wait()
        keys.wait()
        _stir(name, lambda: len(heard) == 2)
        count = 0
        _ready()
        time.sleep(seconds)
    return {"events": count}


def _record(name: str, seconds: float) -> dict[str, int]:
    from Xlib.ext import record
    from Xlib.protocol import rq

    control, data = connect(name), connect(name)
    count = 0

    def note(reply: object) -> None:
        nonlocal count
        body = reply.data  # type: ignore[attr-defined]
        while len(body):
            event, body = rq.EventField(None).parse_binary_value(
                body, data.display, None, None
            )
            if event.type in range(X.KeyPress, X.MotionNotify + 1):
                count += 1

    what = {
        "core_requests": (0, 0),
        "core_replies": (0, 0),
        "ext_requests": (0, 0, 0, 0),
        "ext_replies": (0, 0, 0, 0),
        "delivered_events": (0, 0),
        "device_events": (X.KeyPress, X.MotionNotify),
        "errors": (0, 0),
        "client_started": False,
        "client_died": False,
    }
    context = control.record_create_context(0, [record.AllClients], [what])
    control.sync()
    loop = threading.Thread(target=data.record_enable_context, args=(context, note))
    loop.start()
    _stir(name, lambda: count > 0)
    count = 0
    _ready()
    time.sleep(seconds)
    control.record_disable_context(context)
    control.sync()
    loop.join(5)
    return {"events": count}


def _mss(name: str, seconds: float) -> dict[str, int]:
    import mss
    from PIL import Image

    count = size_bytes = 0
    with mss.MSS(display=name) as camera:
        _ready()
        start_s = time.monotonic()
        while (passed_s := time.monotonic() - start_s) < seconds:
            shot = camera.grab(camera.monitors[0])
            image = Image.frombytes("RGB", shot.size, shot.bgra, "raw", "BGRX")
            buffer = io.BytesIO()
            image.save(buffer, "JPEG", quality=80)
            size_bytes += buffer.tell()
            count += 1
            time.sleep(max(0.0, count / 2 - passed_s))
    return {"frames": count, "bytes": size_bytes}


if __name__ == "__main__":
    main()
