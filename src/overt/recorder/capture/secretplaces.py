"""What of a window must not be shown: password fields, embedded documents that are off.

Stage: core of capture, between what applications say and the gate. Input: answers to
"where are the fields that are or were passwords, where the documents that the page
embeds?", each with the instant at which it was asked. Output: for a picture the
rectangles that it must not show, for input whether the pointer was in a document that
is off. A picture lies
between the last answer before it and the first after it; a field that moved in between
is hidden along its whole way. Where no answer came after a picture, that is not known.
Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from overt.desktop.types import Rect

if TYPE_CHECKING:
    import numpy.typing as npt

    from overt.desktop.a11y.embedded import Embedded
    from overt.desktop.a11y.focus import Ref
    from overt.protocol.records import EventArray

_REMEMBER_NS = 5_000_000_000
_EVERYWHERE = Rect(0, 0, 1 << 15, 1 << 15)


@dataclass(frozen=True, slots=True)
class Places:
    """Where the fields are that are or were passwords, and what a page embeds.

    Attributes:
        asked_ns: When the question was sent, CLOCK_MONOTONIC.
        rects: Rectangle of what must not be shown, in root pixels; None where an
            application did not answer in time.
        embedded: The documents that the active window's page embeds.
        off: Which of them must not be shown; they are among `rects`.
    """

    asked_ns: int
    rects: dict[Ref, Rect] | None = field(default_factory=dict)
    embedded: dict[Ref, Embedded] = field(default_factory=dict)
    off: frozenset[Ref] = frozenset()


class SecretPlaces:
    """The places of secret fields over the last seconds."""

    def __init__(self) -> None:
        self._answers: list[Places] = []
        self._hid_all = False

    @property
    def has_fields(self) -> bool:
        """Whether the last answer knew of a field: then pictures need another one."""
        return bool(self._answers and self._answers[-1].rects)

    def add(self, places: Places) -> list[Rect]:
        """Take an answer; return what was hidden by the one before and is not now.

        After pictures that were hidden whole for want of an answer: everything.
        """
        if places.rects is None:
            return []
        before = self._answers[-1].rects if self._answers else None
        self._answers.append(places)
        old = [one for one in self._answers if one.asked_ns < places.asked_ns]
        recent = places.asked_ns - _REMEMBER_NS
        self._answers = [
            one for one in self._answers if one.asked_ns >= recent or one is old[-1]
        ]
        if self._hid_all:
            self._hid_all = False
            return [_EVERYWHERE]
        left = (before or {}).items()
        return [rect for ref, rect in left if places.rects.get(ref) != rect]

    def hides(self, events: EventArray) -> npt.NDArray[np.bool_]:
        """Which events had the pointer where a document was that is off, (n,).

        Args:
            events: EVENT_DTYPE (n,), in order.
        """
        hidden = np.zeros(len(events), np.bool_)
        if not len(events) or not any(one.off for one in self._answers):
            return hidden
        first, last = int(events["t_ns"][0]), int(events["t_ns"][-1])
        earlier = [one for one in self._answers if one.asked_ns <= first]
        others = [one for one in self._answers if one.asked_ns > first]
        later = [one for one in others if one.asked_ns > last]
        between = [one for one in others if one.asked_ns <= last]
        x, y = events["x_px"], events["y_px"]
        for one in [*earlier[-1:], *between, *later[:1]]:
            for ref in one.off:
                rect = (one.rects or {})[ref]
                across = (x >= rect.x) & (x < rect.right)
                hidden |= across & (y >= rect.y) & (y < rect.bottom)
        return hidden

    def during(self, start_ns: int, end_ns: int) -> list[Rect] | None:
        """What a picture of an interval must not show; None where that is not known.

        Args:
            start_ns: The instant that it shows.
            end_ns: When its pixels were taken.
        """
        earlier = [one for one in self._answers if one.asked_ns <= start_ns]
        later = [one for one in self._answers if one.asked_ns >= end_ns]
        between = [one for one in self._answers if start_ns < one.asked_ns < end_ns]
        if not later:
            known = [*earlier[-1:], *between]
            if not any(one.rects for one in known):
                return []
            self._hid_all = True
            return None
        hulls: dict[Ref, Rect] = {}
        for one in [*earlier[-1:], *between, later[0]]:
            for ref, rect in (one.rects or {}).items():
                hulls[ref] = hulls.get(ref, Rect(0, 0, 0, 0)).union(rect)
        return list(hulls.values())
