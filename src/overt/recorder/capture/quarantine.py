"""Hold key events back until the field they went to is known.

Stage: between the input lane and the spool. Input: events in the order of the X
server, words of focus changes, answers to "what has the focus?", the time. Output:
the events that may be recorded, in that order, and a `secret` mark for each burst of
keys that may not. Pure: the time is passed in. Never passes on the content or the
number of what it drops.

A key is decided when it is at least 500 ms old and the application has answered a
question asked at least 500 ms after it. Events behind an undecided key wait with it.
A release follows its press. Whatever is not known is dropped.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

import numpy as np

from overt.desktop.a11y.focus import UNKNOWN
from overt.protocol.records import EVENT_DTYPE, EventArray, EventKind, MarkRecord
from overt.recorder.capture.focushistory import (
    SETTLE_NS,
    FocusHistory,
    Mover,
    Report,
)

if TYPE_CHECKING:
    import numpy.typing as npt

    from overt.desktop.a11y.focus import Focus, FocusChange
    from overt.recorder.capture.focushistory import Instant

GIVE_UP_NS: Final = 4 * SETTLE_NS  # a key this old without an answer is dropped
_ANSWER_PATIENCE_NS: Final = 400_000_000  # then the question is asked anew

# plain numbers: an enumeration's members are looked up too slowly for every turn
_MOTION, _BUTTON_PRESS = int(EventKind.MOTION), int(EventKind.BUTTON_PRESS)
_KEY_PRESS, _KEY_RELEASE = int(EventKind.KEY_PRESS), int(EventKind.KEY_RELEASE)
_TAB_KEYS: Final = frozenset({0xFF09, 0xFE20, 0xFF89})  # Tab, back tab, keypad Tab
_LEAVE_KEYS: Final = frozenset({0xFF0D, 0xFF8D, 0xFF1B})  # Return, Enter, Escape
_COMMAND_MASK: Final = 0x04 | 0x08 | 0x40  # Control, Mod1 (Alt), Mod4 (Super)
_CONTROL_MASK: Final = 0x04
_MODIFIER_KEYS: Final = range(0xFFE1, 0xFFEF)
# With Control alone these edit the field that has the focus.
_EDIT_KEYS: Final = frozenset(
    [ord(letter) for letter in "acvxyzACVXYZ"]
    + [0xFF50, 0xFF51, 0xFF52, 0xFF53, 0xFF54, 0xFF57]  # Home, arrows, End
    + [0xFF08, 0xFFFF]  # BackSpace, Delete
)
_POINTING_BUTTONS: Final = frozenset({1, 2, 3, 8, 9})  # 4 to 7 scroll


class Quarantine:
    """Key events on their way to the spool, and what is known of the focus."""

    def __init__(self) -> None:
        self._waiting: deque[EventArray] = deque()
        self._ordinal = 0  # of the next event to arrive
        self._released = 0  # ordinal of the first waiting event
        self._presses: deque[int] = deque()  # when each waiting key went down
        self._history = FocusHistory()
        self._asked_ns: int | None = None
        self._answered_for_ns = -GIVE_UP_NS
        self._was_answered = False
        self._held: dict[tuple[int, int], bool] = {}
        self._burst: Focus | None = None

    def add_input(self, events: EventArray) -> None:
        """Take input events in the order of the X server, `EVENT_DTYPE` (n,)."""
        if not len(events):
            return
        for offset in np.flatnonzero(events["kind"] != _MOTION):
            mover = _mover(events[offset], self._ordinal + int(offset))
            if mover is not None:
                self._history.add_mover(mover)
        presses = events["t_ns"][events["kind"] == _KEY_PRESS]
        self._presses += presses.tolist()
        self._ordinal += len(events)
        self._waiting.append(events)

    def add_focus(self, change: FocusChange) -> None:
        """Take the word of a focus change, in the order of arrival."""
        self._history.add_report(Report(change.t_ns, change.focus))

    def add_answer(self, asked_ns: int, answered_ns: int, focus: Focus | None) -> None:
        """Take the answer to a question that `due` called for.

        Words that arrived before the answer have to be added before it. `focus` is
        None where the application did not answer in time: `due` calls again later.
        """
        if focus is None:
            return
        self._asked_ns = None
        self._was_answered = True
        self._answered_for_ns = max(self._answered_for_ns, asked_ns - SETTLE_NS)
        self._history.add_report(Report(answered_ns, focus, asked_ns))

    def due(self, now_ns: int) -> bool:
        """Whether to ask the application now what has the focus.

        True once a question: then it counts as asked, and `add_answer` is awaited.
        """
        asked_ns = self._asked_ns
        if asked_ns is not None and now_ns - asked_ns < _ANSWER_PATIENCE_NS:
            return False
        pressed_ns = self._first_press_ns()
        old_ns = now_ns - SETTLE_NS
        if self._was_answered and (
            pressed_ns is None or not self._answered_for_ns < pressed_ns <= old_ns
        ):
            return False
        self._asked_ns = now_ns
        return True

    @property
    def is_waiting(self) -> bool:
        """Whether any event waits."""
        return bool(self._waiting)

    @property
    def is_holding(self) -> bool:
        """Whether a key waits for its field to be known."""
        return self._first_press_ns() is not None

    def release(self, now_ns: int) -> tuple[EventArray, list[MarkRecord]]:
        """Return the events that can be recorded now, and the marks of bursts."""
        return self._pass_on(now_ns)

    def close(self) -> tuple[EventArray, list[MarkRecord]]:
        """Return all that waits, without the keys not yet decided."""
        return self._pass_on(now_ns=1 << 62)

    def _pass_on(self, now_ns: int) -> tuple[EventArray, list[MarkRecord]]:
        kept: list[EventArray] = [np.empty(0, EVENT_DTYPE)]
        marks: list[MarkRecord] = []
        while self._waiting:
            batch = self._waiting.popleft()
            mask, stop = self._judge(batch, now_ns, marks)
            kept.append(batch[:stop][mask[:stop]])
            self._released += stop
            if stop < len(batch):
                self._waiting.appendleft(batch[stop:])
                break
        pressed_ns = self._first_press_ns()
        oldest_ns = now_ns if pressed_ns is None else min(now_ns, pressed_ns)
        self._history.forget_before(oldest_ns - GIVE_UP_NS)
        return np.concatenate(kept), marks

    def _judge(
        self, batch: EventArray, now_ns: int, marks: list[MarkRecord]
    ) -> tuple[npt.NDArray[np.bool_], int]:
        """Which events of a batch to keep, and how far the verdict reaches."""
        mask = np.ones(len(batch), dtype=bool)
        for offset in np.flatnonzero(batch["kind"] != _MOTION):
            event = batch[offset]
            instant = (int(event["t_ns"]), self._released + int(offset))
            if event["kind"] == _KEY_PRESS:
                verdict = self._decide(instant, now_ns)
                if verdict is None:
                    return mask, int(offset)
                self._presses.popleft()
                self._settle(event, instant, verdict, marks)
                mask[offset] = verdict
            elif event["kind"] == _KEY_RELEASE:
                mask[offset] = self._held.pop(_key_of(event), False)
            elif event["kind"] == _BUTTON_PRESS:
                self._burst = None
        return mask, len(batch)

    def _decide(self, instant: Instant, now_ns: int) -> bool | None:
        """Whether to keep a key press; None while that is not known."""
        t_ns = instant[0]
        if t_ns <= min(self._answered_for_ns, now_ns - SETTLE_NS):
            return self._history.may_keep(instant)
        return False if now_ns - t_ns >= GIVE_UP_NS else None

    def _settle(
        self,
        event: np.void,
        instant: Instant,
        verdict: bool,  # noqa: FBT001 - the outcome of `_decide`
        marks: list[MarkRecord],
    ) -> None:
        """Remember the verdict for the release; mark the first key of a burst."""
        self._held[_key_of(event)] = verdict
        if verdict:
            self._burst = None
            return
        field = self._history.fields_at(instant)[-1:] or [UNKNOWN]
        if field[0] != self._burst:
            self._burst = field[0]
            marks.append(MarkRecord(instant[0], "secret"))

    def _first_press_ns(self) -> int | None:
        return self._presses[0] if self._presses else None


def _key_of(event: np.void) -> tuple[int, int]:
    return int(event["device"]), int(event["detail"])


def _mover(event: np.void, ordinal: int) -> Mover | None:
    """Return what an event is to the focus; None for one that leaves it alone.

    Arrows are no movers: a change that follows one counts as the page's own, which
    is the stricter reading and the same for every field but a secret one.
    """
    detail, state = int(event["detail"]), int(event["state"])
    at = (int(event["t_ns"]), ordinal)
    if event["kind"] == _BUTTON_PRESS:
        return Mover(at, strong=True) if detail in _POINTING_BUTTONS else None
    if event["kind"] != _KEY_PRESS or detail in _MODIFIER_KEYS:
        return None
    if detail in _TAB_KEYS:
        return Mover(at, strong=True)
    command = state & _COMMAND_MASK
    if command == _CONTROL_MASK and detail in _EDIT_KEYS:
        return None
    if command or detail in _LEAVE_KEYS:
        return Mover(at, strong=False)
    return None
