"""Several keys that make one character: dead keys and Compose.

Stage: desktop. Input: keysyms of presses in their order, the layout already applied.
Output: the text that each commits. The sequences are those of X11 for UTF-8 locales
(`sequences.txt`, package data); a toolkit or an input method may know others. It keeps
the keys of the sequence that goes on and nothing else.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Final

from overt.desktop.keyboard.keysyms import changes_others, text

_DEAD: Final = range(0xFE50, 0xFE94)
_COMPOSE: Final = 0xFF20
_BACKSPACE: Final = 0xFF08
_Branch = dict[int, "_Branch | str"]


class Composer:
    """The sequence of keys that goes on, if any.

    Attributes:
        broke: Whether the last press ended a sequence that types nothing known.
    """

    def __init__(self) -> None:
        self.broke = False
        self._at: _Branch | None = None

    def reset(self) -> None:
        """Forget the sequence that goes on."""
        self._at, self.broke = None, False

    def press(self, keysym: int) -> str | None:
        """Return what a press commits.

        Args:
            keysym: The key, its level applied; presses with Control, Alt or Super held
                are not to be passed.

        Returns:
            The text; empty while a sequence goes on and where it comes to nothing; None
            for a key that types no text here (modifiers, Return, BackSpace outside a
            sequence).
        """
        self.broke = False
        if changes_others(keysym):
            return None
        if self._at is None:
            if not composes(keysym):
                return text(keysym) or None
            self._at = _sequences()
        found = self._at.get(keysym)
        if isinstance(found, dict):
            self._at = found
            return ""
        self._at, self.broke = None, found is None
        if found is None:
            return "" if text(keysym) or keysym == _BACKSPACE else None
        return found


def composes(keysym: int) -> bool:
    """Whether a key makes one character with those after it."""
    return keysym in _DEAD or keysym == _COMPOSE


@cache
def _sequences() -> _Branch:
    """The tree of all sequences: keysym -> what may follow, or the text."""
    tree: _Branch = {}
    table = (files(__package__) / "sequences.txt").read_text(encoding="utf-8")
    for line in table.splitlines():
        keys, _, typed = line.partition("\t")
        if line.startswith("#"):
            continue
        *before, last = (int(key, 16) for key in keys.split())
        branch = tree
        for keysym in before:
            branch = _branch(branch, keysym)
        branch[last] = typed
    return tree


def _branch(tree: _Branch, keysym: int) -> _Branch:
    found = tree.setdefault(keysym, {})
    if isinstance(found, str):
        raise TypeError(f"a sequence of sequences.txt goes on past {keysym:x}")
    return found
