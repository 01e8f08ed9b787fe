"""Replace text by typed placeholders, as the level `masked` asks.

Stage: masking at the source. Input: a text. Output: a placeholder that says what kind
of thing it was and roughly how long, nothing else. Pure; keeps no word, case or digit.
"""

from __future__ import annotations

import re
from typing import Final

_KINDS: Final = (
    ("email", re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")),
    ("url", re.compile(r"(?:[a-z][a-z0-9+.-]*://|www\.)\S+", re.IGNORECASE)),
    ("number", re.compile(r"[+-]?[\d\s.,:/()-]*\d[\d\s.,:/()-]*")),
)
_LENGTHS: Final = ((4, "short"), (16, "medium"), (64, "long"))
_LONGEST: Final = 256  # characters; nothing longer is one address or number


def placeholder(text: str) -> str:
    """Return what stands for a text at level `masked`; empty for a blank text.

    Args:
        text: Any text: a label, a title, what was typed.

    Returns:
        `[kind:length]`: the kind is `email`, `url`, `number`, `word` or `words`; the
        length is `short` (up to 4 characters), `medium` (16), `long` (64) or `page`.
    """
    bare = text.strip()
    if not bare:
        return ""
    return f"[{_kind(bare)}:{_length(bare)}]"


def _kind(bare: str) -> str:
    for kind, form in _KINDS if len(bare) <= _LONGEST else ():
        if form.fullmatch(bare):
            return kind
    return "words" if len(bare.split(maxsplit=1)) > 1 else "word"


def _length(bare: str) -> str:
    return next((name for most, name in _LENGTHS if len(bare) <= most), "page")
