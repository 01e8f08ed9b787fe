"""Forgetting as a person asks for it: preview, then destroy, whoever records now.

Input: minutes or a range of time. Output: what goes, in words; and it gone, at every
recorder of this home or, where none runs, here. It asks for no passphrase: nothing is
opened.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from overt.recorder.person.asking import interval_of, minutes_of
from overt.recorder.person.control import ControlClient, recorded_displays
from overt.recorder.person.forgetting import forget, pieces, told

if TYPE_CHECKING:
    from overt.protocol.canonical import Json
    from overt.recorder.person.home import Home

_PATIENCE_S = 15.0
_SHOWN = 12  # lines of a preview


class Preview(NamedTuple):
    """What would go, and what destroys just that and what is recorded since.

    Attributes:
        pieces: The minutes, as `forgetting.told` says them.
        arguments: As asked, but `minutes` are the moment at which they began.
    """

    pieces: list[Any]
    arguments: Json


def preview_everywhere(home: Home, arguments: Json) -> Preview:
    """Return what every recorder of this home would forget, or what lies here.

    Args:
        home: The participant's home.
        arguments: `minutes`, or `since` and `until` in UTC nanoseconds as texts.
    """
    displays = recorded_displays(home)
    if not displays:
        since_ns, until_ns = _interval(arguments)
        found = [told(one) for one in _pieces_here(home, since_ns, until_ns)]
        return Preview(found, _fixed(arguments, since_ns))
    pieces: dict[str, Any] = {}
    begun: list[int] = []
    for display in displays:
        answer = _call(home, display, arguments, preview=True)
        pieces |= {one["segment"]: one for one in answer["pieces"]}
        begun.append(int(answer["since"]))
    return Preview(list(pieces.values()), _fixed(arguments, min(begun)))


def forget_everywhere(home: Home, arguments: Json) -> list[Any]:
    """Have every recorder of this home forget; without one, forget here.

    Args:
        home: The participant's home.
        arguments: Those of a preview, or as for one.

    Returns:
        The minutes, as `forgetting.told` says them.
    """
    displays = recorded_displays(home)
    if not displays:
        since_ns, until_ns = _interval(arguments)
        found = [told(one) for one in _pieces_here(home, since_ns, until_ns)]
        if found:
            forget(home, since_ns, until_ns)
        return found
    gone: dict[str, Any] = {}
    for display in displays:
        answer = _call(home, display, arguments, preview=False)
        gone |= {one["segment"]: one for one in answer["pieces"]}
    return list(gone.values())


def _call(home: Home, display: str, arguments: Json, *, preview: bool) -> Json:
    client = ControlClient(home, display, timeout_s=_PATIENCE_S)
    return client.call("forget", **arguments, preview=preview)


def _fixed(arguments: Json, since_ns: int) -> Json:
    return {"since": str(since_ns)} if "minutes" in arguments else arguments


def _interval(arguments: Json) -> tuple[int, int | None]:
    if (minutes := minutes_of(arguments)) is not None:
        return time.time_ns() - int(minutes * 60e9), None
    return interval_of(arguments)


def _pieces_here(home: Home, since_ns: int, until_ns: int | None) -> list[Any]:
    return list(pieces(home, since_ns, until_ns)) if home.root.exists() else []


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


def destroyed_text(count: int) -> str:
    """Say how many minutes went."""
    return f"{count} minute{' is' if count == 1 else 's are'} destroyed."


def _clock(ns: str) -> str:
    return f"{datetime.fromtimestamp(int(ns) // 10**9, UTC).astimezone():%d %b %H:%M}"
