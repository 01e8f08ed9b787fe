"""The cover of a picture that changes in parts, with known words left to be read.

Stage: masking at the source, level `words`. Input: as of `Masker`. Output: the same,
less the words that a lexicon has read before. It reads nothing itself: what is not
known yet stays covered and waits in the lexicon.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from overt.redact.pixels.masker import Masker

if TYPE_CHECKING:
    from collections.abc import Iterable

    from overt.protocol.records import Pixels
    from overt.redact.pixels.masker import Box
    from overt.redact.pixels.words import Lexicon


class WordMasker:
    """A `Masker` that leaves the words which a lexicon knows."""

    def __init__(self, lexicon: Lexicon, rgb: Pixels) -> None:
        """Cover a picture, but for what is known.

        Raises:
            DataError: The array is not uint8 (height, width, 3).
        """
        self._lexicon, self._masker = lexicon, Masker(rgb)
        self._known: dict[Box, tuple[Box, ...]] = {}
        self._look(rgb, [self._masker.whole])

    def update(self, rgb: Pixels, changed: Iterable[Box]) -> list[Box]:
        """Take a new state; return where the masked picture may differ.

        Raises:
            DataError: The picture has another size or form.
        """
        parts = list(changed)
        before = self._revealed()
        differing = self._masker.update(rgb, parts)
        self._look(rgb, parts)
        return differing + sorted(before ^ self._revealed())

    def paint(self, rgb: Pixels, box: Box) -> Pixels:
        """Return the masked pixels of a box of the picture, as a copy."""
        masked = self._masker.paint(rgb, box)
        x0, y0 = box[:2]
        for word in self._revealed():
            left, top, right, bottom = _shared(word, box)
            if left < right and top < bottom:
                place = slice(top - y0, bottom - y0), slice(left - x0, right - x0)
                masked[place] = rgb[top:bottom, left:right]
        return masked

    def _look(self, rgb: Pixels, changed: list[Box]) -> None:
        """Ask for boxes that are new, changed, or were not known before."""
        before, self._known = self._known, {}
        for box in self._masker.boxes:
            same = not any(_meet(box, part) for part in changed)
            found = before.get(box) if same else None
            if found is None:
                x0, y0, x1, y1 = box
                part = np.ascontiguousarray(rgb[y0:y1, x0:x1])
                found = self._lexicon.look(part)
            if found is not None:
                self._known[box] = found

    def _revealed(self) -> set[Box]:
        return {
            (x0 + left, y0 + top, x0 + right, y0 + bottom)
            for (x0, y0, _, _), words in self._known.items()
            for left, top, right, bottom in words
        }


def _shared(one: Box, other: Box) -> Box:
    return (
        max(one[0], other[0]),
        max(one[1], other[1]),
        min(one[2], other[2]),
        min(one[3], other[3]),
    )


def _meet(one: Box, other: Box) -> bool:
    left, top, right, bottom = _shared(one, other)
    return left < right and top < bottom
