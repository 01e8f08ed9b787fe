"""When actions happened, as coarsely as a dataset may say it.

Stage: refine, beside the steps. Input: the actions of an episode with their events.
Output: a `Pace` for each: keys typed one after another are one burst with one instant
and one length; pointer actions have their press alone. The exact times of keys and the
way of the pointer are a `trace`, made only where a grant names it: how somebody types
and moves identifies them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from overt.protocol.actions import Click, Key, Type
from overt.protocol.records import EventKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from overt.protocol.records import EventArray
    from overt.research.refine.reduce import Reduced

GRAIN_NS = 100_000_000
Trace = tuple[tuple[int, int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Pace:
    """When an action was, for a dataset.

    Attributes:
        t_ns: A pointer action's press; for keys the begin of their burst.
        length_ns: Of the whole burst, a drag or a scroll; None for a click.
    """

    t_ns: int
    length_ns: int | None = None


def paces(actions: Sequence[Reduced]) -> list[Pace]:
    """Return the pace of each action of an episode, given in order.

    Keys that no pointer action separates are one burst, however long the pauses.
    """
    found: list[Pace] = []
    for is_keys, group in groupby(actions, key=_is_keys):
        burst = list(group)
        if is_keys:
            begin, end = burst[0].t_first_ns, max(each.t_end_ns for each in burst)
            found += [Pace(begin, end - begin)] * len(burst)
        else:
            found += [_pointer_pace(each) for each in burst]
    return found


def trace(events: EventArray, action: Reduced, since_ns: int, zero_ns: int) -> Trace:
    """Return the events of an action as they were, the way to it included.

    Args:
        events: EVENT_DTYPE (n,) of the session.
        action: The action.
        since_ns: End of the action before; motion after it belongs to this one.
        zero_ns: The episode's begin, from which times are counted.

    Returns:
        (t_ns, `EventKind`, x_px, y_px) of each event, in order. Which key it was is
        the action's to say.
    """
    times = events["t_ns"]
    way = (times > since_ns) & (times <= action.t_end_ns)
    chosen = way & (events["kind"] == EventKind.MOTION)
    chosen[list(action.events)] = True
    rows = events[chosen]
    return tuple(
        (int(row["t_ns"]) - zero_ns, int(row["kind"]), int(row["x_px"]),
         int(row["y_px"])) for row in rows
    )  # fmt: skip


def coarse_ms(length_ns: int) -> int:
    """Return a time in milliseconds, in steps of 100."""
    return length_ns // GRAIN_NS * (GRAIN_NS // 1_000_000)


def _is_keys(action: Reduced) -> bool:
    return isinstance(action.action, Type | Key)


def _pointer_pace(action: Reduced) -> Pace:
    if isinstance(action.action, Click):
        return Pace(action.t_press_ns)
    return Pace(action.t_press_ns, action.t_end_ns - action.t_press_ns)
