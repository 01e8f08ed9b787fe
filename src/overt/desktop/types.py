"""What a desktop is made of: rectangles and windows, for every platform's adapter.

Frame: pixels of the whole screen (on X11 the root window), origin at the top left,
x to the right, y down. Pure values; nothing here talks to a display.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle in screen pixels; `x` and `y` are its top left corner."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """First column past the rectangle."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """First row past the rectangle."""
        return self.y + self.height

    @property
    def area(self) -> int:
        """How many pixels it covers."""
        return max(self.width, 0) * max(self.height, 0)

    def is_empty(self) -> bool:
        """Whether the rectangle covers no pixel."""
        return self.width <= 0 or self.height <= 0

    def contains(self, x: int, y: int) -> bool:
        """Whether the pixel (x, y) lies inside."""
        return self.x <= x < self.right and self.y <= y < self.bottom

    def covers(self, other: Rect) -> bool:
        """Whether every pixel of `other` lies inside."""
        return other.is_empty() or (
            self.x <= other.x
            and self.y <= other.y
            and other.x + other.width <= self.x + self.width
            and other.y + other.height <= self.y + self.height
        )

    def intersects(self, other: Rect) -> bool:
        """Whether the two share a pixel."""
        return not self.intersection(other).is_empty()

    def intersection(self, other: Rect) -> Rect:
        """The shared rectangle; empty (width or height 0) where there is none."""
        x, y = max(self.x, other.x), max(self.y, other.y)
        right = min(self.x + self.width, other.x + other.width)
        bottom = min(self.y + self.height, other.y + other.height)
        return Rect(x, y, max(0, right - x), max(0, bottom - y))

    def union(self, other: Rect) -> Rect:
        """The smallest rectangle round both; an empty one adds nothing."""
        if self.is_empty():
            return other
        if other.is_empty():
            return self
        x, y = min(self.x, other.x), min(self.y, other.y)
        right, bottom = max(self.right, other.right), max(self.bottom, other.bottom)
        return Rect(x, y, right - x, bottom - y)

    def minus(self, hole: Rect) -> list[Rect]:
        """What is left without `hole`: up to four rectangles without overlap."""
        cut = self.intersection(hole)
        if cut.is_empty():
            return [] if self.is_empty() else [self]
        parts = [
            Rect(self.x, self.y, self.width, cut.y - self.y),
            Rect(self.x, cut.bottom, self.width, self.bottom - cut.bottom),
            Rect(self.x, cut.y, cut.x - self.x, cut.height),
            Rect(cut.right, cut.y, self.right - cut.right, cut.height),
        ]
        return [part for part in parts if not part.is_empty()]


def without(region: Iterable[Rect], holes: Iterable[Rect]) -> list[Rect]:
    """The region (rectangles without overlap) less every hole."""
    left = [rect for rect in region if not rect.is_empty()]
    for hole in holes:
        left = [part for rect in left for part in rect.minus(hole)]
    return left


@dataclass(frozen=True, slots=True)
class Window:
    """A top-level window that is on the screen.

    Attributes:
        window_id: The platform's id of the application's own window.
        frame_id: Id of the window manager's frame round it; `window_id` where the
            window has none.
        rect: What it covers on the screen, the frame included.
        app_class: Class of the application (on X11 the class of WM_CLASS); empty
            where it states none.
        title: Title; empty where it has none. Never to be stored unless allowed.
        pid: Process that shows it; 0 where not stated.
        transient_for: Id of the window that this one belongs to (dialogs, menus);
            0 where it stands alone.
        managed: Whether a window manager manages it; menus and tooltips are not.
    """

    window_id: int
    frame_id: int
    rect: Rect
    app_class: str = ""
    title: str = ""
    pid: int = 0
    transient_for: int = 0
    managed: bool = True


@dataclass(frozen=True, slots=True)
class Stack:
    """All windows on the screen at one moment.

    Attributes:
        windows: From the lowest to the topmost.
        active_id: `window_id` of the window with the keyboard; 0 where none has it.
        screen: The whole screen.
    """

    windows: tuple[Window, ...]
    active_id: int
    screen: Rect

    @property
    def active(self) -> Window | None:
        """The window with the keyboard."""
        return next((w for w in self.windows if w.window_id == self.active_id), None)

    def at(self, x: int, y: int) -> Window | None:
        """The topmost window that covers the pixel (x, y)."""
        over = reversed(self.windows)
        return next((window for window in over if window.rect.contains(x, y)), None)

    def visible_region(self, window: Window) -> list[Rect]:
        """The window's rectangle less everything above it, within the screen."""
        place = self.windows.index(window)
        above = [other.rect for other in self.windows[place + 1 :]]
        return without([window.rect.intersection(self.screen)], above)
