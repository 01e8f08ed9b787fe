"""What of the screen may be recorded: windows, pages and levels, over time.

Stage: core of capture. Input: stacks of windows, page URLs and the allow-list. Output:
`View`s: the areas and levels at an instant, and verdicts about a point or the keyboard
over an interval. A verdict holds only if all views of the interval agree, so that a
page whose URL becomes known late is not recorded. Pure. What is not known is off.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from overt.desktop.types import Rect, Stack, Window, without
from overt.protocol.records import EventArray, Level
from overt.recorder.capture.screenlog import Area

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Levels = npt.NDArray[np.int8]  # of each event: its place in `Level`, 0 is off

_ORDER = list(Level)


class AllowList(Protocol):
    """The part of a programme that says at what level a window is recorded."""

    def level_for(self, app: str, url: str | None, title: str) -> Level:
        """Level of a window by class, page URL and title."""
        ...

    def needs_url(self, app: str) -> bool:
        """Whether windows of that class are allowed by page only."""
        ...


@dataclass(frozen=True, slots=True)
class View:
    """The windows from an instant on, and the level of each.

    Attributes:
        t_ns: From when on.
        stack: All windows.
        levels: Level by frame id; of the same length as `stack.windows`.
        urls: URL of the page by window id, where known.
        areas: What may be seen, without overlap.
    """

    t_ns: int
    stack: Stack
    levels: tuple[Level, ...]
    urls: dict[int, str]
    areas: tuple[Area, ...]

    def level_at(self, x: int, y: int) -> Level:
        """Level of the topmost window that covers a pixel."""
        for window, level in zip(
            reversed(self.stack.windows), reversed(self.levels), strict=True
        ):
            if window.rect.contains(x, y):
                return level
        return Level.OFF

    @property
    def keyboard_level(self) -> Level:
        """Level of the window that has the keyboard.

        Off where nothing of it can be seen: a screen lock that covers it may have
        taken the keyboard.
        """
        active = self.stack.active
        if active is None or not self.stack.visible_region(active):
            return Level.OFF
        return self.level_of(self.stack.active_id)

    def level_of(self, window_id: int) -> Level:
        """Level of a window; off where it is not on the screen."""
        for window, level in zip(self.stack.windows, self.levels, strict=True):
            if window.window_id == window_id:
                return level
        return Level.OFF

    def area_of_off(self) -> list[Rect]:
        """What the windows that are off show on the screen."""
        return [
            rect
            for window, level in zip(self.stack.windows, self.levels, strict=True)
            if level is Level.OFF
            for rect in self.stack.visible_region(window)
        ]


def look(
    t_ns: int,
    stack: Stack,
    url_of: Callable[[Window], str | None],
    allow: AllowList,
) -> View:
    """Judge every window of a stack.

    Args:
        t_ns: From when on the stack was so.
        stack: The windows.
        url_of: URL of the page that a window shows; None where not known.
        allow: The allow-list.
    """
    urls: dict[int, str] = {}
    own: dict[int, Level] = {}
    for window in stack.windows:
        url = url_of(window) if allow.needs_url(window.app_class) else None
        if url is not None:
            urls[window.window_id] = url
        own[window.window_id] = allow.level_for(window.app_class, url, window.title)
    levels = tuple(_level(window, stack, own) for window in stack.windows)
    return View(t_ns, stack, levels, urls, _areas(stack, levels))


def _level(window: Window, stack: Stack, own: dict[int, Level]) -> Level:
    """Level of a window; a menu or a tooltip has that of the window it belongs to."""
    if window.managed:
        return own[window.window_id]
    owners = [
        other
        for other in stack.windows
        if other.managed
        and (
            other.window_id == window.transient_for
            if window.transient_for in own
            else other.pid == window.pid != 0
        )
    ]
    return strictest(own[owner.window_id] for owner in owners)


def strictest(levels: Iterable[Level]) -> Level:
    """The strictest of several levels; off where there is none."""
    return min(levels, key=_ORDER.index, default=Level.OFF)


def _areas(stack: Stack, levels: tuple[Level, ...]) -> tuple[Area, ...]:
    return tuple(
        Area(rect, level)
        for window, level in zip(stack.windows, levels, strict=True)
        if level is not Level.OFF
        for rect in stack.visible_region(window)
    )


class History:
    """The views of the last seconds, and verdicts that need several to agree."""

    def __init__(self) -> None:
        self._views: deque[View] = deque()

    @property
    def newest(self) -> View | None:
        """The view in force."""
        return self._views[-1] if self._views else None

    def add(self, view: View) -> None:
        """Take a view that holds from its instant on."""
        self._views.append(view)

    def during(self, start_ns: int, end_ns: int) -> list[View]:
        """The views in force at some instant of the interval, both ends included."""
        return [view for view, _ in self._spans(start_ns, end_ns)]

    def _spans(self, start_ns: int, end_ns: int) -> list[tuple[View, int]]:
        """The views of an interval, each with the instant at which it ends."""
        views = list(self._views)
        ends = [view.t_ns for view in views[1:]] + [1 << 62]
        return [
            (view, until_ns)
            for view, until_ns in zip(views, ends, strict=True)
            if view.t_ns <= end_ns and until_ns > start_ns
        ]

    def pointer_levels(self, events: EventArray, settle_ns: int) -> Levels:
        """Level under the pointer at each event and for `settle_ns` after it."""
        found = np.full(len(events), len(_ORDER) - 1, np.int8)
        if not len(events) or not self._views:
            return found * 0
        first, last = int(events["t_ns"][0]), int(events["t_ns"][-1])
        found[events["t_ns"] < self._views[0].t_ns] = 0
        for view, until_ns in self._spans(first, last + settle_ns):
            during = events["t_ns"] + settle_ns >= view.t_ns
            during &= events["t_ns"] < until_ns
            found[during] = np.minimum(found[during], _under(view, events[during]))
        return found

    def keyboard_levels(self, events: EventArray, settle_ns: int) -> Levels:
        """Level of the keyboard at each event and for `settle_ns` after it."""
        levels = [
            self.keyboard_level(int(t), int(t) + settle_ns) for t in events["t_ns"]
        ]
        return np.array([_ORDER.index(level) for level in levels], np.int8)

    def keyboard_level(self, start_ns: int, end_ns: int) -> Level:
        """Level of the keyboard throughout an interval; off before the first view."""
        if not self._views or start_ns < self._views[0].t_ns:
            return Level.OFF
        return strictest(v.keyboard_level for v in self.during(start_ns, end_ns))

    def agreed_areas(
        self, view: View, areas: tuple[Area, ...], end_ns: int
    ) -> tuple[Area, ...]:
        """What a view allows that no later view up to `end_ns` takes back.

        A later view takes back windows that it finds stricter, and what it finds
        covered by windows that are off.
        """
        for later in self.during(view.t_ns, end_ns):
            if later is view or later.t_ns < view.t_ns:
                continue
            taken = [*_stricter(view, later), *later.area_of_off()]
            areas = tuple(
                Area(rect, area.level)
                for area in areas
                for rect in without([area.rect], taken)
            )
        return areas

    def forget_before(self, t_ns: int) -> None:
        """Drop views that ended before an instant."""
        while len(self._views) > 1 and self._views[1].t_ns <= t_ns:
            self._views.popleft()


def _under(view: View, events: EventArray) -> Levels:
    """Level of the topmost window under each event."""
    found = np.zeros(len(events), np.int8)
    x, y = events["x_px"], events["y_px"]
    for window, level in zip(view.stack.windows, view.levels, strict=True):
        rect = window.rect
        inside = (x >= rect.x) & (x < rect.right) & (y >= rect.y) & (y < rect.bottom)
        found[inside] = _ORDER.index(level)
    return found


def _stricter(view: View, later: View) -> list[Rect]:
    now = {
        window.window_id: level
        for window, level in zip(later.stack.windows, later.levels, strict=True)
    }
    return [
        window.rect
        for window, level in zip(view.stack.windows, view.levels, strict=True)
        if _ORDER.index(now.get(window.window_id, level)) < _ORDER.index(level)
    ]
