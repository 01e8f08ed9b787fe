"""Where password fields are on the screen, so that no picture shows how long one is.

Stage: core of capture, between what applications say and the gate. Input: answers to
"where are the fields that are or were passwords?", each with the instant at which it
was asked. Output: for a picture the rectangles that it must not show. A picture lies
between the last answer before it and the first after it; a field that moved in between
is hidden along its whole way. Where no answer came after a picture, that is not known.
Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from overt.desktop.types import Rect

if TYPE_CHECKING:
    from overt.desktop.a11y.focus import Ref

_REMEMBER_NS = 5_000_000_000
_EVERYWHERE = Rect(0, 0, 1 << 15, 1 << 15)


@dataclass(frozen=True, slots=True)
class Places:
    """Where the fields are that are or were passwords.

    Attributes:
        asked_ns: When the question was sent, CLOCK_MONOTONIC.
        rects: Rectangle by field, in root pixels; None where an application did not
            answer in time.
    """

    asked_ns: int
    rects: dict[Ref, Rect] | None = field(default_factory=dict)


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
