"""One stretch of recording on one display: lanes in, segments out.

Stage: capture, the part that touches the display. Input: an X display, the allow-list,
a source of context. Output: records to the sink. It listens only while it exists;
pausing or stopping ends it. What it saw less than 500 ms before its end is written
after it has settled, what comes later is dropped.
"""

from __future__ import annotations

import contextlib
import time
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from overt.desktop.x11.clock import calibrate
from overt.desktop.x11.screen import Damage, RawPress, ScreenLane, Stirred
from overt.desktop.x11.windows import WindowWatcher
from overt.recorder.capture.allowance import History, look
from overt.recorder.capture.attention import Attention
from overt.recorder.capture.courier import Courier
from overt.recorder.capture.frames import Filmer
from overt.recorder.capture.gate import SETTLE_NS, Gate
from overt.recorder.capture.hands import Hands, NoHands, OpenHands
from overt.recorder.capture.quarantine import GIVE_UP_NS
from overt.recorder.capture.screenlog import ScreenLog
from overt.recorder.capture.segments import next_border_ns
from overt.recorder.capture.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from overt.desktop.x11.screen import ScreenEvent
    from overt.protocol.records import MarkRecord, Pixels
    from overt.recorder.capture.allowance import AllowList, View
    from overt.recorder.capture.attention import ContextSource
    from overt.recorder.capture.names import Names
    from overt.recorder.capture.segments import SegmentSink

DRAIN_NS = 160_000_000  # between two reads of the record lane
REST_NS = 300_000_000  # hands that did nothing for so long rest
_TURN_NS = 50_000_000  # between two looks at keys whose field is not known yet
WRITE_NS = 400_000_000  # between two passes over what has settled
COMMIT_NS = 1_000_000_000
_FIRST_NS = 100_000_000  # both, until the first commit shows that it records
_BEAT_NS = 2_000_000_000  # between two signs of life while nothing happens
_FLOOR_NS = 1_000_000  # server time is cut to whole milliseconds
_FOREVER_NS = 1 << 62


