"""What a person may ask of a recorder, read from their words: lengths and times.

Input: the arguments of a call, or what was typed. Output: instants of CLOCK_BOOTTIME or
UTC. The clock is passed in. Refuses what it does not understand.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from overt.protocol.errors import UsageError

if TYPE_CHECKING:
    from overt.protocol.canonical import Json

_MOST_TEXT = 4000
_FORMS = ("%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M")


def minutes_of(arguments: Json) -> float | None:
    """Return a length in minutes; None where none is given.

    Raises:
        UsageError: It is no number above 0.
    """
    value = arguments.get("minutes")
    if value is None:
        return None
    if type(value) not in {int, float} or not 0 < value < 10**6:
        raise UsageError("Minutes are a number above 0.")
    return float(value)


def words_of(arguments: Json, name: str) -> str:
    """Return a text that a task states.

    Raises:
        UsageError: It is empty or too long.
    """
    value = arguments.get(name)
    if not isinstance(value, str) or not value.strip() or len(value) > _MOST_TEXT:
        raise UsageError(f"A task needs its {name}, {_MOST_TEXT} characters at most.")
    return value


def pause_end_ns(arguments: Json, now_ns: int, now: datetime) -> int | None:
    """Return until when a pause lasts; None until resumed.

    Args:
        arguments: `minutes`, or `until`: "tomorrow"; neither for no end.
        now_ns: CLOCK_BOOTTIME now.
        now: The local time now.
    """
    minutes = minutes_of(arguments)
    if minutes is not None:
        return now_ns + int(minutes * 60e9)
    if (until := arguments.get("until")) is None:
        return None
    if until != "tomorrow":
        raise UsageError("A pause lasts minutes, until tomorrow, or until resumed.")
    tomorrow = now + timedelta(days=1)
    night = _local(tomorrow.replace(hour=0, minute=0, second=0, microsecond=0))
    return now_ns + int((night - now).total_seconds() * 1e9)


def instant_ns(text: str, now: datetime) -> int:
    """Return a moment that was typed, UTC nanoseconds.

    Args:
        text: `14:05`: the last time that the clock showed this; or a date with it.
        now: The local time now.

    Raises:
        UsageError: It is no time, or lies ahead.
    """
    moment = _moment(text.strip(), now)
    if moment is None or moment > now:
        raise UsageError(
            f"{text!r:.40} is no time that has been.",
            remedy='Write 14:05, or "2026-11-25 14:05".',
        )
    return int(moment.timestamp()) * 10**9


def _local(wall: datetime) -> datetime:
    """Return a time of the clock on the wall, in the offset that its own day has."""
    return wall.replace(tzinfo=None).astimezone()


def _moment(text: str, now: datetime) -> datetime | None:
    if clock := re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", text):
        hour, minute = map(int, clock.groups())
        wall = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
        today = _local(wall)
        return today if today <= now else _local(wall - timedelta(days=1))
    for form in _FORMS:
        try:
            return _local(datetime.strptime(text, form))  # noqa: DTZ007 - local
        except ValueError:
            continue
    return None


def interval_of(arguments: Json) -> tuple[int, int | None]:
    """Return an interval of UTC nanoseconds, `since` and `until` as decimal texts.

    Raises:
        UsageError: They are no numbers, or the wrong way round.
    """
    since, until = arguments.get("since"), arguments.get("until")
    texts = [since, *([] if until is None else [until])]
    if not all(isinstance(one, str) and one.isdecimal() for one in texts):
        raise UsageError("Which minutes are to be forgotten?")
    since_ns, until_ns = int(str(since)), None if until is None else int(str(until))
    if until_ns is not None and until_ns <= since_ns:
        raise UsageError(
            "The end of what is to be forgotten lies before its beginning."
        )
    return since_ns, until_ns
