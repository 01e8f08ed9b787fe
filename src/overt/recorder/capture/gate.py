"""What leaves capture: input and pictures that all views allow, in one order.

Stage: capture, before the spool. Input: input events past the key quarantine, held
pictures, context, marks, views. Output: records for a segment in the order of their
time, from which everything is gone that was not allowed at its instant and for 500 ms
after it. Pure: the time is passed in. Where input is left out, one `gap` mark stands
before it and one `resume` after it; nothing tells how much it was.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from overt.desktop.keyboard.keysyms import text
from overt.desktop.types import without
from overt.protocol.records import (
    EVENT_DTYPE,
    ContextRecord,
    DirtyRecord,
    EventArray,
    EventKind,
    FrameCause,
    InputRecord,
    Level,
    MarkRecord,
    Record,
)
from overt.protocol.texts import runs_body
from overt.recorder.capture.frames import Held, order_ns
from overt.recorder.capture.screenlog import Area
from overt.recorder.capture.typed import COMMAND_MASK, Typing
from overt.redact.runs import runs_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from overt.recorder.capture.allowance import History, Levels
    from overt.recorder.capture.names import Names
    from overt.recorder.capture.screenlog import Picture, ScreenLog
    from overt.recorder.capture.secretplaces import SecretPlaces

SETTLE_NS = 500_000_000
_REMEMBER_NS = 5_000_000_000
_TEXTS = ("element", "tree")  # kinds of context that hold texts of a window
_CLEAR = list(Level).index(Level.CLEAR)
_SHAPE_MASK = 0x01 | 0x02 | 0x80  # Shift, Lock, Mod5 (AltGr)
# Shift, Caps Lock, Shift Lock, Mode switch, Compose
_SHAPE_KEYS = frozenset({0xFFE1, 0xFFE2, 0xFFE5, 0xFFE6, 0xFF7E, 0xFF20})
PLACEHOLDER = 0x0100FFFD  # U+FFFD: a character was typed that is not recorded


class Gate:
    """Judges and orders what is about to be written."""

    def __init__(
        self, history: History, log: ScreenLog, secrets: SecretPlaces, names: Names
    ) -> None:
        self._history, self._log, self._secrets = history, log, secrets
        self._names = names
        self._typing, self._typed = Typing(names), list[ContextRecord]()
        self._in_gap = False
        self._buttons: dict[int, bool] = {}
        self._areas: object = None
        self._pressed_ns: set[int] = set()

    def judge(
        self, events: EventArray, breaks: Sequence[int] = ()
    ) -> tuple[EventArray, list[MarkRecord]]:
        """Return the events that may be recorded, and marks of gaps.

        Args:
            events: Events at least `SETTLE_NS` old, in order.
            breaks: Instants, in order, at which typing ends whatever comes next.
        """
        levels = self._history.pointer_levels(events, SETTLE_NS)
        levels[self._secrets.hides(events)] = 0
        is_key = _is_key(events)
        keys = self._history.keyboard_levels(events[is_key], SETTLE_NS)
        levels[is_key] = keys
        kept = self._follow_buttons(events, levels > 0)
        marks = self._gaps(events["t_ns"], kept)
        ends = sorted([*breaks, *(mark.t_ns for mark in marks)])
        self._typed += self._typing.take(events[kept], levels[kept], ends)
        return _without_text(events[kept], levels[kept]), marks

    def take_typed(self) -> list[ContextRecord]:
        """Return what was typed below `clear`, as placeholders, since the last call."""
        typed, self._typed = self._typed, []
        return typed

    def keeps_keyboard(self, t_ns: int) -> bool:
        """Whether something that the keyboard did may be recorded."""
        return self._history.keyboard_level(t_ns, t_ns + SETTLE_NS) is not Level.OFF

    def passed(
        self, record: ContextRecord | MarkRecord
    ) -> ContextRecord | MarkRecord | None:
        """Return context or a mark as it may be recorded; None for nothing of it.

        Texts of a window leave as they are at level `clear` alone; below it a tree
        leaves as placeholders in boxes. What a person states is recorded anyway.
        """
        if isinstance(record, MarkRecord):
            return record
        level = self._history.keyboard_level(record.t_ns, record.t_ns + SETTLE_NS)
        if record.kind == "tree" and level in {Level.MASKED, Level.WORDS}:
            return self._texts(record, level)
        has_text = record.kind in _TEXTS or any(
            record.body.get(name) for name in ("title", "url")
        )
        keeps = level is Level.CLEAR if has_text else level is not Level.OFF
        return record if keeps else None

    def _texts(self, tree: ContextRecord, level: Level) -> ContextRecord:
        """Return where text stood on the screen, with its placeholders."""
        naming = self._names.at(tree.t_ns)
        runs, left_out = runs_of(
            tree.body.get("nodes", ()),
            self._log.raw,
            lambda text: naming.show(text, words=level is Level.WORDS),
        )
        truncated = left_out or bool(tree.body.get("truncated"))
        return ContextRecord(tree.t_ns, "texts", runs_body(runs, truncated=truncated))

    def pictures(
        self,
        held: Sequence[Held | DirtyRecord],
        events: EventArray,
        pressed_ns: set[int],
        until_ns: int,
    ) -> list[tuple[int, Record]]:
        """Return the records of held pictures, each with its place in time.

        Of masked pictures between which the pointer did nothing the last is kept:
        no action begins at the others, and masking is what costs most.

        Args:
            held: Items at least `SETTLE_NS` old, in order.
            events: Input of the same time that is recorded.
            pressed_ns: Instants of presses that are recorded. The picture of another
                press tells nothing of it: it is dated to the drawing that it shows.
            until_ns: Up to when the presses are complete.
        """
        self._pressed_ns = pressed_ns | {
            t_ns for t_ns in self._pressed_ns if t_ns > until_ns - _REMEMBER_NS
        }
        pointed_ns = events["t_ns"][~_is_key(events)]
        shown: list[tuple[int, Picture]] = []
        for item in held:
            picture = self._agreed(item) if isinstance(item, Held) else None
            if picture is None:
                continue
            at_ns = order_ns(item)
            if shown and _is_passed(*shown[-1], at_ns, picture, pointed_ns):
                _, passed = shown.pop()
                both = passed.patches + picture.patches
                picture = replace(picture, patches=both)
            shown.append((at_ns, picture))
        records: list[tuple[int, Record]] = [
            (item.t_ns, item) for item in held if isinstance(item, DirtyRecord)
        ]
        for at_ns, picture in shown:
            records += [(at_ns, each) for each in self._log.add(picture)]
        return records

    def _agreed(self, held: Held) -> Picture | None:
        end_ns = held.order_ns + SETTLE_NS
        areas = self._history.agreed_areas(held.view, held.picture.areas, end_ns)
        areas = self._without_secrets(areas, held)
        picture = replace(held.picture, areas=areas)
        is_press = picture.cause is FrameCause.PRESS
        if is_press and picture.t_ns not in self._pressed_ns:
            if not picture.patches and areas == self._areas:
                return None
            cause, t_ns = FrameCause.DAMAGE, held.painted_ns
            picture = replace(picture, cause=cause, t_ns=t_ns, age_us=0)
        self._areas = areas
        return picture

    def _without_secrets(self, areas: tuple[Area, ...], held: Held) -> tuple[Area, ...]:
        """Leave out password fields, and embedded documents that are off.

        A field's dots tell a length. Where they are is not known: everything.
        """
        hidden = self._secrets.during(held.picture.t_ns, held.taken_ns)
        if hidden is None:
            return ()
        return tuple(
            Area(rect, area.level)
            for area in areas
            for rect in (without([area.rect], hidden) if hidden else [area.rect])
        )

    def _follow_buttons(
        self, events: EventArray, allowed: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.bool_]:
        """While a button is down, the pointer belongs to where it went down."""
        kept, start = allowed.copy(), 0
        kind = events["kind"]
        presses = (kind == EventKind.BUTTON_PRESS) | (kind == EventKind.BUTTON_RELEASE)
        is_key = _is_key(events)
        for place in [*np.flatnonzero(presses), len(events)]:
            if self._buttons:
                between = slice(start, int(place))
                verdict = all(self._buttons.values())
                kept[between][~is_key[between]] = verdict
            start = int(place) + 1
            if place == len(events):
                break
            button = int(events["detail"][place])
            if events["kind"][place] == EventKind.BUTTON_PRESS:
                inside = all(self._buttons.values()) if self._buttons else kept[place]
                self._buttons[button] = kept[place] = bool(inside)
            else:
                kept[place] = self._buttons.pop(button, False)
        return kept

    def _gaps(
        self, t_ns: npt.NDArray[np.int64], kept: npt.NDArray[np.bool_]
    ) -> list[MarkRecord]:
        marks = []
        before = np.concatenate([[not self._in_gap], kept[:-1]])
        for place in np.flatnonzero(kept != before[: len(kept)]).tolist():
            at_ns, self._in_gap = int(t_ns[place]), not kept[place]
            marks.append(
                MarkRecord(at_ns, "gap", {"reason": "not allowed"})
                if self._in_gap
                else MarkRecord(at_ns, "resume")
            )
        return marks


def _is_passed(
    at_ns: int,
    picture: Picture,
    next_ns: int,
    following: Picture,
    pointed_ns: npt.NDArray[np.int64],
) -> bool:
    """Whether a masked picture was passed over before anything was done at it."""
    if any(area.level is Level.CLEAR for area in picture.areas):
        return False
    states = [(one.cause, one.screen, one.areas) for one in (picture, following)]
    if states[0] != states[1] or picture.cause is not FrameCause.DAMAGE:
        return False
    first, last = np.searchsorted(pointed_ns, (at_ns, next_ns + 1))
    return bool(first == last)


def _is_key(events: EventArray) -> npt.NDArray[np.bool_]:
    kind = events["kind"]
    found: npt.NDArray[np.bool_]
    found = (kind == EventKind.KEY_PRESS) | (kind == EventKind.KEY_RELEASE)
    return found


def pressed(events: EventArray, marks: Sequence[MarkRecord]) -> set[int]:
    """The instants at which presses are recorded, secret ones included."""
    kind = events["kind"]
    is_press = (kind == EventKind.KEY_PRESS) | (kind == EventKind.BUTTON_PRESS)
    presses = events["t_ns"][is_press]
    return set(presses.tolist()) | {m.t_ns for m in marks if m.kind == "secret"}


def merge(events: EventArray, records: Sequence[tuple[int, Record]]) -> list[Record]:
    """One sequence by time; at the same instant input comes after the other records.

    Args:
        events: Input in order.
        records: Other records, each with its place in time.
    """
    ordered = sorted(records, key=lambda item: item[0])
    merged: list[Record] = []
    done = 0
    for at_ns, record in ordered:
        until = int(np.searchsorted(events["t_ns"], at_ns, side="left"))
        if until > done:
            merged.append(InputRecord(events[done:until]))
            done = until
        merged.append(record)
    if done < len(events):
        merged.append(InputRecord(events[done:]))
    return merged


def _without_text(events: EventArray, levels: Levels) -> EventArray:
    """Below level `clear` a typed character leaves its time and a placeholder alone.

    Keys that only shape text (Shift, AltGr, accents, locks) leave their time alone.
    """
    for place in np.flatnonzero(_is_key(events) & (levels < _CLEAR)):
        keysym = int(events["detail"][place])
        if int(events["state"][place]) & COMMAND_MASK:
            continue
        if text(keysym):
            events["detail"][place] = PLACEHOLDER
        elif _shapes_text(keysym):
            events["detail"][place] = 0
        else:
            continue
        events["state"][place] &= ~_SHAPE_MASK & 0xFFFF
    return events


def _shapes_text(keysym: int) -> bool:
    return (
        keysym in _SHAPE_KEYS
        or 0xFE01 <= keysym <= 0xFE13  # ISO levels and locks
        or 0xFE50 <= keysym <= 0xFE93  # dead keys
    )


def no_events() -> EventArray:
    """An empty batch."""
    return np.zeros(0, EVENT_DTYPE)


def dated(records: Sequence[ContextRecord | MarkRecord]) -> list[tuple[int, Record]]:
    """Records with their place in time."""
    return [(record.t_ns, record) for record in records]
