"""The text of a field as it was committed, from the edits that made it.

Stage: before rules run: a rule on keys with typos finds half of what it finds in clean
text. Input: edits in order. Output: the text that stands in the field at the end, and
whether it is known whole. What was pasted is never known: its place is kept by a mark
that no word contains. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

PASTED: Final = "\ufffc"  # object replacement character: masked with what it touches


@dataclass(frozen=True, slots=True)
class Insert:
    """Text typed, or put by autocorrection, at the caret."""

    text: str


@dataclass(frozen=True, slots=True)
class Paste:
    """Something came from the clipboard; its content is not recorded."""


@dataclass(frozen=True, slots=True)
class Erase:
    """Backspace (negative) or Delete (positive), so many characters."""

    count: int


@dataclass(frozen=True, slots=True)
class Move:
    """The caret goes so many characters; a selection grows if `select` holds."""

    count: int
    select: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """The caret goes to a place; text up to there is selected if `select` holds."""

    at: int
    select: bool = False


@dataclass(frozen=True, slots=True)
class Replace:
    """Autocorrection: so many characters before the caret give way to a text."""

    count: int
    text: str


Edit = Insert | Paste | Erase | Move | Place | Replace


def committed(edits: Iterable[Edit], text: str = "") -> str:
    """Return the text of a field after edits.

    Args:
        edits: In order. A caret never leaves the text.
        text: What stood there before; the caret is at its end.
    """
    field = _Field(text)
    for edit in edits:
        field.take(edit)
    return field.text


class _Field:
    """A text with a caret and the other end of a selection."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._caret = self._mark = len(text)

    def take(self, edit: Edit) -> None:
        match edit:
            case Insert(text):
                self._put(text)
            case Paste():
                self._put(PASTED)
            case Erase(count):
                self._erase(count)
            case Move(count, select):
                self._go(self._from(count, select=select), select=select)
            case Place(at, select):
                self._go(at, select=select)
            case Replace(count, text):
                self._go(self._caret - count, select=True)
                self._put(text)

    def _from(self, count: int, *, select: bool) -> int:
        """Without Shift an arrow leaves a selection at its end."""
        if select or self._caret == self._mark:
            return self._caret + count
        ends = sorted((self._caret, self._mark))
        return ends[count > 0]

    def _go(self, at: int, *, select: bool) -> None:
        self._caret = min(max(at, 0), len(self.text))
        if not select:
            self._mark = self._caret

    def _put(self, text: str) -> None:
        low, high = sorted((self._caret, self._mark))
        self.text = self.text[:low] + text + self.text[high:]
        self._caret = self._mark = low + len(text)

    def _erase(self, count: int) -> None:
        if self._caret == self._mark:
            self._go(self._caret + count, select=True)
        self._put("")
