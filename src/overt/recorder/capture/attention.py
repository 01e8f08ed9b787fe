"""Which questions to ask applications, when, and what their answers change.

Stage: capture, between the context thread and the stream. Input: views, presses,
answers, the time. Output: questions; context and focus news for the stream; the URL of
the active window. Pure but for the source that it is given. What an application below
level `clear` shows leaves the gate as placeholders in boxes alone; one that is off is
asked for its focus and URL alone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from overt.desktop.a11y.focus import FocusChange
from overt.protocol.records import ContextRecord, EventArray, EventKind, Level
from overt.recorder.capture.allowance import strictest
from overt.recorder.capture.context import Answer, TreeRead, Url
from overt.recorder.capture.secretplaces import Places, SecretPlaces

if TYPE_CHECKING:
    from collections.abc import Collection

    import numpy as np

    from overt.desktop.a11y.focus import Focus, Ref
    from overt.desktop.types import Rect, Window
    from overt.recorder.capture.allowance import AllowList, View
    from overt.recorder.capture.context import Told, Within
    from overt.recorder.capture.stream import Stream

_SILENCE_NS = 350_000_000  # for less than this an unanswered URL stays what it was
_ASK_AGAIN_NS = 100_000_000
_LOOK_AGAIN_NS = 250_000_000  # a page for what it embeds; less than pictures wait
_QUIET_NS = 120_000_000  # a screen without change for so long has settled
_TREE_NS = 400_000_000  # between two trees, where much changed or somebody clicked
_SLOW_TREE_NS = 2_000_000_000  # where little did, as while somebody types
_WHEEL = range(4, 8)
_WHEEL_NS = 300_000_000  # turns of the wheel closer than this are one burst
_MUCH = 8  # a change of this part of the screen is much
_MOST_LATE = 4


class ContextSource(Protocol):
    """What asks applications (`ContextThread`)."""

    def fileno(self) -> int:
        """A descriptor that is readable while `poll` has something."""
        ...

    def poll(self) -> list[Told]:
        """All that was told since the last call."""
        ...

    def ask_focus(self, pid: int) -> None:
        """Ask a process what has its focus."""
        ...

    def ask_element(
        self, t_ns: int, pid: int, x_px: int, y_px: int, within: Within
    ) -> None:
        """Ask what is at a point."""
        ...

    def ask_url(self, pid: int) -> None:
        """Ask for a process's URL now and at each page load."""
        ...

    def ask_tree(self, t_ns: int, pid: int, within: Within) -> None:
        """Ask what a process shows."""
        ...

    def ask_places(self) -> None:
        """Ask where password fields and embedded documents are."""
        ...


