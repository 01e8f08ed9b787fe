"""What was typed below level `clear`, as placeholders of the episode.

Stage: capture, at the gate. Input: keys that are past the quarantine, with their
levels, and the instants of whatever ends a burst. Output: a context record `typed` at
the end of each burst: which values of the episode were typed, edits resolved. Keys
themselves leave as U+FFFD alone. Dead keys and Compose are resolved; a burst with a
sequence that comes to nothing known has no record. A burst is judged together with
those before it in the same field, which a caret that moved may have parted. Pure; what
was typed is held in memory alone, for as long as the field has the keyboard.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from overt.desktop.keyboard.compose import Composer
from overt.desktop.keyboard.keysyms import changes_others
from overt.protocol.records import ContextRecord, EventKind, Level
from overt.redact.edits import Edit, Erase, Insert, committed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from overt.protocol.records import EventArray
    from overt.recorder.capture.allowance import Levels
    from overt.recorder.capture.names import Names

COMMAND_MASK = 0x04 | 0x08 | 0x40  # Control, Alt, Super: no text is typed
_ORDER = list(Level)
_CLEAR = _ORDER.index(Level.CLEAR)
_WORDS = _ORDER.index(Level.WORDS)
_BACKSPACE = 0xFF08
_BUTTON_PRESS, _KEY_PRESS = int(EventKind.BUTTON_PRESS), int(EventKind.KEY_PRESS)
_CARET_KEYS = frozenset((_BACKSPACE, 0xFFFF, *range(0xFF50, 0xFF59)))  # arrows, Home
_MOST_EARLIER = 16  # bursts of a field


class Typing:
    """The burst of keys that goes on."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._composer = Composer()
        self._edits: list[Edit] = []
        self._earlier: list[str] = []
        self._first_ns = 0
        self._level = _CLEAR
        self._is_whole = True

    def take(
        self, events: EventArray, levels: Levels, breaks: Sequence[int]
    ) -> list[ContextRecord]:
        """Return the records of bursts that ended.

        Args:
            events: Events that may be recorded, with the keysyms that they have.
            levels: Level of each.
            breaks: Instants, in order, at which a burst ends whatever comes next: a
                secret, a gap, the begin or end of a task.
        """
        records: list[ContextRecord] = []
        waiting = list(breaks)
        kinds = events["kind"]
        presses = np.flatnonzero((kinds == _BUTTON_PRESS) | (kinds == _KEY_PRESS))
        for place in presses.tolist():
            event, level = events[place], int(levels[place])
            t_ns = int(event["t_ns"])
            while waiting and waiting[0] < t_ns:
                records += self._leave(waiting.pop(0))
            if event["kind"] == _BUTTON_PRESS:
                records += self._leave(t_ns)
            else:
                records += self._press(
                    t_ns, int(event["detail"]), int(event["state"]), level
                )
        for t_ns in waiting:
            records += self._leave(t_ns)
        return records

    def _press(
        self, t_ns: int, keysym: int, state: int, level: int
    ) -> list[ContextRecord]:
        if changes_others(keysym):
            return []
        typed = None if state & COMMAND_MASK else self._composer.press(keysym)
        self._is_whole &= not self._composer.broke
        if typed == "":  # a sequence goes on, or came to nothing
            return []
        if typed and level < _CLEAR:
            if not self._edits:
                self._first_ns, self._level = t_ns, level
            self._edits.append(Insert(typed))
            self._level = min(self._level, level)
            return []
        if keysym == _BACKSPACE and not state & COMMAND_MASK and self._edits:
            self._edits.append(Erase(-1))
            if not committed(self._edits):
                self._edits = []
            return []
        stays = keysym in _CARET_KEYS or state & COMMAND_MASK
        return self._end(t_ns) if stays else self._leave(t_ns)

    def _leave(self, t_ns: int) -> list[ContextRecord]:
        """End the burst, and what was typed before it is of another field."""
        records = self._end(t_ns)
        self._earlier = []
        return records

    def _end(self, t_ns: int) -> list[ContextRecord]:
        typed, whole, first_ns = committed(self._edits), self._is_whole, self._first_ns
        words = self._level >= _WORDS
        self._edits, self._is_whole, self._level = [], True, _CLEAR
        self._composer.reset()
        if not typed.strip() or not whole:
            return []
        earlier = self._earlier[-_MOST_EARLIER:]
        self._earlier = [*earlier, typed]
        shown = self._names.at(first_ns).show(typed, words=words, earlier=earlier)
        return [ContextRecord(t_ns, "typed", {"text": shown})]
