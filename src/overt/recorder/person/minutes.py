"""Forgetting as a person asks for it: preview, then destroy, whoever records now.

Input: minutes or a range of time. Output: what goes, in words; and it gone, at every
recorder of this home or, where none runs, here. It asks for no passphrase: nothing is
opened.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from overt.recorder.person.asking import interval_of, minutes_of
from overt.recorder.person.control import ControlClient, recorded_displays
from overt.recorder.person.forgetting import forget, pieces, told

if TYPE_CHECKING:
    from overt.protocol.canonical import Json
    from overt.recorder.person.home import Home

_PATIENCE_S = 15.0
_SHOWN = 12  # lines of a preview


def forget_everywhere(home: Home, arguments: Json, *, preview: bool) -> list[Any]:
    """Have every recorder of this home forget; without one, forget here.

    Args:
        home: The participant's home.
        arguments: `minutes`, or `since` and `until` in UTC nanoseconds as texts.
        preview: Destroy nothing; say what would go.

    Returns:
        The minutes, as `forgetting.told` says them.
    """
    displays = recorded_displays(home)
    if not displays:
        return _forget_here(home, arguments, preview=preview)
    found: dict[str, Any] = {}
    for display in displays:
        client = ControlClient(home, display, timeout_s=_PATIENCE_S)
        answer = client.call("forget", **arguments, preview=preview)
        found |= {one["segment"]: one for one in answer["pieces"]}
    return list(found.values())


def _forget_here(home: Home, arguments: Json, *, preview: bool) -> list[Any]:
    if not home.root.exists():
        return []
    if (minutes := minutes_of(arguments)) is not None:
        since_ns, until_ns = time.time_ns() - int(minutes * 60e9), None
    else:
        since_ns, until_ns = interval_of(arguments)
    found = [told(one) for one in pieces(home, since_ns, until_ns)]
    if not preview:
        forget(home, since_ns, until_ns)
    return found


def preview_text(found: list[Any]) -> str:
    """Say what goes, in local time."""
    if not found:
        return "Nothing is recorded in these minutes."
    lines = [f"{_clock(one['started_utc_ns'])}  {one['state']}" for one in found]
    if len(lines) > _SHOWN:
        lines[_SHOWN - 1 : -1] = ["..."]
    if any(one["state"] == "sent" for one in found):
        lines.append(
            "What was sent is at the server too. To have it erased there, run:"
            " overt consent withdraw --erase"
        )
    count = "1 minute goes" if len(found) == 1 else f"{len(found)} minutes go"
    return "\n".join([*lines, f"{count}, for good."])


def _clock(ns: str) -> str:
    return f"{datetime.fromtimestamp(int(ns) // 10**9, UTC).astimezone():%d %b %H:%M}"
