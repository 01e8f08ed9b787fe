"""Mask text: everything at level `masked`, all but common words at level `words`.

Stage: masking at the source, and again in refine. Input: texts. Output: spans in
Unicode code points: what is masked and of what kind. Everything is masked and a list
of words reveals; what rules find is taken away from that. Pure: no text is kept, logged
or sent. What cannot be judged (another language, another script) is masked.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from overt.protocol.texts import length_of
from overt.redact import chunks as judging
from overt.redact.chunks import Class, Role, vocabulary
from overt.redact.kinds import Kind, Span
from overt.redact.lists import LANGUAGES
from overt.redact.rules import find
from overt.redact.surroundings import Borders, Scene, after, before, masked

if TYPE_CHECKING:
    from collections.abc import Sequence

Level = Literal["masked", "words"]
Places = npt.NDArray[np.int64]

_SPACES: Final = np.array([chr(code).isspace() for code in range(0x3002)])
_OWN: Final = re.compile(
    rf"(?:\s*\[(?:{'|'.join(Kind.__members__)}):(?:short|medium|long|page)\])+\s*"
)
_JOINED: Final = 4  # letters of the shortest name that is looked for in two words


class Laid(NamedTuple):
    """The chunks of some texts laid one after another with a line feed between them.

    Attributes:
        chunks: Runs of characters without white space.
        starts: Where each begins, in code points of all.
        ends: Where each ends.
        owner: The text that each belongs to.
        borders: What stands before each.
        offsets: Where each text begins.
    """

    chunks: list[str]
    starts: Places
    ends: Places
    owner: Places
    borders: Borders
    offsets: Places


def spans(text: str, level: Level, lang: str = "en") -> list[Span]:
    """Return what is masked in a text.

    Args:
        text: Any text.
        level: `masked` or `words`.
        lang: Language of the interface; in one without a list all is masked.

    Returns:
        Spans in order, without overlap. White space inside a value is covered.
    """
    return spans_of([text], level, lang)[0]


def spans_of(
    texts: Sequence[str], level: Level, lang: str = "en", depth: int | None = None
) -> list[list[Span]]:
    """Return what is masked in each of many texts; each is judged alone.

    Args:
        texts: Any texts; many short ones together are faster than one by one.
        level: As for `spans`.
        lang: As for `spans`.
        depth: How many words of the allow-list are used; what was measured to be
            good where None.
    """
    laid = _lay(texts)
    found: list[list[Span]] = [[] for _ in texts]
    if not laid.chunks:
        return found
    known = lang in LANGUAGES
    own = lang if known else "en"
    words = vocabulary(own, judging.DEPTHS[own] if depth is None else depth)
    verdicts = np.array(words.look(laid.chunks), np.int64)
    ruled, kinds = _ruled(texts, laid, verdicts)
    scene = Scene(verdicts, laid.borders, lang)
    if level == "words" and known:
        hidden = masked(scene, ruled, _joined(laid, scene, words))
    else:
        hidden = np.ones(len(laid.chunks), np.bool_)
    kinds = _named(scene, kinds)
    _collect(found, laid, verdicts, hidden, kinds, whole=level == "masked" or not known)
    return found


def mask_text(text: str, level: Level, lang: str = "en") -> str:
    """Return a text with a placeholder `[KIND:length]` in place of each span.

    What is a placeholder already stays, so that masking twice is masking once.
    """
    parts, place = [], 0
    for start, end, label in spans(text, level, lang):
        value = text[start:end]
        own = _OWN.fullmatch(value) is not None
        parts += [
            text[place:start],
            value if own else f"[{label}:{length_of(value)}]",
        ]
        place = end
    return "".join([*parts, text[place:]])


def revealed(words: Sequence[str], lang: str = "en") -> list[bool]:
    """Return which words of one line may be shown at level `words`.

    Args:
        words: Words that stand beside one another, in reading order: as an OCR reads
            them, or the words of a label. Each is judged in the surroundings of all.
        lang: Language of the interface.
    """
    line = " ".join(words)
    covered = np.zeros(len(line) + 1, np.bool_)
    for start, end, _ in spans(line, "words", lang):
        covered[start:end] = True
    shown, place = [], 0
    for word in words:
        shown.append(not covered[place : place + len(word)].any())
        place += len(word) + 1
    return shown


def placeholder(text: str) -> str:
    """Return what stands for a whole text at level `masked`; empty for a blank one."""
    bare = text.strip()
    if not bare:
        return ""
    found = spans(bare, "masked")
    label = max((Kind[span.label] for span in found), default=Kind.OTHER).name
    return f"[{label}:{length_of(bare)}]"


def _lay(texts: Sequence[str]) -> Laid:
    whole = "\n".join(texts)
    codes = np.frombuffer(whole.encode("utf-32-le", "surrogatepass"), np.uint32)
    space = _SPACES[np.minimum(codes, len(_SPACES) - 1)]
    edges = np.diff(np.concatenate(([True], space, [True])).astype(np.int8))
    starts, ends = np.flatnonzero(edges == -1), np.flatnonzero(edges == 1)
    sizes = np.fromiter(map(len, texts), np.int64, len(texts))
    offsets = np.concatenate(([0], np.cumsum(sizes + 1)))[:-1]
    owner = np.searchsorted(offsets, starts, side="right") - 1
    lines = np.cumsum(codes == ord("\n"))[starts] if len(starts) else starts
    fresh = np.diff(owner, prepend=-1) > 0
    gap = np.diff(lines, prepend=-1)
    borders = Borders(fresh, fresh | (gap > 0), gap > 1)
    return Laid(whole.split(), starts, ends, owner, borders, offsets)


def _ruled(
    texts: Sequence[str], laid: Laid, verdicts: Places
) -> tuple[npt.NDArray[np.bool_], Places]:
    """Chunks that rules touch, and the kind of every chunk."""
    kinds = (verdicts >> judging.KIND) & 15
    ruled = np.zeros(len(kinds), np.bool_)
    for number, text in enumerate(texts):
        data = text.encode("utf-8", "replace")
        found = find(data)
        if not found:
            continue
        starts = np.fromiter((one.start for one in found), np.int64, len(found))
        ends = np.fromiter((one.end for one in found), np.int64, len(found))
        if len(data) != len(text):
            lead = (np.frombuffer(data, np.uint8) & 0xC0) != 0x80
            places = np.concatenate(([0], np.cumsum(lead)))
            starts, ends = places[starts], places[ends]
        first = np.searchsorted(laid.ends, starts + laid.offsets[number], "right")
        last = np.searchsorted(laid.starts, ends + laid.offsets[number], "left")
        for (_, _, kind), low, high in zip(
            found, first.tolist(), last.tolist(), strict=True
        ):
            ruled[low:high] = True
            kinds[low:high] = np.maximum(kinds[low:high], kind)
    return ruled, kinds


def _joined(
    laid: Laid, scene: Scene, words: judging.Vocabulary
) -> npt.NDArray[np.bool_]:
    """Chunks that make a name together with the one beside them."""
    first = scene.content[:-1] | scene.content[1:]
    plain = scene.cls <= Class.NAME_WORD
    odd = (scene.cls == Class.UNKNOWN) | ~plain
    either = odd[:-1] | odd[1:] | (scene.content[:-1] & scene.content[1:])
    letters = (scene.cls < Class.TECHNICAL) & (scene.cls > Class.SIGN)
    same = ~laid.borders.text[1:] & letters[:-1] & letters[1:]
    hyphen = scene.has(Role.HYPHEN)[:-1]
    found = np.zeros(len(letters), np.bool_)
    odd_line = laid.borders.line[1:] & same
    near = (first & either & same) | (hyphen & same) | odd_line
    for place in np.flatnonzero(near).tolist():
        one, two = laid.chunks[place], laid.chunks[place + 1]
        whole = (one.rstrip(".,;:!?-\"')") + two.strip(".,;:!?-\"'()")).lower()
        if len(whole) >= _JOINED and words.is_value(whole):
            found[place : place + 2] = True
    open_end = ~(scene.has(Role.COMMA) | scene.has(Role.SENTENCE))[:-1]
    unknown = scene.cls == Class.UNKNOWN
    broken = (hyphen | (unknown[:-1] | unknown[1:]) & open_end) & odd_line
    found[:-1] |= broken
    found[1:] |= broken
    return found


def _named(scene: Scene, kinds: Places) -> Places:
    """Take kinds from neighbours: names beside names, numbers beside months."""
    unknown = (scene.cls == Class.UNKNOWN) & (kinds == Kind.OTHER) & (scene.case > 0)
    kinds = np.where(unknown & _beside(scene, kinds == Kind.PERSON), Kind.PERSON, kinds)
    number = (kinds == Kind.NUMBER) | (kinds == Kind.ID) | (kinds == Kind.OTHER)
    number &= (scene.cls >= Class.LISTED) | scene.has(Role.JOINER)
    for _ in range(2):
        dated = number & _beside(scene, kinds == Kind.DATE)
        kinds = np.where(dated, Kind.DATE, kinds)
    return kinds


def _beside(scene: Scene, mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    left = before(mask) & ~scene.hard
    return left | (after(mask) & ~after(scene.hard, fill=True))


def _collect(
    found: list[list[Span]],
    laid: Laid,
    verdicts: Places,
    hidden: npt.NDArray[np.bool_],
    kinds: Places,
    *,
    whole: bool,
) -> None:
    """Turn masked chunks into spans of their texts."""
    places = np.flatnonzero(hidden)
    if not len(places):
        return
    owner, kind = laid.owner[places], kinds[places]
    apart = (np.diff(places) > 1) | (np.diff(owner) > 0)
    split = np.flatnonzero(np.concatenate(([True], apart | (np.diff(kind) != 0))))
    last = np.concatenate((split[1:] - 1, [len(places) - 1]))
    lead = 0 if whole else (verdicts >> judging.LEAD) & 255
    trail = 0 if whole else (verdicts >> judging.TRAIL) & 255
    opened, closed = laid.starts + lead, laid.ends - trail
    runs = np.concatenate(([True], apart))[split]  # whether a span opens a run
    starts = np.where(runs, opened[places[split]], laid.starts[places[split]])
    ends = closed[places[last]]
    ends[:-1] = np.where(runs[1:], ends[:-1], starts[1:])
    base = laid.offsets[owner[split]]
    rows = zip(
        owner[split].tolist(),
        (starts - base).tolist(),
        (ends - base).tolist(),
        kind[split].tolist(),
        strict=True,
    )
    for number, start, end, value in rows:
        found[number].append(Span(start, end, _LABELS[value]))


_LABELS: Final = {kind.value: kind.name for kind in Kind}
