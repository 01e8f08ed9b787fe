"""The lists that masking reads: words of five languages, names, classes of windows.

Input: the text files of this folder (README.md says whose they are and under which
licence). Output: sets of words by section. Reads package data and nothing else.
"""

from __future__ import annotations

from array import array
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

LANGUAGES: Final = ("en", "de", "es", "fr", "pt")
_SLOTS: Final = 1 << 18  # twice as many as there are names, or more


def read(name: str) -> str:
    """Return one file of this folder."""
    return (files(__name__) / name).read_text(encoding="utf-8")


@cache
def sections(lang: str) -> dict[str, frozenset[str]]:
    """Return the hand-written words of a language by section.

    Args:
        lang: One of `LANGUAGES`.
    """
    found: dict[str, set[str]] = {}
    words: set[str] = set()
    for line in read(f"{lang}.txt").splitlines():
        if line.startswith("["):
            words = found.setdefault(line.strip("[]"), set())
        elif not line.startswith("#"):
            words.update(line.split())
    return {name: frozenset(words) for name, words in found.items()}


def ranked(lang: str) -> dict[str, tuple[int, bool]]:
    """Return the allow-list of a language: word -> place in it, whether a name, too."""
    rows = (line.split() for line in read(f"words_{lang}.txt").splitlines())
    return {row[0]: (place, len(row) > 1) for place, row in enumerate(rows)}


@cache
def brands() -> set[str]:
    """Return names of makers, shops and services."""
    lines = read("brands.txt").splitlines()
    return {word for line in lines if line[:1] != "#" for word in line.split()}


@cache
def names() -> Names:
    """Return known names of people and places."""
    with (files(__name__) / "names.txt").open(encoding="utf-8") as lines:
        return Names(lines)


class Names:
    """Names as an open-addressing table of hashes, an eighth of a dictionary's memory.

    About one word in 10^14 that is no name is taken for one, and masked.

    Args:
        lines: A name and `P` for one of people, `L` for one of places.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self._table = array("q", bytes(8 * _SLOTS))
        for line in lines:
            name, sign = line.split()
            slot, value = self._find(name)
            self._table[slot] = value | (sign == "L")

    def get(self, word: str) -> str | None:
        """Return `P` or `L`, nothing for what is no name."""
        held = self._table[self._find(word)[0]]
        if not held:
            return None
        return "L" if held & 1 else "P"

    def __contains__(self, word: str) -> bool:
        """Whether a word is a name."""
        return self._table[self._find(word)[0]] != 0

    def _find(self, word: str) -> tuple[int, int]:
        """Return a word's slot, an empty one where it is not there, and its value."""
        value = hash(word) & ~1 or 2
        slot = value >> 1 & _SLOTS - 1
        while (held := self._table[slot]) and held & ~1 != value:
            slot = slot + 1 & _SLOTS - 1
        return slot, value
