"""Review: what waits on this machine, and the participant's say over each piece.

Input: the spool, opened with the participant's key. Output: facts per session,
segment and task episode; states `approved` or gone. Nothing leaves the machine here,
and nothing is approved unless its owner names it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from overt.protocol.errors import DataError, SealError, UsageError
from overt.recorder.person.playback import (
    count_events,
    count_frames,
    duration_s,
    marks,
    open_own,
)
from overt.recorder.spool import Spool, SpoolEntry, SpoolState

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from overt.protocol.records import MarkRecord
    from overt.protocol.sealing import SealingKey
    from overt.protocol.segment import Segment
    from overt.recorder.person.home import Home

_DAY_NS = 86_400 * 10**9


@dataclass(frozen=True, slots=True)
class SegmentFacts:
    """A segment as its owner sees it before it leaves.

    Attributes:
        segment: Segment id.
        session: Session id.
        sequence: Number in its session.
        started_utc_ns: When it began.
        duration_s: How long it is.
        events: How many input events it holds.
        frames: How many screens it holds.
        secrets: How often keys were left out because a field was secret.
        size_bytes: Size of its file.
        state: `recording`, `waiting`, `approved` or `sent`.
    """

    segment: str
    session: str
    sequence: int
    started_utc_ns: int
    duration_s: float
    events: int
    frames: int
    secrets: int
    size_bytes: int
    state: str


@dataclass(frozen=True, slots=True)
class EpisodeFacts:
    """One attempt at a task, as the marks tell it.

    Attributes:
        task: Task id.
        text: The goal as the person stated it.
        source: Who stated it.
        status: `done`, `failed` or `discard`; empty where it has no end.
        session: Session id.
        segments: The segments in which it lies.
    """

    task: str
    text: str
    source: str
    status: str
    session: str
    segments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A segment that does not open: it can be discarded, not sent."""

    segment: str
    problem: str


@dataclass(frozen=True, slots=True)
class Overview:
    """All that is on this machine.

    Attributes:
        segments: Oldest first.
        episodes: In order of their beginnings.
        unreadable: Files that are damaged.
    """

    segments: tuple[SegmentFacts, ...]
    episodes: tuple[EpisodeFacts, ...]
    unreadable: tuple[Unreadable, ...] = ()


def overview(
    spool: Spool, own: SealingKey, states: Collection[SpoolState] | None = None
) -> Overview:
    """Open what is in the spool and say what it holds.

    Args:
        spool: The spool.
        own: The participant's key.
        states: Which segments; None for all.
    """
    damaged = dict(spool.damaged())
    segments: list[SegmentFacts] = []
    found: dict[str, EpisodeFacts] = {}
    running: dict[str, str] = {}  # open task by session
    for entry in sorted(spool.entries(), key=lambda one: (one.session, one.sequence)):
        if states is not None and entry.state not in states:
            continue
        if entry.state is SpoolState.RECORDING:
            continue
        try:
            opened = open_own(spool, entry.segment, own)
        except (DataError, SealError) as error:
            damaged[entry.segment] = str(error)
            continue
        segments.append(_segment_facts(entry, opened))
        _note_episodes(entry, marks(opened), found, running)
    segments.sort(key=lambda one: (one.started_utc_ns, one.sequence))
    unreadable = tuple(Unreadable(*item) for item in sorted(damaged.items()))
    return Overview(tuple(segments), tuple(found.values()), unreadable)


def _segment_facts(entry: SpoolEntry, opened: Segment) -> SegmentFacts:
    return SegmentFacts(
        segment=entry.segment,
        session=entry.session,
        sequence=entry.sequence,
        started_utc_ns=entry.started_utc_ns,
        duration_s=duration_s(opened),
        events=count_events(opened),
        frames=count_frames(opened),
        secrets=sum(mark.kind == "secret" for mark in marks(opened)),
        size_bytes=entry.size_bytes,
        state=entry.state.value,
    )


