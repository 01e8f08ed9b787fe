"""The live side of the screen: damage and presses become pictures, held back.

Stage: capture. Input: events of the screen lane, the view in force. Output: pictures
and dirty records in the server's order, held until they are asked for. A picture of a
press shows the screen exactly as it was at the press if nothing was drawn, between
the press and the grab, where pixels were still to be fetched; the order of the lane
proves that. Only pixels inside the view's areas are fetched. It writes nothing.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from overt.desktop.types import Rect, without
from overt.desktop.x11.screen import Damage, RawPress, Resized, StackChanged
from overt.desktop.x11.wire import RefusedError
from overt.protocol.records import DirtyRecord, EventKind, FrameCause
from overt.recorder.capture.screenlog import Patch, Picture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from overt.desktop.x11.screen import Grab, ScreenEvent
    from overt.recorder.capture.allowance import View

FRAME_NS = 50_000_000  # at most 20 frames a second while a little of it changes
LARGE_FRAME_NS = 100_000_000  # at most 10 while a large part of the screen changes
LASTING_FRAME_NS = 250_000_000  # at most 4 while that goes on, as with a video
_LASTS_NS = 2_000_000_000
_LARGE = 8  # this part of the screen is a large one
BURST_NS = 300_000_000  # key and wheel presses closer than this are one burst
_MANY_RECTS = 24
_TRIES = 3
_NO_BURST = -BURST_NS
_MOST_U32 = (1 << 32) - 1


class Lane(Protocol):
    """What grabs the screen."""

    @property
    def root_rect(self) -> Rect:
        """The whole screen."""
        ...

    def grab(self, rect: Rect) -> Grab:
        """Take pixels, with the events before them."""
        ...


@dataclass(frozen=True, slots=True)
class Held:
    """A picture on its way to the spool.

    Attributes:
        order_ns: Its place among other records; never before an earlier one's.
        picture: The picture; its areas are those of `view`.
        view: The view under which it was taken.
        painted_ns: When its last pixels were drawn.
        taken_ns: When its pixels had been fetched, CLOCK_MONOTONIC.
    """

    order_ns: int
    picture: Picture
    view: View
    painted_ns: int
    taken_ns: int


class Bursts:
    """Which presses get a picture of their own."""

    def __init__(self, acts: Callable[[int], bool]) -> None:
        """Begin outside any burst.

        Args:
            acts: Whether a key code is one that acts or begins a shortcut, as
                Return, Tab and Control do; the key after it begins a new burst.
        """
        self._acts = acts
        self._key_ns = self._wheel_ns = _NO_BURST

    def opens(self, press: RawPress) -> bool:
        """Whether a press is a click, an acting key, or the first of a burst."""
        if press.kind is EventKind.KEY_PRESS:
            acts, since_ns = self._acts(press.detail), press.t_ns - self._key_ns
            self._key_ns = _NO_BURST if acts else press.t_ns
            return acts or since_ns >= BURST_NS
        self._key_ns = _NO_BURST
        if 4 <= press.detail <= 7:  # the wheel
            since_ns, self._wheel_ns = press.t_ns - self._wheel_ns, press.t_ns
            return since_ns >= BURST_NS
        return True


class Filmer:
    """Pictures of one screen, as far as its views allow.

    Attributes:
        taken_ns: When the last picture was taken.
    """

    def __init__(
        self,
        lane: Lane,
        look: Callable[[], View],
        opens: Callable[[RawPress], bool],
        *,
        films: bool = True,
        told: Callable[[ScreenEvent], None] = lambda _: None,
    ) -> None:
        """Begin with a look at the windows.

        Args:
            lane: What grabs the screen.
            look: Looks at the windows now and judges them.
            opens: Whether a press gets a picture of its own.
            films: Whether to take pictures at all; without it only views are kept.
            told: Told of every event of the lane, in order, those that come with a
                grab included.
        """
        self._lane, self._look, self._opens = lane, look, opens
        self._told = told
        self._films = films
        self._held: deque[Held | DirtyRecord] = deque()
        self._dirt: list[Rect] = []
        self._is_dirty = self._is_stale = self._is_due = False
        self._painted_ns = self._last_ns = self._grabbed_ns = 0
        self._pace_ns, self._large_ns = FRAME_NS, 0
        self.taken_ns = 0
        self._large_since_ns: int | None = None
        self._view = look()
        self.restart()

    @property
    def view(self) -> View:
        """The view in force."""
        return self._view

    def restart(self) -> None:
        """Drop what is held and fetch everything that may be seen anew."""
        self._held.clear()
        self._painted_ns = self._last_ns = self._view.t_ns
        if self._films:
            self._dirt = [area.rect for area in self._view.areas]
            self._is_due = True

    def handle(self, events: Iterable[ScreenEvent]) -> None:
        """Take events of the lane, in order; a press is grabbed at once."""
        queue = deque(events)
        while queue:
            event = queue.popleft()
            self._told(event)
            match event:
                case Damage():
                    self._damaged(event)
                case RawPress():
                    if self._films and self._opens(event):
                        self._press(event, queue)
                case StackChanged():
                    self._is_stale = True
                case Resized():
                    self._is_stale = True
                    self._view = replace(self._view, areas=())

    def refresh(self) -> None:
        """Look at the windows anew: something about them changed."""
        before = self._view
        self._view = self._look()
        self._is_stale = False
        if self._view.areas == before.areas or not self._films:
            return
        old = [area.rect for area in before.areas]
        grown = without([area.rect for area in self._view.areas], old)
        relevelled = set(self._view.areas) - set(before.areas)
        self._dirt = _within(self._dirt, [area.rect for area in self._view.areas])
        self._add_dirt([*grown, *(area.rect for area in relevelled)])
        self._note_dirty(self._view.t_ns)
        self._is_due = True

    def fetch_again(self, rects: list[Rect], now_ns: int) -> None:
        """Fetch what was hidden in the last pictures and may be seen from now on."""
        if self._films and rects:
            self._add_dirt(_within(rects, [area.rect for area in self._view.areas]))
            self._note_dirty(now_ns)
            self._is_due = True

    def tick(self, now_ns: int) -> None:
        """Take a picture if the screen changed and the last one is long enough ago."""
        if self._is_stale:
            self.refresh()
        if self.wait_ns(now_ns) == 0:
            self._set_pace(now_ns)
            self._grabbed_ns = now_ns
            queue: deque[ScreenEvent] = deque()
            t_ns = max(self._painted_ns, self._last_ns)
            self._shoot(FrameCause.DAMAGE, t_ns, queue)
            self.handle(queue)

    def wait_ns(self, now_ns: int) -> int | None:
        """Nanoseconds until `tick` has something to do; None where nothing waits."""
        if self._is_stale:
            return 0
        if not (self._dirt or self._is_due):
            return None
        return max(0, self._grabbed_ns + self._pace_ns - now_ns)

    def _set_pace(self, now_ns: int) -> None:
        """Bound what a screen that changes all the time may cost.

        A change counts as going on if the last large one is less than two of the
        slowest frames ago.
        """
        since_ns, is_over = now_ns - self._large_ns, self._large_since_ns is None
        if sum(r.area for r in self._dirt) * _LARGE >= self._lane.root_rect.area:
            self._large_ns = now_ns
            if is_over or since_ns > 2 * LASTING_FRAME_NS:
                self._pace_ns, self._large_since_ns = FRAME_NS, now_ns
            else:
                lasts = now_ns - (self._large_since_ns or 0) >= _LASTS_NS
                self._pace_ns = LASTING_FRAME_NS if lasts else LARGE_FRAME_NS
        elif since_ns > 2 * LASTING_FRAME_NS:
            self._pace_ns, self._large_since_ns = FRAME_NS, None

    @property
    def has_held(self) -> bool:
        """Whether something waits for `take`."""
        return bool(self._held)

    def take(self, until_ns: int) -> list[Held | DirtyRecord]:
        """Hand over what lies up to an instant, in order."""
        taken: list[Held | DirtyRecord] = []
        while self._held and order_ns(self._held[0]) <= until_ns:
            taken.append(self._held.popleft())
        return taken

    def _damaged(self, damage: Damage) -> None:
        seen = [area.rect.intersection(damage.rect) for area in self._view.areas]
        seen = [rect for rect in seen if not rect.is_empty()]
        if seen and self._films:
            self._add_dirt(seen)
            self._painted_ns = damage.t_ns
            self._note_dirty(damage.t_ns)

    def _note_dirty(self, t_ns: int) -> None:
        if not self._is_dirty:
            self._is_dirty = True
            self._last_ns = max(t_ns, self._last_ns + 1)
            self._held.append(DirtyRecord(self._last_ns))

    def _add_dirt(self, rects: Iterable[Rect]) -> None:
        for rect in rects:
            if any(old.covers(rect) for old in self._dirt):
                continue
            self._dirt = [old for old in self._dirt if not rect.covers(old)] + [rect]
        if len(self._dirt) > _MANY_RECTS:
            self._dirt = _merged(self._dirt, [a.rect for a in self._view.areas])

    def _press(self, press: RawPress, queue: deque[ScreenEvent]) -> None:
        if self._is_stale:
            self.refresh()
        self._shoot(FrameCause.PRESS, press.t_ns, queue)

    def _shoot(self, cause: FrameCause, t_ns: int, queue: deque[ScreenEvent]) -> None:
        """Fetch what is dirty and hold the picture; new events go to the queue."""
        for _ in range(_TRIES):
            patches, late = self._fetch(self._dirt)
            queue.extend(late)
            if not any(isinstance(event, StackChanged | Resized) for event in late):
                break
            self.refresh()  # what was fetched may show a window not yet judged
        else:
            self._is_due = True
            if cause is FrameCause.PRESS:
                self._hold(cause, t_ns, [], exact=False)
            return
        drawn = [event.rect for event in queue if isinstance(event, Damage)]
        exact = not any(rect.intersects(d) for rect in self._dirt for d in drawn)
        self._dirt, self._is_due = [], False
        self._hold(cause, t_ns, patches, exact=exact)

    def _fetch(self, rects: list[Rect]) -> tuple[list[Patch], list[ScreenEvent]]:
        patches: list[Patch] = []
        late: list[ScreenEvent] = []
        screen = self._lane.root_rect
        for rect in rects:
            for area in self._view.areas:
                part = rect.intersection(area.rect).intersection(screen)
                if part.is_empty():
                    continue
                try:
                    grab = self._lane.grab(part)
                except RefusedError:  # the screen shrank; its event is on the way
                    return [], [*late, Resized(self._last_ns, 0, 0)]
                patches.append(Patch(grab.rect, grab.pixels))
                late += grab.before
        return patches, late

    def _hold(
        self, cause: FrameCause, t_ns: int, patches: list[Patch], *, exact: bool
    ) -> None:
        self._last_ns = max(t_ns, self._last_ns)
        self._is_dirty = False
        screen = self._lane.root_rect
        areas = [replace(a, rect=a.rect.intersection(screen)) for a in self._view.areas]
        picture = Picture(
            t_ns,
            cause,
            exact,
            screen,
            tuple(area for area in areas if not area.rect.is_empty()),
            tuple(patch for patch in patches if screen.covers(patch.rect)),
            _age_us(t_ns),
        )
        self.taken_ns = time.monotonic_ns()
        place = self._last_ns, picture, self._view, self._painted_ns
        self._held.append(Held(*place, self.taken_ns))


def _age_us(t_ns: int) -> int:
    """Microseconds since an instant; server times lie up to a millisecond back."""
    return min(max((time.monotonic_ns() - t_ns) // 1000, 0), _MOST_U32)


def order_ns(item: Held | DirtyRecord) -> int:
    """The place of an item among other records."""
    return item.order_ns if isinstance(item, Held) else item.t_ns


def _within(rects: list[Rect], areas: list[Rect]) -> list[Rect]:
    parts = [rect.intersection(area) for rect in rects for area in areas]
    return [part for part in parts if not part.is_empty()]


def _merged(rects: list[Rect], areas: list[Rect]) -> list[Rect]:
    """One bounding rectangle of what lies in each area."""
    merged: list[Rect] = []
    for area in areas:
        bounds = Rect(0, 0, 0, 0)
        for rect in rects:
            bounds = bounds.union(rect.intersection(area))
        if not bounds.is_empty():
            merged.append(bounds)
    return merged