class Attention:
    """Follows the active window with questions."""

    def __init__(
        self, source: ContextSource, allow: AllowList, data_types: Collection[str]
    ) -> None:
        """Begin without a window.

        Args:
            source: Asks applications.
            allow: What may be recorded.
            data_types: What the participant agreed to: without `context` nothing is
                asked of an application but its focus and URL, without `screen` not
                what it shows.
        """
        self._source, self._allow = source, allow
        self._has_elements = {"context", "input"} <= set(data_types)
        self._has_trees = {"context", "screen"} <= set(data_types)
        self._active: Window | None = None
        self._level = Level.OFF
        self._url: str | None = None
        self._silent_ns: int | None = None
        self._asked_url_ns = self._asked_tree_ns = 0
        self._painted_ns = self._painted_px = self._screen_px = 0
        self._tree_due = self._is_new = False
        self._wheel_ns = -_WHEEL_NS
        self._asked_places_ns = self._filmed_ns = 0
        self._uncovered: list[Rect] = []
        self.secret_places = SecretPlaces()
        self._late_trees = 0
        self._shown: frozenset[Ref] = frozenset()  # embedded documents

    def url_of(self, window: Window) -> str | None:
        """URL of a window; known of the active one alone."""
        active = self._active
        same = active is not None and active.window_id == window.window_id
        return self._url if same else None

    def activate(self, window: Window | None, now_ns: int) -> None:
        """Another window may be active, or it shows something else."""
        before, self._active = self._active, window
        known = before.window_id if before else 0
        if window is None or window.window_id != known:
            self._url, self._silent_ns = None, None
            self._ask_url(now_ns)

    def seen(self, view: View) -> None:
        """Take the level of the active window from a new view."""
        self._level = view.keyboard_level
        self._screen_px = view.stack.screen.area
        self._tree_due = self._is_new = True

    def painted(self, t_ns: int, rect: Rect) -> None:
        """Something that may be seen was drawn."""
        self._painted_ns = max(self._painted_ns, t_ns)
        self._painted_px += rect.area
        self._tree_due = True

    def begun(self) -> None:
        """A task has begun: what the screen shows is told under its names."""
        self._tree_due = self._is_new = True

    def clicked(self, events: EventArray, view: View) -> None:
        """Ask what lies under the buttons that went down."""
        for event in events[events["kind"] == EventKind.BUTTON_PRESS]:
            if self._is_scrolling(event):
                continue
            x_px, y_px = int(event["x_px"]), int(event["y_px"])
            window = view.stack.at(x_px, y_px)
            self._is_new = True
            asks = self._has_elements and view.level_at(x_px, y_px) is Level.CLEAR
            if asks and window is not None and window.pid:
                t_ns, within = int(event["t_ns"]), self._within
                self._source.ask_element(t_ns, window.pid, x_px, y_px, within)

    def _is_scrolling(self, press: np.void) -> bool:
        """Whether a press goes on turning the wheel: the first one was asked about."""
        if int(press["detail"]) not in _WHEEL:
            return False
        since_ns, self._wheel_ns = self._wheel_ns, int(press["t_ns"])
        return self._wheel_ns - since_ns < _WHEEL_NS

    def ask(self, stream: Stream, now_ns: int) -> None:
        """Ask what is due now."""
        pid = self._active.pid if self._active else 0
        if stream.quarantine.due(now_ns):
            if pid:
                self._source.ask_focus(pid)
            else:
                stream.quarantine.add_answer(now_ns, now_ns, None)
        if self._silent_ns is not None and now_ns - self._asked_url_ns > _ASK_AGAIN_NS:
            self._ask_url(now_ns)
        if self._wants_places and now_ns >= self._places_ns():
            self._asked_places_ns = now_ns
            self._source.ask_places()
        if pid and self._wants_tree and now_ns >= self._tree_ns():
            self._tree_due, self._asked_tree_ns = False, now_ns
            self._is_new, self._painted_px = False, 0
            self._source.ask_tree(now_ns, pid, self._within)

    def filmed(self, t_ns: int) -> None:
        """A picture was taken up to an instant: it may show what must not be shown."""
        self._filmed_ns = t_ns

    def uncovered(self) -> list[Rect]:
        """Where something was hidden and is not any more, since the last call."""
        rects, self._uncovered = self._uncovered, []
        return rects

    @property
    def _wants_places(self) -> bool:
        is_new = self._filmed_ns > self._asked_places_ns
        return is_new and (self.secret_places.has_fields or self._has_page)

    def _places_ns(self) -> int:
        """When places may be asked for again."""
        has_fields = self.secret_places.has_fields
        rest_ns = _ASK_AGAIN_NS if has_fields else _LOOK_AGAIN_NS
        return self._asked_places_ns + rest_ns

    @property
    def _has_page(self) -> bool:
        """Whether the active window is allowed by what its page is."""
        active = self._active
        return active is not None and self._allow.needs_url(active.app_class)

    @property
    def _within(self) -> Within:
        return self._shown if self._has_page else None

    def _may_show(self, url: str) -> bool:
        """Whether an embedded document may be recorded as the page around it.

        `about:` documents, as `about:srcdoc`, are the page's own.
        """
        active = self._active
        if active is None or not self._has_page or url.startswith("about:"):
            return True
        level = self._allow.level_for(active.app_class, url, active.title)
        return level is not Level.OFF and strictest((level, self._level)) is self._level

    def _judged(self, told: Places) -> Places:
        off = {
            ref: one.rect
            for ref, one in told.embedded.items()
            if not self._may_show(one.url)
        }
        self._shown = frozenset(told.embedded) - off.keys()
        rects = None if told.rects is None else {**told.rects, **off}
        return replace(told, rects=rects, off=frozenset(off))

    def _trusted(self, focus: Focus) -> Focus:
        """A field of an embedded document that is off is none to keep keys of."""
        is_off = focus.embedded and not self._may_show(focus.embedded)
        return replace(focus, trusted=False) if is_off else focus

    def next_ns(self) -> int | None:
        """When `ask` or `hear` has something to do by the clock alone; None: not."""
        due: list[int] = []
        if self._wants_places:
            due.append(self._places_ns())
        if self._silent_ns is not None:
            due.append(self._asked_url_ns + _ASK_AGAIN_NS)
            if self._url is not None:
                due.append(self._silent_ns + _SILENCE_NS)
        if self._wants_tree and self._active is not None and self._active.pid:
            due.append(self._tree_ns())
        return min(due, default=None)

    @property
    def _wants_tree(self) -> bool:
        return self._has_trees and self._tree_due and self._level is not Level.OFF

    def _tree_ns(self) -> int:
        """When the screen has settled and the last tree is long enough ago."""
        is_new = self._is_new or self._painted_px * _MUCH >= self._screen_px
        rest_ns = _TREE_NS if is_new else _SLOW_TREE_NS
        return max(self._painted_ns + _QUIET_NS, self._asked_tree_ns + rest_ns)

    def hear(self, stream: Stream, now_ns: int) -> bool:
        """Take what was told; whether the active window's URL is another now."""
        before = self._url
        for told in self._source.poll():
            match told:
                case ContextRecord():
                    stream.add(told)
                case TreeRead(is_late):
                    self._hear_tree(is_late=is_late)
                case FocusChange(t_ns, focus):
                    stream.quarantine.add_focus(FocusChange(t_ns, self._trusted(focus)))
                case Answer(asked_ns, answered_ns, answer):
                    field = None if answer is None else self._trusted(answer)
                    stream.quarantine.add_answer(asked_ns, answered_ns, field)
                case Places():
                    self._uncovered += self.secret_places.add(self._judged(told))
                case Url(t_ns, pid, url):
                    if self._active is not None and pid == self._active.pid:
                        self._hear_url(t_ns, url)
        if self._silent_ns is not None and now_ns - self._silent_ns > _SILENCE_NS:
            self._url = None
        return self._url != before

    def _hear_tree(self, *, is_late: bool) -> None:
        """A screen that was not told to its end is asked for again, a few times."""
        self._late_trees = self._late_trees + 1 if is_late else 0
        if is_late and self._late_trees <= _MOST_LATE:
            self._tree_due = self._is_new = True

    def _hear_url(self, t_ns: int, url: str | None) -> None:
        """A page that does not say its URL yet keeps the old one for a moment.

        The moment is shorter than anything waits for the verdict of its views.
        """
        if url is not None:
            self._url, self._silent_ns = url, None
        elif self._silent_ns is None:
            self._silent_ns = t_ns

    def _ask_url(self, now_ns: int) -> None:
        active = self._active
        if active is None or not active.pid:
            return
        if self._allow.needs_url(active.app_class):
            self._asked_url_ns = now_ns
            self._source.ask_url(active.pid)
