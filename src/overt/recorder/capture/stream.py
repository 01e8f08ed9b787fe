"""Everything that capture saw, held until it may be written, as one stream.

Stage: capture, between the lanes and the spool. Input: decoded input, focus news,
pictures, context, marks, views. Output: records in the order of their time, each at
least 500 ms old and past the key quarantine. Pure: the time is passed in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from overt.protocol.records import (
    EVENT_DTYPE,
    ContextRecord,
    DirtyRecord,
    EventArray,
    FrameRecord,
    Level,
    MarkRecord,
    Record,
)
from overt.recorder.capture.gate import SETTLE_NS, dated, merge, pressed
from overt.recorder.capture.quarantine import Quarantine

if TYPE_CHECKING:
    from overt.recorder.capture.allowance import History, View
    from overt.recorder.capture.frames import Filmer
    from overt.recorder.capture.gate import Gate

_FENCE = 0  # an event of no kind: what came before it has passed the quarantine
_KEEP_VIEWS_NS = 10_000_000_000


class Stream:
    """One recording's records on their way out.

    Attributes:
        quarantine: Holds keys back until their field is known.
        released_ns: Up to which instant records have been returned.
        is_exact: Whether the screen then was still what the last frame shows.
    """

    def __init__(self, history: History, filmer: Filmer, gate: Gate) -> None:
        self._history, self._filmer, self._gate = history, filmer, gate
        self.quarantine = Quarantine()
        self._events: EventArray = np.zeros(0, EVENT_DTYPE)
        self._secrets: list[MarkRecord] = []
        self._dated: list[ContextRecord | MarkRecord] = []
        self._complete_ns = 0
        self.released_ns, self.is_exact = filmer.view.t_ns, False
        self._window: dict[str, Any] = {}

    @property
    def complete_ns(self) -> int:
        """Up to which instant all input has passed the quarantine."""
        return self._complete_ns

    @property
    def has_more(self) -> bool:
        """Whether something waits to be written."""
        waits = len(self._events) or self._secrets or self._dated
        return bool(waits) or self._filmer.has_held or self.quarantine.is_waiting

    def add_input(self, events: EventArray, complete_ns: int) -> None:
        """Take input; `complete_ns` is the instant up to which none is missing."""
        fence = np.zeros(1, EVENT_DTYPE)
        fence["t_ns"], fence["kind"] = complete_ns, _FENCE
        self.quarantine.add_input(np.concatenate([events, fence]))

    def add_view(self, view: View) -> None:
        """Take a view; what it says of the active window goes on record."""
        self._history.add(view)
        body = _window_body(view)
        if body and body != self._window:
            self._dated.append(ContextRecord(view.t_ns, "window", body))
        self._window = body

    def add(self, record: ContextRecord | MarkRecord) -> None:
        """Take context, or a mark that a person or the recorder makes."""
        self._dated.append(record)

    def release(self, now_ns: int, until_ns: int) -> list[Record]:
        """Return what may be written now.

        Args:
            now_ns: CLOCK_MONOTONIC now.
            until_ns: Nothing later than this is returned, nor will be wanted.
        """
        self._pass_quarantine(now_ns)
        until_ns = min(until_ns, self._complete_ns, now_ns - SETTLE_NS)
        self.released_ns = max(until_ns, self.released_ns)
        ready = int(np.searchsorted(self._events["t_ns"], until_ns, side="right"))
        secrets = [m for m in self._secrets if m.t_ns <= until_ns]
        spoken = [m for m in self._dated if isinstance(m, MarkRecord)]
        ends = [m.t_ns for m in (*secrets, *spoken) if m.t_ns <= until_ns]
        events, marks = self._gate.judge(self._events[:ready], ends)
        self._events = self._events[ready:]
        self._secrets = [m for m in self._secrets if m.t_ns > until_ns]
        secrets = [m for m in secrets if self._gate.keeps_keyboard(m.t_ns)]
        held = self._filmer.take(until_ns)
        pictures = self._gate.pictures(held, events, pressed(events, secrets), until_ns)
        typed = self._gate.take_typed()
        others = dated([*self._take_dated(until_ns), *secrets, *marks, *typed])
        self._history.forget_before(now_ns - _KEEP_VIEWS_NS)
        records = merge(events, [*pictures, *others])
        for record in records:
            if isinstance(record, FrameRecord | DirtyRecord):
                self.is_exact = isinstance(record, FrameRecord) and record.exact
        return records

    def _pass_quarantine(self, now_ns: int) -> None:
        events, secrets = self.quarantine.release(now_ns)
        fences = events["t_ns"][events["kind"] == _FENCE]
        if len(fences):
            self._complete_ns = int(fences[-1])
        self._events = np.concatenate([self._events, events[events["kind"] != _FENCE]])
        self._secrets += secrets

    def _take_dated(self, until_ns: int) -> list[ContextRecord | MarkRecord]:
        ready = [record for record in self._dated if record.t_ns <= until_ns]
        self._dated = [record for record in self._dated if record.t_ns > until_ns]
        passed = (self._gate.passed(record) for record in ready)
        return [record for record in passed if record is not None]


def _window_body(view: View) -> dict[str, Any]:
    """The active window as a context record tells it; empty where it is off."""
    window, level = view.stack.active, view.keyboard_level
    if window is None or level is Level.OFF:
        return {}
    rect = window.rect
    return {
        "class": window.app_class,
        "title": window.title if level is Level.CLEAR else "",
        "pid": window.pid,
        "rect": [rect.x, rect.y, rect.width, rect.height],
        "url": view.urls.get(window.window_id, "") if level is Level.CLEAR else "",
        "level": level.value,
    }
