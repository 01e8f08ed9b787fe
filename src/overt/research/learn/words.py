"""Words of a goal and of the screen as letter ids, and spans of a goal.

Stage: learn. Input: text. Output: tokens with their places, int arrays of letter ids.
Pure; it knows no vocabulary of words, so that a word never seen before can be matched
letter by letter.

Shape letters: t tokens of a goal, l letters of a word.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

MAX_TOKENS = 40
MAX_LETTERS = 12
LETTERS = 97  # id 0: padding; 1 to 95: printable ASCII; 96: any other

Ids = npt.NDArray[np.int64]
_TOKEN = re.compile(r"\w+|[^\w\s]")


class Token(NamedTuple):
    """A word or sign of a text, and its place [start, end) in it."""

    text: str
    start: int
    end: int


def tokens_of(text: str) -> list[Token]:
    """Split a text into words and single signs, at most `MAX_TOKENS`."""
    found = (Token(m.group(), m.start(), m.end()) for m in _TOKEN.finditer(text))
    return [token for _, token in zip(range(MAX_TOKENS), found, strict=False)]


def letter_ids(word: str) -> Ids:
    """Return a word's letters as ids, int64 (l,); what is longer is cut."""
    ids = np.zeros(MAX_LETTERS, np.int64)
    for place, letter in enumerate(word[:MAX_LETTERS]):
        code = ord(letter) - 0x1F
        ids[place] = code if 1 <= code < LETTERS - 1 else LETTERS - 1
    return ids


def goal_ids(goal: str) -> Ids:
    """Return a goal's tokens as letter ids, int64 (t, l), padded with zeros."""
    ids = np.zeros((MAX_TOKENS, MAX_LETTERS), np.int64)
    for place, token in enumerate(tokens_of(goal)):
        ids[place] = letter_ids(token.text)
    return ids


def find_span(goal: str, text: str) -> tuple[int, int] | None:
    """Return the first and last token of a text in a goal; None if it is not there.

    A place between quotation marks is preferred to one without.
    """
    places = [match.start() for match in re.finditer(re.escape(text), goal)]
    tokens = tokens_of(goal)
    for start in sorted(places, key=lambda at: not _quoted(goal, at, at + len(text))):
        first = [n for n, token in enumerate(tokens) if token.start == start]
        last = [n for n, token in enumerate(tokens) if token.end == start + len(text)]
        if text and first and last:
            return first[0], last[0]
    return None


def span_text(goal: str, first: int, last: int) -> str:
    """Return the text from a first to a last token of a goal; empty without tokens."""
    tokens = tokens_of(goal)
    if not tokens:
        return ""
    last = min(max(first, last), len(tokens) - 1)
    return goal[tokens[min(first, last)].start : tokens[last].end]


def _quoted(goal: str, start: int, end: int) -> bool:
    return goal[start - 1 : start] == '"' and goal[end : end + 1] == '"'