def _note_episodes(
    entry: SpoolEntry,
    stated: Iterable[MarkRecord],
    found: dict[str, EpisodeFacts],
    running: dict[str, str],
) -> None:
    """Add what a segment's marks say to the episodes known so far."""
    if task := running.get(entry.session):
        found[task] = _in_segment(found[task], entry.segment)
    for mark in stated:
        task = str(mark.body.get("task", ""))
        if mark.kind == "task_begin":
            text, source = (str(mark.body.get(name, "")) for name in ("text", "source"))
            found[task] = EpisodeFacts(
                task, text, source, "", entry.session, (entry.segment,)
            )
            running[entry.session] = task
        elif mark.kind == "task_end":
            running.pop(entry.session, None)
            if task in found:
                status = str(mark.body.get("status", ""))
                found[task] = replace(found[task], status=status)


def _in_segment(episode: EpisodeFacts, segment: str) -> EpisodeFacts:
    if segment in episode.segments:
        return episode
    return replace(episode, segments=(*episode.segments, segment))


def approve(spool: Spool, segments: Iterable[str]) -> list[str]:
    """Let segments leave with the next `send`; return those that newly may.

    Raises:
        DataError: There is no such segment; nothing is approved then.
        UsageError: One is still being recorded.
    """
    entries = [spool.entry(segment) for segment in segments]
    for entry in entries:
        if entry.state is SpoolState.RECORDING:
            raise UsageError(f"Segment {entry.segment} is still being recorded.")
    waiting = [one.segment for one in entries if one.state is SpoolState.WAITING]
    for segment in waiting:
        spool.set_state(segment, SpoolState.APPROVED)
    return waiting


def discard(home: Home, segments: Iterable[str]) -> list[str]:
    """Destroy segments on this machine, sealed copies included; return their ids.

    What was sent is not called back by this: `overt consent withdraw --erase` does.

    Raises:
        DataError: There is no such segment; nothing is destroyed then.
        UsageError: One is still being recorded.
    """
    spool, chosen = home.spool, list(segments)
    damaged = spool.damaged()
    for segment in chosen:
        if segment in damaged:
            continue
        if spool.entry(segment).state is SpoolState.RECORDING:
            raise UsageError(
                f"Segment {segment} is still being recorded.",
                remedy="Stop recording, or forget the last minutes: overt forget.",
            )
    for segment in chosen:
        home.forget(segment)
    return chosen


def segments_of(
    seen: Overview, names: Iterable[str], *, damaged: bool = False
) -> list[str]:
    """Return the segments that names mean: ids of segments, sessions or tasks.

    Args:
        seen: What is here.
        names: The ids.
        damaged: Whether segments that do not open count as well.

    Raises:
        DataError: A name means nothing here.
    """
    chosen: dict[str, None] = {}
    for name in names:
        hits = [
            one.segment for one in seen.segments if name in {one.segment, one.session}
        ]
        hits += [
            seg for one in seen.episodes if one.task == name for seg in one.segments
        ]
        if damaged:
            hits += [one.segment for one in seen.unreadable if one.segment == name]
        if not hits:
            raise DataError(f"There is no segment, session or task {name!r:.60} here.")
        chosen.update(dict.fromkeys(hits))
    return list(chosen)


def expire(
    home: Home, *, retention_days: int, waiting_days: int, now_utc_ns: int
) -> list[str]:
    """Destroy what nobody reviewed in time, and what outlived its retention.

    Args:
        home: The participant's home.
        retention_days: How long anything is kept, by the programme.
        waiting_days: How long what waits for review is kept, by its owner.
        now_utc_ns: The time, from a clock that the server has just found right.

    Returns:
        The ids of the segments.
    """
    old = [
        entry.segment
        for entry in home.spool.entries()
        if (ends_ns := expires_ns(entry, retention_days, waiting_days)) is not None
        and ends_ns < now_utc_ns
    ]
    for segment in old:
        home.forget(segment)
    return old


def expires_ns(entry: SpoolEntry, retention_days: int, waiting_days: int) -> int | None:
    """Return when a segment is destroyed, UTC; None while it is being recorded."""
    if entry.state is SpoolState.RECORDING:
        return None
    waits = entry.state is SpoolState.WAITING
    days = min(waiting_days, retention_days) if waits else retention_days
    return entry.started_utc_ns + days * _DAY_NS
