"""Text that was not recorded: where it stood, and which of the episode's values it was.

Stage: refine, for what lies below level `clear`. Input: a timeline's `texts` and
`typed` records, an instant. Output: the runs of a screen, a typed text as placeholders.
It takes what the recorder said and guesses nothing: a run whose surroundings have
changed since is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from overt.protocol.texts import Placeholder, parse_runs, pieces
from overt.research.refine.timeline import differing

if TYPE_CHECKING:
    from overt.protocol.records import ContextRecord, Pixels
    from overt.protocol.texts import TextRun
    from overt.research.refine.surrogate.disguise import Disguised
    from overt.research.refine.timeline import Screen, Timeline

UNKNOWN = "\ufffd"  # a text of which nothing is known, not even its length
_AFTER_NS = 1_000_000_000
_SAME_PX = 40  # a caret may blink
_LOOKED_AT = 3  # records on each side: one may have been cut short
Runs = tuple["TextRun", ...]


def runs_at(
    timeline: Timeline, screen: Screen | Disguised, t_ns: int, since_ns: int
) -> Runs:
    """Return the text on a screen.

    Args:
        timeline: The session.
        screen: What was seen at `t_ns`.
        t_ns: The instant.
        since_ns: The episode's begin: names from before it are not its own.
    """
    told = [r for r in timeline.contexts if r.kind == "texts" and r.t_ns >= since_ns]
    before = [record for record in told if record.t_ns <= t_ns][-_LOOKED_AT:]
    after = [r for r in told if t_ns < r.t_ns <= t_ns + _AFTER_NS][:_LOOKED_AT]
    pixels = screen.pixels()
    fitting = [r for r in before + after if not _changed(timeline, r, pixels).any()]
    if not fitting:
        return _unchanged(timeline, before[-1], pixels) if before else ()
    return max((tuple(parse_runs(record.body)) for record in fitting), key=len)


def tree_of(runs: Runs) -> list[list[Any]]:
    """Return runs in the form of an accessibility tree's nodes."""
    return [
        [run.role, run.text, run.x_px, run.y_px, run.width_px, run.height_px, []]
        for run in runs
    ]


def typed_text(timeline: Timeline, goal: str, since_ns: int, until_ns: int) -> str:
    """Return what stands for keys that were typed.

    Args:
        timeline: The session.
        goal: The episode's goal. Where it holds the same values one after another,
            its own words are taken, with the marks between them.
        since_ns: The burst's first key.
        until_ns: First event of the action after it.
    """
    for record in timeline.contexts:
        if record.kind == "typed" and since_ns < record.t_ns <= until_ns:
            return as_in(goal, str(record.body.get("text", "")))
    return UNKNOWN


def as_in(goal: str, text: str) -> str:
    """Return the part of a goal that holds the words of a text in their order."""
    wanted, words = _words(text), _words(goal)
    names = [name for name, _, _ in wanted]
    for first in range(len(words) - len(names) + 1):
        part = words[first : first + len(names)]
        if names and [name for name, _, _ in part] == names:
            return goal[part[0][1] : part[-1][2]]
    return text


def _words(text: str) -> list[tuple[str, int, int]]:
    """Return the placeholders and words of a text with their places, marks left out."""
    found, at = [], 0
    for piece in pieces(text):
        if isinstance(piece, Placeholder):
            found.append((str(piece), at, at + len(str(piece))))
        else:
            start = 0
            for word in piece.split():
                start = piece.index(word, start)
                core = word.strip("\"'.,:;?!()#")
                if core:
                    place = at + start + word.index(core)
                    found.append((core, place, place + len(core)))
                start += len(word)
        at += len(str(piece))
    return found


def _changed(timeline: Timeline, record: ContextRecord, pixels: Pixels) -> Any:
    """Return where a screen differs from that of a record; nowhere for a caret."""
    told = timeline.frame_at(record.t_ns)
    shown = pixels if told is None else told.pixels()
    changed = differing(shown, pixels)
    if told is None or int(changed.sum()) > _SAME_PX:
        return changed | (told is None)
    return changed & False


def _unchanged(timeline: Timeline, record: ContextRecord, pixels: Pixels) -> Runs:
    changed = _changed(timeline, record, pixels)
    return tuple(
        run
        for run in parse_runs(record.body)
        if not changed[
            max(0, run.y_px) : max(0, run.y_px + run.height_px),
            max(0, run.x_px) : max(0, run.x_px + run.width_px),
        ].any()
    )
