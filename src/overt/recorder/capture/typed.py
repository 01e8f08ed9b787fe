"""What was typed below level `clear`, as placeholders of the episode.

Stage: capture, at the gate. Input: keys that are past the quarantine, with their
levels, and the instants of whatever ends a burst. Output: a context record `typed` at
the end of each burst: which values of the episode were typed, edits resolved. Keys
themselves leave as U+FFFD alone. Dead keys and Compose are resolved; a burst with a
sequence that comes to nothing known has no record. Pure; a burst that goes on is held
in memory alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from overt.desktop.keyboard.compose import Composer
from overt.desktop.keyboard.keysyms import changes_others
from overt.protocol.records import ContextRecord, EventKind, Level

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


class Typing:
    """The burst of keys that goes on."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._composer = Composer()
        self._text = ""
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
                records += self._end(waiting.pop(0))
            if event["kind"] == _BUTTON_PRESS:
                records += self._end(t_ns)
            else:
                records += self._press(
                    t_ns, int(event["detail"]), int(event["state"]), level
                )
        for t_ns in waiting:
            records += self._end(t_ns)
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
            if not self._text:
                self._first_ns, self._level = t_ns, level
            self._text += typed
            self._level = min(self._level, level)
            return []
        if keysym == _BACKSPACE and not state & COMMAND_MASK and self._text:
            self._text = self._text[:-1]
            return []
        return self._end(t_ns)

    def _end(self, t_ns: int) -> list[ContextRecord]:
        typed, whole, first_ns = self._text, self._is_whole, self._first_ns
        words = self._level >= _WORDS
        self._text, self._is_whole, self._level = "", True, _CLEAR
        self._composer.reset()
        if not typed.strip() or not whole:
            return []
        shown = self._names.at(first_ns).show(typed, words=words)
        return [ContextRecord(t_ns, "typed", {"text": shown})]