class Recording:
    """Everything that is open while a display is recorded."""

    def __init__(
        self,
        display: str | None,
        allow: AllowList,
        source: ContextSource,
        sink: SegmentSink,
        mask: Callable[[Pixels], Pixels],
        names: Names,
    ) -> None:
        """Open the lanes that the sink's data types need, and look at the screen.

        Raises:
            CaptureError: The display cannot be recorded.
        """
        self._allow, self._sink = allow, sink
        self._unproved_ns = sink.progress.last_commit_ns
        self._end_ns = _FOREVER_NS
        self._drained_ns = self._written_ns = self._committed_ns = 0
        self._acted_ns = time.monotonic_ns()
        self._rotated_at, self._border_ns = 0, next_border_ns()
        self._has_screen = "screen" in sink.data_types
        with contextlib.ExitStack() as opened:
            clock = calibrate(display)
            has_input = "input" in sink.data_types
            self._hands_rest = not has_input
            self._hands: Hands = OpenHands(display, clock) if has_input else NoHands()
            opened.enter_context(contextlib.closing(self._hands))
            self._watcher = opened.enter_context(
                contextlib.closing(WindowWatcher(display))
            )
            lane = ScreenLane(
                display, clock, drawing=self._has_screen, presses=has_input
            )
            self._lane = opened.enter_context(contextlib.closing(lane))
            self._attention = Attention(source, allow, sink.data_types)
            self._begin(mask, names)
            self._opened = opened.pop_all()
        self._courier = Courier()
        if not self._has_screen:
            self._courier.post(self._begin_blind(self._filmer.view.t_ns))

    def _begin(self, mask: Callable[[Pixels], Pixels], names: Names) -> None:
        history = History()
        self._log = ScreenLog(mask)
        self._seen: list[View] = []
        self._filmer = Filmer(
            self._lane,
            self._look,
            self._hands.opens,
            films=self._has_screen,
            told=self._note,
        )
        self._stream = Stream(
            history,
            self._filmer,
            Gate(history, self._log, self._attention.secret_places, names),
        )
        self._pass_views()

    def _begin_blind(self, t_ns: int) -> Callable[[], None]:
        """Return the job that begins a segment without a screen."""
        return partial(self._sink.begin, t_ns, self._lane.root_rect)

    def filenos(self) -> list[int]:
        """Descriptors that are readable when `step` has something to do."""
        return [self._lane.fileno(), self._watcher.fileno()]

    def wait_s(self, now_ns: int) -> float:
        """Seconds until `step` has something to do without being woken."""
        if self._has_ended:
            settled_ns = self._end_ns + SETTLE_NS + _FLOOR_NS
            return max(_TURN_NS, settled_ns - now_ns) / 1e9
        due = [self._committed_ns + _BEAT_NS]
        if not self._hands_rest:
            due.append(self._drained_ns + DRAIN_NS)
        if self._stream.has_more:
            due.append(self._written_ns + self._paced(WRITE_NS))
        if self._stream.quarantine.is_holding:
            due.append(now_ns + _TURN_NS)
        if (asks_ns := self._attention.next_ns()) is not None:
            due.append(asks_ns)
        if (film_ns := self._filmer.wait_ns(now_ns)) is not None:
            due.append(now_ns + film_ns)
        return max(0, min(due) - now_ns) / 1e9

    def step(self) -> None:
        """Read the lanes, film, and pass on what has settled.

        Raises:
            CaptureError: The display or the spool failed.
        """
        self._film(self._lane.read())
        if self._watcher.changed():
            self._filmer.refresh()
            self._pass_views()
        now_ns = time.monotonic_ns()
        self._hear(now_ns)
        if not self._has_ended:
            self._filmer.tick(now_ns)
            self._attention.filmed(self._filmer.taken_ns)
            self._pass_views()
        if not self._hands_rest and now_ns - self._drained_ns >= DRAIN_NS:
            self._drain()
        if self._is_write_due(now_ns):
            if self._hands_rest:
                self._drain()  # proves that nothing was done meanwhile
            self._write(time.monotonic_ns())

    def _is_write_due(self, now_ns: int) -> bool:
        if self._has_ended or now_ns - self._committed_ns >= _BEAT_NS:
            return True
        pace_ns = self._paced(WRITE_NS)
        return self._stream.has_more and now_ns - self._written_ns >= pace_ns

    def _paced(self, pace_ns: int) -> int:
        """A pace; a quicker one until a commit of this recording is durable."""
        is_proved = self._sink.progress.last_commit_ns != self._unproved_ns
        return pace_ns if is_proved else _FIRST_NS

    def mark(self, mark: MarkRecord) -> None:
        """Take a mark that a person made."""
        self._stream.add(mark)
        if mark.kind == "task_begin":
            self._attention.begun()

    def end(self, *, discards: bool = False) -> None:
        """Take nothing in from now on; `step` until `is_over`, then `close`.

        Args:
            discards: Drop what has not been handed over yet, as after the chord.
        """
        if self._has_ended:
            return
        if discards:
            self._end_ns = self._stream.released_ns
        else:
            self._film(self._lane.read())
            self._drain()
            self._end_ns, self._drained_ns = time.monotonic_ns(), 0

    @property
    def _has_ended(self) -> bool:
        return self._end_ns != _FOREVER_NS

    @property
    def is_over(self) -> bool:
        """Whether everything from before the end has been written."""
        after_ns = time.monotonic_ns() - self._end_ns
        if after_ns >= GIVE_UP_NS + SETTLE_NS:
            return True
        return after_ns > SETTLE_NS and self._stream.complete_ns >= self._end_ns

    def close(self) -> None:
        """Write what may be written, end the segment, leave the display."""
        with self._opened:
            try:
                self._write(time.monotonic_ns())
            finally:
                self._courier.finish(self._sink.close)

    def _look(self) -> View:
        now_ns = time.monotonic_ns()
        stack = self._watcher.stack()
        self._attention.activate(stack.active, now_ns)
        view = look(now_ns, stack, self._attention.url_of, self._allow)
        self._attention.seen(view)
        self._seen.append(view)
        self._sink.progress.level = view.keyboard_level.value
        return view

    def _pass_views(self) -> None:
        views, self._seen = self._seen, []
        for view in views:
            self._stream.add_view(view)

    def _film(self, events: Sequence[ScreenEvent]) -> None:
        if not self._has_ended:
            self._filmer.handle(events)

    def _note(self, event: ScreenEvent) -> None:
        """Take what an event of the lane says beside the picture."""
        match event:
            case RawPress():
                self._wake()
                self._drained_ns = 0  # the press's position is wanted at once
            case Stirred():
                self._wake()
            case Damage():
                self._attention.painted(event.t_ns, event.rect)

    def _wake(self) -> None:
        if self._hands_rest:
            self._hands_rest, self._acted_ns = False, time.monotonic_ns()
            self._lane.hear_presses()

    def _hear(self, now_ns: int) -> None:
        if self._attention.hear(self._stream, now_ns):
            self._filmer.refresh()
            self._pass_views()
        self._filmer.fetch_again(self._attention.uncovered(), now_ns)
        self._attention.filmed(self._filmer.taken_ns)
        self._attention.ask(self._stream, now_ns)

    def _drain(self) -> None:
        """Read all input up to now, and what the screen lane says of it."""
        began_ns = time.monotonic_ns()
        self._hands.fetch()
        self._film(self._lane.read())
        events = self._hands.decode(drop=self._has_ended)
        self._attention.clicked(events, self._filmer.view)
        complete_ns = self._end_ns if self._has_ended else began_ns - _FLOOR_NS
        self._stream.add_input(events, complete_ns)
        self._drained_ns = began_ns
        if len(events):
            self._acted_ns = began_ns
        elif self._may_rest and began_ns - self._acted_ns >= REST_NS:
            self._rest()

    @property
    def _may_rest(self) -> bool:
        return not (self._has_ended or self._hands_rest)

    def _rest(self) -> None:
        """Read no more until hands act: the screen lane then tells of it.

        What they did before the server knew of that is read once more.
        """
        before = self._lane.wait_for_input()
        self._hands_rest = True
        self._film(before)
        self._drain()

    def _write(self, now_ns: int) -> None:
        """Hand over what has settled, minute by minute."""
        while self._hand_over(now_ns):
            self._border_ns = next_border_ns()
            self._rotate()
        if self._sink.is_full() and not self._is_rotating():
            self._rotate()
        self._written_ns = now_ns
        if now_ns - self._committed_ns >= self._paced(COMMIT_NS):
            self._courier.post(self._sink.commit)
            self._committed_ns = now_ns

    def _hand_over(self, now_ns: int) -> bool:
        """Hand over what has settled of this segment; true where its minute is over."""
        until_ns = min(self._end_ns, self._border_ns)
        records = self._stream.release(now_ns, until_ns)
        self._courier.post(partial(self._sink.write, records))
        return self._border_ns <= self._stream.released_ns < self._end_ns

    def _rotate(self) -> None:
        """Go on in a new segment; its successor is on its way until it has begun."""
        self._rotated_at = self._sink.progress.segments
        for job in self._rotation():
            self._courier.post(job)

    def _rotation(self) -> list[Callable[[], None]]:
        """Return the jobs that end the segment and begin the next one."""
        t_ns = self._stream.released_ns
        if not self._has_screen:
            return [self._sink.close, self._begin_blind(t_ns)]
        keyframe = self._log.begin_segment(t_ns, exact=self._stream.is_exact)
        return [partial(self._sink.rotate, keyframe)]

    def _is_rotating(self) -> bool:
        return self._sink.progress.segments == self._rotated_at


def black(pixels: Pixels) -> Pixels:
    """Mask everything: what stands in where no finer mask is at hand."""
    return np.zeros_like(pixels)
