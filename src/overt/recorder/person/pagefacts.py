"""What the participant's local pages show, as plain facts.

Input: an unlocked participant. Output: sessions with their segments, pictures as PNG
bytes, receipts, readers. Nothing is kept on disk; a few opened segments stay in
memory while they are looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, Any

from overt.protocol.errors import DataError, OvertError
from overt.recorder.person import replay
from overt.recorder.person.consenting import standing
from overt.recorder.person.control import ControlClient, recorded_displays
from overt.recorder.person.playback import Screen, open_own, screens
from overt.recorder.person.readers import look, notices
from overt.recorder.person.receipts import verified_receipts
from overt.recorder.person.review import (
    Overview,
    SegmentFacts,
    expires_ns,
    overview,
)
from overt.recorder.person.wishes import read_wishes
from overt.recorder.spool import write_private

if TYPE_CHECKING:
    from pathlib import Path

    from overt.protocol.canonical import Json
    from overt.protocol.programme import Programme
    from overt.protocol.segment import Segment
    from overt.recorder.person.run import Participant

STRIP = 2  # pictures of a segment shown side by side
_THUMB_PX = 320


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """A recording session and what is here of it."""

    session: str
    started_utc_s: int
    segments: tuple[SegmentFacts, ...]


class LocalFacts:
    """Facts about one participant's machine."""

    def __init__(self, who: Participant) -> None:
        self.who = who
        self._screens = lru_cache(maxsize=2)(self._strip)
        self._opened = lru_cache(maxsize=1)(self._open)

    def seen(self) -> Overview:
        """Return all that is on this machine."""
        return overview(self.who.home.spool, self.who.identity.own)

    def sessions(self, seen: Overview) -> list[SessionFacts]:
        """Return sessions, the newest first."""
        ordered = sorted(seen.segments, key=lambda one: (one.session, one.sequence))
        found = [
            SessionFacts(name, min(s.started_utc_ns for s in held) // 10**9, held)
            for name, group in groupby(ordered, key=lambda one: one.session)
            if (held := tuple(group))
        ]
        return sorted(found, key=lambda one: -one.started_utc_s)

    def picture(self, segment: str, place: int) -> bytes:
        """Return one of `STRIP` pictures, spread over a segment, as PNG.

        Raises:
            DataError: There is no such segment or picture.
        """
        self.who.home.spool.entry(segment)  # what was forgotten meanwhile is gone
        held = self._screens(segment)
        if not held or not 0 <= place < STRIP:
            raise DataError(f"There is no such picture of segment {segment:.40}.")
        middle = (2 * place + 1) * len(held) // (2 * STRIP)  # of its part
        return replay.png(held[middle].pixels, _THUMB_PX)

    def frame(self, segment: str, place: int) -> bytes:
        """Return a screen of a segment as PNG, as large as it was.

        Raises:
            DataError: There is no such segment or screen.
        """
        found = replay.picture(self.opened(segment), place)
        if found is None:
            raise DataError(f"There is no such picture of segment {segment:.40}.")
        return found

    def opened(self, segment: str) -> Segment:
        """Return a segment, opened, as long as it is here.

        Raises:
            DataError: It is not, or is damaged.
        """
        self.who.home.spool.entry(segment)  # what was forgotten meanwhile is gone
        return self._opened(segment)

    def _open(self, segment: str) -> Segment:
        return open_own(self.who.home.spool, segment, self.who.identity.own)

    def _strip(self, segment: str) -> list[Screen]:
        """Return at most 24 screens of a segment, spread over it.

        Black ones only where there is no other.
        """
        every = list(screens(self._open(segment)))
        held = [screen for screen in every if screen.pixels.any()] or every
        step = max(len(held) // 24, 1)
        return [*held[::step][:-1], held[-1]] if held else []

    def expiry_s(self, retention_days: int) -> dict[str, int]:
        """Return when each segment is destroyed unless it is sent, Unix seconds."""
        home, found = self.who.home, {}
        waiting_days = read_wishes(home).expire_days
        for entry in home.spool.entries():
            ends_ns = expires_ns(entry, retention_days, waiting_days)
            if ends_ns is not None:
                found[entry.segment] = ends_ns // 10**9
        return found

    def forget_pictures(self) -> None:
        """Drop the opened segments from memory."""
        self._screens.cache_clear()
        self._opened.cache_clear()

    def standing(self) -> dict[str, Any]:
        """Return what the participant has decided."""
        device = self.who.identity.device.public_key()
        now = standing(self.who.home, device)
        return {
            "consent": now.consent,
            "withdrawn": now.withdrawn,
            "confirmed": now.confirmed,
        }

    def receipts(self, programme: Any) -> list[Any]:
        """Return the kept receipts, newest first."""
        return verified_receipts(self.who.home, programme)[::-1]

    def readers(self, programme: Programme) -> dict[str, Any]:
        """Return who read this person's recordings, proved, or why it is unknown."""
        who = self.who
        try:
            found = look(who.home, programme, who.enrolment.person, who.client)
        except OvertError as error:
            return {"reads": None, "why": str(error), "notices": []}
        return {"reads": found.reads, "why": "", "notices": notices(found)}

    def recorders(self) -> list[Json]:
        """Return the state of every recorder of this home, by display."""
        home = self.who.home
        return [
            {"display": display, **self.call(display, "status")}
            for display in recorded_displays(home)
        ]

    def call(self, display: str, command: str, **arguments: object) -> Json:
        """Call the recorder of a display."""
        return ControlClient(self.who.home, display).call(command, **arguments)


def private_link(path: Path, url: str) -> None:
    """Write a page, readable by its owner alone, that leads to a URL with a code."""
    text = f'<!doctype html><meta http-equiv="refresh" content="0;url={url}">\n'
    write_private(path, text.encode())
