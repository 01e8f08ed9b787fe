"""Values that were split: rejoined before rules run, masked in every part.

Stage: text masking over sequences. Input: parts of text in order, each of a field: what
was typed in bursts, the fields of a form, nodes of the interface, lines of a screen.
Output: spans of each part. A part is judged alone, with the other parts of its field
without a gap, and with its neighbours with and without a gap; what any of these masks
is masked. Pure.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from overt.redact.kinds import Kind, Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


class Part(NamedTuple):
    """A text and the field that it belongs to.

    Attributes:
        field: Any name; parts of the same name make one text.
        text: What stands there, edits resolved.
    """

    field: str
    text: str


def spans_over(
    parts: Sequence[Part], masks: Callable[[str], Sequence[tuple[int, int, str]]]
) -> list[list[Span]]:
    """Return what is masked in each part, whatever it was split over.

    Args:
        parts: In the order of time or reading.
        masks: What of one text is masked, as `text.spans` tells it.
    """
    hidden = [[-1] * len(part.text) for part in parts]
    for way in _readings(parts):
        _mark(way, masks("".join(text for _, text in way)), hidden)
    return [[*_spans(kinds)] for kinds in hidden]


def _readings(parts: Sequence[Part]) -> Iterator[list[tuple[int, str]]]:
    """Texts that the parts may make together: pieces with their part, -1 for a gap."""
    whole = [(n, part.text) for n, part in enumerate(parts)]
    for piece in whole:
        yield [piece]
    for field in dict.fromkeys(part.field for part in parts):
        yield [piece for piece in whole if parts[piece[0]].field == field]
    for gap in ("", " ", "\n"):
        yield [one for piece in whole for one in (piece, (-1, gap))][:-1]


def _mark(
    way: list[tuple[int, str]],
    found: Sequence[tuple[int, int, str]],
    hidden: list[list[int]],
) -> None:
    """Carry the spans of a joined text over to its parts."""
    places = [
        (part, at) if part >= 0 else None
        for part, text in way
        for at in range(len(text))
    ]
    for start, end, label in found:
        for place in places[start:end]:
            if place is not None:
                kinds = hidden[place[0]]
                kinds[place[1]] = max(kinds[place[1]], Kind[label])


def _spans(kinds: list[int]) -> Iterator[Span]:
    place = 0
    for kind, run in groupby(kinds):
        size = len([*run])
        if kind >= 0:
            yield Span(place, place + size, Kind(kind).name)
        place += size
