"""When the keyboard focus moved, as exactly as late and lossy reports allow.

Stage: core of the key quarantine. Input: inputs that move the focus, reports of focus
changes, answers to "what has the focus?". Output: the fields that a key pressed at an
instant may have gone to. Pure; never sees what was typed.

The word of a focus change arrives some time after the change. If an input that moves
the focus (a *mover*) came at most 500 ms before the word, the focus moved with it:
the last such mover is the boundary. Where that is not certain the change has an
interval, and a key inside it may have gone to either field:

- no mover: the page moved the focus itself, within the 500 ms before the word;
- several movers to which a word may be owed: with any of them;
- a mover that already had its word: between the mover and the second word;
- an answer that contradicts the words so far: since the first unsettled mover.

A toolkit may also report only the last of several quick changes. A field that was
reached by Tab or click and left by another mover within 500 ms, without a word in
between, is therefore unknown.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

from overt.desktop.a11y.focus import UNKNOWN, Focus, Ref

SETTLE_NS = 500_000_000

# Instant of an input: time and ordinal, so that inputs of one millisecond are ordered.
Instant = tuple[int, int]
_LAST = 1 << 62
_NEVER = -(1 << 62)
_START: Instant = (_NEVER, 0)


@dataclass(frozen=True, slots=True)
class Mover:
    """An input that may move the focus.

    Attributes:
        at: When it came.
        strong: Whether it nearly always moves the focus (Tab, click); Return, Escape
            and shortcuts often leave it where it is.
    """

    at: Instant
    strong: bool


@dataclass(frozen=True, slots=True)
class Report:
    """A statement about the focus, in the order of arrival.

    Attributes:
        t_ns: When it arrived.
        focus: The field it names.
        asked_ns: When the question was sent; None for a word of change.
    """

    t_ns: int
    focus: Focus
    asked_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """The focus came to a field after `earliest` and not after `latest`."""

    focus: Focus
    earliest: Instant
    latest: Instant


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known after a report.

    Attributes:
        focus: The field that has the focus.
        worded_ns: When the last word of change arrived.
        confirmed_ns: When the last answer that agreed was asked for.
        owed: The mover that the last word is owed to, at the earliest.
        move: The move that the report told of; None where it told nothing new.
    """

    focus: Focus = UNKNOWN
    worded_ns: int = _NEVER
    confirmed_ns: int = _NEVER
    owed: Instant = _START
    move: Move | None = Move(UNKNOWN, _START, _START)


class FocusHistory:
    """The moves of the focus over the last seconds."""

    def __init__(self) -> None:
        self._movers: list[Mover] = []
        self._reports: list[Report] = []
        self._base = _Known()
        self._known: list[_Known] = []
        self._secret_refs: set[Ref | None] = set()

    def add_mover(self, mover: Mover) -> None:
        """Note an input that may move the focus."""
        self._movers.append(mover)
        self._known = []

    def add_report(self, report: Report) -> None:
        """Note a word of change or an answer; a field once secret stays secret."""
        if report.focus.is_password:
            self._secret_refs.add(report.focus.ref)
        self._reports.append(report)
        self._known = []

    def fields_at(self, key: Instant) -> list[Focus]:
        """Return the fields that a key may have gone to; UNKNOWN among them if so."""
        fields: list[Focus] = []
        for known in self._states():
            move = known.move
            if move is not None and move.latest < key:
                fields = [move.focus]
            elif move is not None and move.earliest < key:
                fields.append(move.focus)
        return [*fields, UNKNOWN] if self._is_blind(key) else fields

    def may_keep(self, key: Instant) -> bool:
        """Whether every field that the key may have gone to lets keys be kept."""
        fields = self.fields_at(key)
        return bool(fields) and all(
            field.keeps_keys and field.ref not in self._secret_refs for field in fields
        )

    def forget_before(self, t_ns: int) -> None:
        """Drop what no key pressed at `t_ns` or later can depend on."""
        if not self._movers and not self._reports:
            return
        states = self._states()
        old = [n for n, s in enumerate(states) if s.move and s.move.latest[0] < t_ns]
        if old and old[-1] > 0:
            self._base = states[old[-1]]
            self._reports = self._reports[old[-1] :]
        self._movers = [m for m in self._movers if m.at[0] >= t_ns - 2 * SETTLE_NS]
        self._known = []

    def _states(self) -> list[_Known]:
        """What was known at the start and after each report."""
        if not self._known:
            self._known = [self._base]
            for report in self._reports:
                self._known.append(self._after(self._known[-1], report))
        return self._known

    def _after(self, known: _Known, report: Report) -> _Known:
        if report.asked_ns is None:
            return self._worded(known, report)
        if report.focus == known.focus:
            return replace(known, confirmed_ns=report.asked_ns, move=None)
        return replace(
            known,
            focus=report.focus,
            confirmed_ns=report.asked_ns,
            move=self._contradicted(known, report),
        )

    def _worded(self, known: _Known, report: Report) -> _Known:
        """Take a word of change.

        It may be owed to any mover of the last 500 ms after the one that the word
        before is owed to at the earliest.
        """
        since = report.t_ns - SETTLE_NS
        movers = [m.at for m in self._movers if since <= m.at[0] <= report.t_ns]
        owed = [at for at in movers if at > known.owed]
        arrival = (report.t_ns, _LAST)
        if owed:
            earliest, latest = owed[0], owed[-1]
        else:
            earliest, latest = (movers[-1] if movers else (since, -1)), arrival
        return replace(
            known,
            focus=report.focus,
            worded_ns=report.t_ns,
            owed=owed[0] if owed else known.owed,
            move=Move(report.focus, earliest, latest),
        )

    def _contradicted(self, known: _Known, report: Report) -> Move:
        """The move that went unreported before an answer."""
        unsettled_ns = max(known.worded_ns, known.confirmed_ns) - SETTLE_NS
        movers = [
            mover.at
            for mover in self._movers
            if mover.at > known.owed and unsettled_ns <= mover.at[0] <= report.t_ns
        ]
        since = max(known.worded_ns, known.confirmed_ns - SETTLE_NS)
        earliest = movers[0] if movers else (since, -1)
        return Move(report.focus, earliest, (report.t_ns, _LAST))

    def _is_blind(self, key: Instant) -> bool:
        """Whether the key lies in a field left too soon to be reported."""
        for mover, following in pairwise(self._movers):
            if mover.strong and mover.at < key < following.at:
                soon = following.at[0] - mover.at[0] < SETTLE_NS
                return soon and not self._has_word(mover.at, following.at[0])
        return False

    def _has_word(self, mover: Instant, before_ns: int) -> bool:
        """Whether a word surely owed to a mover came before an instant."""
        moves = [(s.worded_ns, s.move) for s in self._states() if s.move]
        return any(
            move.earliest == mover and mover[0] <= worded_ns < before_ns
            for worded_ns, move in moves
        )
