"""What stood on the screen at an action: accessibility tree, element, window.

Stage: refine. Input: a timeline's context records, an instant. Output: the JSON object
of a step's context: `tree` {nodes, stale}, `element`, `window`; a part that was not
recorded is missing. It takes records as they are and adds nothing to them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from overt.protocol.texts import parse_runs
from overt.research.refine.shapes import tree_of
from overt.research.refine.timeline import differing

if TYPE_CHECKING:
    from overt.protocol.records import ContextRecord
    from overt.research.refine.timeline import Screen, Timeline

TREE_AFTER_NS = 400_000_000
ELEMENT_NEAR_NS = 300_000_000
SAME_SCREEN_PX = 40  # a caret may blink and the screen still counts as the same
Box = tuple[int, int, int, int]  # x, y, width, height in root pixels


def step_context(
    timeline: Timeline, screen: Screen | None, t_decide_ns: int, t_press_ns: int
) -> dict[str, Any]:
    """Return the context of a step.

    Args:
        timeline: The session.
        screen: The screen at `t_decide_ns`.
        t_decide_ns: When the action was decided on.
        t_press_ns: When it was done.
    """
    context: dict[str, Any] = {}
    if (tree := _tree(timeline, screen, t_decide_ns)) is not None:
        context["tree"] = tree
    if (element := element_at(timeline, t_press_ns)) is not None:
        context["element"] = element
    window = _latest(timeline, "window", t_decide_ns)
    if window is not None:
        context["window"] = window.body
    return context


def element_at(timeline: Timeline, t_ns: int) -> dict[str, Any] | None:
    """Return the element under the pointer at a press, if it was recorded."""
    near = [
        record
        for record in timeline.contexts
        if record.kind == "element" and abs(record.t_ns - t_ns) <= ELEMENT_NEAR_NS
    ]
    if not near:
        return None
    return min(near, key=lambda record: abs(record.t_ns - t_ns)).body


def bounds_of(element: dict[str, Any] | None) -> Box | None:
    """Return an element's rectangle; None where it states none or an empty one."""
    return _box(element.get("bounds")) if element else None


def tree_boxes(timeline: Timeline, t_ns: int) -> list[Box]:
    """Return the rectangles of the newest tree, or texts, at an instant."""
    tree = _latest(timeline, "tree", t_ns)
    if tree is None and (texts := _latest(timeline, "texts", t_ns)) is not None:
        nodes = tree_of(tuple(parse_runs(texts.body)))
    else:
        nodes = tree.body.get("nodes", []) if tree else []
    return [box for node in nodes if (box := _box(node[2:6])) is not None]


def _box(values: object) -> Box | None:
    if (
        not isinstance(values, list)
        or len(values) != 4
        or not all(isinstance(value, int | float) for value in values)
    ):
        return None
    x, y, width, height = (int(value) for value in values)
    return (x, y, width, height) if width > 0 and height > 0 else None


def _latest(timeline: Timeline, kind: str, t_ns: int) -> ContextRecord | None:
    found = [r for r in timeline.contexts if r.kind == kind and r.t_ns <= t_ns]
    return max(found, key=lambda record: record.t_ns, default=None)


def _tree(
    timeline: Timeline, screen: Screen | None, t_ns: int
) -> dict[str, Any] | None:
    """Choose the tree that describes the screen: before, else soon after."""
    before = _latest(timeline, "tree", t_ns)
    if before is not None and _same_screen(timeline, screen, before.t_ns):
        return {"nodes": before.body.get("nodes", []), "stale": False}
    after = [
        record
        for record in timeline.contexts
        if record.kind == "tree" and t_ns < record.t_ns <= t_ns + TREE_AFTER_NS
    ]
    first = min(after, key=lambda record: record.t_ns, default=None)
    if first is not None and _same_screen(timeline, screen, first.t_ns):
        return {"nodes": first.body.get("nodes", []), "stale": False}
    if before is None:
        return None
    return {"nodes": before.body.get("nodes", []), "stale": True}


def _same_screen(timeline: Timeline, screen: Screen | None, t_ns: int) -> bool:
    """Whether the screen at `t_ns` shows what `screen` shows, but for a caret."""
    other = timeline.frame_at(t_ns)
    if screen is None or other is None:
        return False
    if screen.frame == other.frame:
        return True
    changed = differing(screen.pixels(), other.pixels())
    return int(changed.sum()) <= SAME_SCREEN_PX
