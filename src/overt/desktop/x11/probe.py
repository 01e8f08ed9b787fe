"""What a display lacks to be recorded, in sentences with their remedies.

Input: a display's name and the environment. Output: sentences; none means that it can
be recorded. `overt doctor` and the recorder's start use it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from overt.desktop.x11.wire import connect
from overt.protocol.errors import CaptureError

if TYPE_CHECKING:
    from collections.abc import Mapping

_NEEDED = {
    "RECORD": "reports input with its time and position",
    "XInputExtension": "reports a press at once",
    "DAMAGE": "reports which pixels changed",
    "MIT-SHM": "hands pixels over without copying",
    "XFIXES": "is needed by DAMAGE",
}
_WAYLAND = (
    "This is a Wayland session, in which other programs' input and pixels"
    " cannot be seen. Log out and choose an X11 (Xorg) session."
)


def missing(
    name: str | None = None, environment: Mapping[str, str] = os.environ
) -> list[str]:
    """Why this display cannot be recorded; empty if it can.

    Args:
        name: Display to look at; `None` means $DISPLAY.
        environment: Where DISPLAY, WAYLAND_DISPLAY and XDG_SESSION_TYPE are read.
    """
    own = environment.get("DISPLAY", "")
    shown = name if name is not None else own
    if shown == own and _is_wayland(environment):
        return [_WAYLAND]
    if not shown:
        return ["No display is set. Set DISPLAY, or start an X server such as Xvfb."]
    try:
        display = connect(shown)
    except CaptureError as fault:
        return [str(fault)]
    try:
        if display.query_extension("XWAYLAND"):
            return [_WAYLAND]
        absent = [each for each in _NEEDED if not display.query_extension(each)]
    finally:
        display.close()
    return [_sentence(shown, each) for each in absent]


def _is_wayland(environment: Mapping[str, str]) -> bool:
    session = environment.get("XDG_SESSION_TYPE", "").lower()
    shows = bool(environment.get("WAYLAND_DISPLAY"))
    return session == "wayland" or (shows and session != "x11")


def _sentence(shown: str, extension: str) -> str:
    return (
        f"The display {shown} lacks the extension {extension}, which"
        f" {_NEEDED[extension]}. Start the X server with `+extension {extension}`."
    )
