"""Episodes: what a person did between the begin and the end of a task.

Stage: refine, last step. Input: the parsed segments of released sessions. Output: one
`Kept` trajectory or `Dropped` reason for each episode that a mark begins. Only the
recording is read: no page, no script. It never judges a person, and an episode that
cannot be proved whole is dropped.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from overt.protocol.actions import Action, Done, Type
from overt.protocol.errors import DataError
from overt.research.refine.approach import decide_on
from overt.research.refine.context import step_context
from overt.research.refine.pace import paces, trace
from overt.research.refine.reduce import doer, reduce_events
from overt.research.refine.shapes import UNKNOWN, runs_at, tree_of, typed_text
from overt.research.refine.timeline import by_session

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from overt.protocol.actions import Status
    from overt.protocol.records import MarkRecord
    from overt.protocol.segment import Segment
    from overt.research.refine.pace import Pace, Trace
    from overt.research.refine.reduce import Doer, Reduced
    from overt.research.refine.shapes import Runs
    from overt.research.refine.surrogate.disguise import Disguised
    from overt.research.refine.timeline import Screen, Timeline

_ENDS: dict[str, Status] = {"done": "done", "failed": "failed"}


@dataclass(frozen=True, slots=True)
class Step:
    """An observation and the action that followed.

    Attributes:
        action: What was done.
        t_decide_ns: When it was decided on: the instant of `frame_decide`.
        t_press_ns: When it was done: the instant of `frame_press`.
        frame_decide: The screen when the approach to the action began.
        frame_press: The screen at the action; None for the end of a task.
        context: `tree`, `element`, `window`, as far as recorded.
        segment: Id of the segment that holds the press.
        consent: Id of the consent record of that segment.
        pace: When it was, as a dataset may say it; None: at the press.
        trace: Its events as they were; empty unless a grant names them.
        runs_decide: Text on `frame_decide` that was not recorded.
        runs_press: Text on `frame_press` that was not recorded.
        by: Who did it; None where not known, and for the end of a task.
    """

    action: Action
    t_decide_ns: int
    t_press_ns: int
    frame_decide: Screen | Disguised
    frame_press: Screen | Disguised | None
    context: dict[str, Any]
    segment: str
    consent: str
    pace: Pace | None = None
    trace: Trace = ()
    runs_decide: Runs = ()
    runs_press: Runs = ()
    by: Doer | None = None


@dataclass(frozen=True, slots=True)
class Trajectory:
    """An episode's steps; the last one says how it ended.

    Attributes:
        episode: Task id.
        session: Session id.
        person: Pseudonym of the participant.
        goal: What was to be done, as the person stated it.
        source: Who gave the goal.
        status: How it ended.
        judge: Who says so.
        t_begin_ns: When it began.
        t_end_ns: When it ended.
        steps: In order of time; the last action is `Done`.
    """

    episode: str
    session: str
    person: str
    goal: str
    source: str
    status: Status
    judge: str
    t_begin_ns: int
    t_end_ns: int
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """An episode that is whole."""

    trajectory: Trajectory


@dataclass(frozen=True, slots=True)
class Dropped:
    """An episode that is left out.

    Attributes:
        episode: Task id.
        reason: Why, as a word: `discarded`, `no-end`, `gap`, `malformed`,
            `no-screen`, `no-action`.
    """

    episode: str
    reason: str


@dataclass(frozen=True, slots=True)
class _Bounds:
    begin: MarkRecord
    end: MarkRecord | None
    secrets: tuple[int, ...]


def refine(
    segments: Sequence[Segment],
    *,
    traces: bool = False,
) -> list[Kept | Dropped]:
    """Refine the segments of any number of sessions, by session and time.

    Args:
        segments: Parsed segments, in any order.
        traces: Whether steps keep the times of keys and the way of the pointer: only
            where the grant names `timing`.

    Raises:
        DataError: A session has a segment twice, or frames name missing tiles.
    """
    return [
        outcome
        for timeline in by_session(segments)
        for outcome in refine_session(timeline, traces=traces)
    ]


def refine_session(
    timeline: Timeline,
    *,
    traces: bool = False,
) -> list[Kept | Dropped]:
    """Refine one session: an outcome for each episode that a mark begins."""
    return [
        _outcome(timeline, bounds, traces=traces)
        for bounds in _episodes(timeline.marks)
    ]


def trajectories(outcomes: Iterable[Kept | Dropped]) -> list[Trajectory]:
    """Return what was kept."""
    return [item.trajectory for item in outcomes if isinstance(item, Kept)]


def drop_counts(outcomes: Iterable[Kept | Dropped]) -> dict[str, int]:
    """Count what was dropped, by reason."""
    counts: dict[str, int] = {}
    for item in outcomes:
        if isinstance(item, Dropped):
            counts[item.reason] = counts.get(item.reason, 0) + 1
    return dict(sorted(counts.items()))


def _episodes(marks: Sequence[MarkRecord]) -> list[_Bounds]:
    """Pair the begins with their ends; a begin without one has none."""
    secrets = tuple(mark.t_ns for mark in marks if mark.kind == "secret")
    spoken = [mark for mark in marks if mark.kind in {"task_begin", "task_end"}]
    found = []
    for mark, following in pairwise([*spoken, None]):
        if mark is None or mark.kind != "task_begin":
            continue
        ends = (
            following is not None
            and following.kind == "task_end"
            and following.body.get("task") == mark.body.get("task")
        )
        found.append(_Bounds(mark, following if ends else None, secrets))
    return found


def _outcome(
    timeline: Timeline,
    bounds: _Bounds,
    *,
    traces: bool,
) -> Kept | Dropped:
    episode = str(bounds.begin.body.get("task", ""))
    if bounds.end is None:
        return Dropped(episode, "no-end")
    if bounds.end.body.get("status") == "discard":
        return Dropped(episode, "discarded")
    if bounds.end.body.get("status") not in _ENDS or not bounds.begin.body.get("text"):
        return Dropped(episode, "malformed")
    if timeline.gap_within(bounds.begin.t_ns, bounds.end.t_ns):
        return Dropped(episode, "gap")
    return _trajectory(timeline, bounds, bounds.end, traces=traces)


def _trajectory(
    timeline: Timeline, bounds: _Bounds, end: MarkRecord, *, traces: bool
) -> Kept | Dropped:
    body = bounds.begin.body
    episode = str(body["task"])
    within = (bounds.begin.t_ns, end.t_ns)
    actions = reduce_events(timeline.events, bounds.secrets, within=within)
    if not actions:
        return Dropped(episode, "no-action")
    status = _ENDS[end.body["status"]]
    try:
        steps = _steps(timeline, actions, bounds.begin.t_ns, traces=traces)
        steps.append(_last_step(timeline, end.t_ns, status))
        if timeline.has_shapes:
            steps = _shaped(timeline, actions, steps, bounds)
    except DataError:
        return Dropped(episode, "no-screen")
    return Kept(
        Trajectory(
            episode,
            timeline.session,
            timeline.headers[0].person,
            str(body["text"]),
            str(body.get("source", "")),
            status,
            str(end.body.get("judge", "")),
            *within,
            tuple(steps),
        )
    )


def _steps(
    timeline: Timeline, actions: Sequence[Reduced], begin_ns: int, *, traces: bool
) -> list[Step]:
    steps = []
    before: Reduced | None = None
    for reduced, pace in zip(actions, paces(actions), strict=True):
        decision = decide_on(timeline, reduced, before, begin_ns)
        decide = _seen(decision.decide, timeline)
        press = _seen(decision.press, timeline)
        t_press = reduced.t_press_ns
        context = step_context(timeline, decide, decision.t_ns, t_press)
        header = timeline.header_at(t_press)
        place = (header.segment, header.consent)
        since_ns = before.t_end_ns if before else begin_ns
        steps.append(
            Step(
                *(reduced.action, decision.t_ns, t_press, decide, press, context),
                *place,
                pace,
                trace(timeline.events, reduced, since_ns, begin_ns) if traces else (),
                by=doer(reduced, timeline.events),
            )
        )
        before = reduced
    return steps


def _shaped(
    timeline: Timeline,
    actions: Sequence[Reduced],
    steps: Sequence[Step],
    bounds: _Bounds,
) -> list[Step]:
    """Add what the recorder said of text that it did not record."""
    ends = [*(action.t_first_ns for action in actions[1:]), steps[-1].t_press_ns]
    shaped, begin_ns = [], bounds.begin.t_ns
    for step, until_ns in zip(steps, [*ends, steps[-1].t_press_ns], strict=True):
        action = step.action
        if isinstance(action, Type) and action.text.strip(UNKNOWN) != action.text:
            goal = str(bounds.begin.body["text"])
            text = typed_text(timeline, goal, step.t_press_ns, until_ns)
            action = Type(text)
        decide, press, context = step.frame_decide, step.frame_press, dict(step.context)
        runs = runs_at(timeline, decide, step.t_decide_ns, begin_ns)
        pressed = runs_at(timeline, press, step.t_press_ns, begin_ns) if press else ()
        if runs and "tree" not in context:
            context["tree"] = {"nodes": tree_of(runs), "stale": False}
        shaped.append(
            replace(
                step,
                action=action,
                context=context,
                runs_decide=runs,
                runs_press=pressed,
            )
        )
    return shaped


def _last_step(timeline: Timeline, t_ns: int, status: Status) -> Step:
    screen = _seen(timeline.frame_at(t_ns), timeline)
    header = timeline.header_at(t_ns)
    context = step_context(timeline, screen, t_ns, t_ns)
    context.pop("element", None)
    place = (header.segment, header.consent)
    return Step(Done(status), t_ns, t_ns, screen, None, context, *place)


def _seen(screen: Screen | None, timeline: Timeline) -> Screen:
    if screen is None:
        raise DataError(f"Session {timeline.session} has no frame at an action.")
    return screen
