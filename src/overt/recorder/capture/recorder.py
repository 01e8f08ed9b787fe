"""The recorder's loop: one thread that records while it is told to, and not else.

Stage: capture, driven by the person's side. Input: directives (record or not, marks,
end), asked for at every turn. Output: segments in the spool, and what was written so
far. It keeps lanes to the display open only while the directive says `records`.
"""

from __future__ import annotations

import selectors
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from overt.recorder.capture.names import Names
from overt.recorder.capture.neverlist import WithNeverList
from overt.recorder.capture.recording import Recording, black
from overt.redact.naming import whole

if TYPE_CHECKING:
    from collections.abc import Callable

    from overt.protocol.records import MarkRecord, Pixels
    from overt.recorder.capture.allowance import AllowList
    from overt.recorder.capture.attention import ContextSource
    from overt.recorder.capture.segments import Progress, SegmentSink

_ASK_NS = 200_000_000  # the person's side is asked at most this often unless it calls
_TURN_S = 0.5  # and at least this often


@dataclass(frozen=True, slots=True)
class Directive:
    """What the person's side wants now.

    Attributes:
        records: Whether to record.
        ends: Whether to end the loop, after what is recorded has been written.
        marks: Signed marks to put into the stream, in order.
        discards: Whether what has not been handed over yet is dropped at the end.
    """

    records: bool
    ends: bool = False
    marks: tuple[MarkRecord, ...] = ()
    discards: bool = False


class Steering(Protocol):
    """The person's side: control socket, consent, lease, indicator."""

    def fileno(self) -> int:
        """A descriptor that is readable when somebody calls."""
        ...

    def poll(self, progress: Progress, *, is_recording: bool) -> Directive:
        """Serve calls and say what to do; called at least every 500 ms.

        Args:
            progress: What has been written; `last_commit_ns` is what may be said.
            is_recording: Whether the lanes are open.
        """
        ...


class Recorder:
    """Records one display into one session's segments."""

    def __init__(
        self,
        display: str | None,
        allow: AllowList,
        source: ContextSource,
        sink: SegmentSink,
        mask: Callable[[Pixels], Pixels] = black,
        names: Names | None = None,
    ) -> None:
        """Name what to record; nothing is opened yet.

        Args:
            display: The X display; `None` means $DISPLAY.
            allow: What may be recorded (`Programme`); what the never-list names is
                not, whatever it says.
            source: Asks applications (`ContextThread`).
            sink: Where the records go.
            mask: Masks all text of an image, for levels below `clear`; by default
                it blackens everything.
            names: The values of the episode that runs; by default nothing of a text
                is revealed, and nobody begins a task.

        Raises:
            CaptureError: The never-list cannot be read.
        """
        self._display, self._source = display, source
        self._allow = WithNeverList(allow)
        self._sink, self._mask = sink, mask
        self._names = names or Names(whole)
        self._recording: Recording | None = None
        self._directive, self._asked_ns = Directive(records=False), 0
        self._is_called = False

    def run(self, steering: Steering) -> None:
        """Record as directed until the directive ends it.

        Raises:
            CaptureError: The display or the spool failed; what was committed is kept.
        """
        with selectors.DefaultSelector() as selector:
            calls = selector.register(steering.fileno(), selectors.EVENT_READ).fd
            selector.register(self._source.fileno(), selectors.EVENT_READ)
            try:
                while self._turn(steering, selector):
                    ready = selector.select(self._wait_s())
                    self._is_called = any(key.fd == calls for key, _ in ready)
            finally:
                if self._recording is not None:
                    self._recording.close()
                    self._recording = None

    def _turn(self, steering: Steering, selector: selectors.BaseSelector) -> bool:
        """One turn of the loop; false when it is over."""
        recording = self._recording
        directive = self._asked(steering)
        if recording is None:
            self._source.poll()  # nothing is kept of what is told meanwhile
            if directive.records and not directive.ends:
                self._open(selector)
            return not directive.ends
        for mark in directive.marks:
            recording.mark(mark)
        if directive.ends or not directive.records:
            recording.end(discards=directive.discards)
        recording.step()
        if recording.is_over:
            self._close(recording, selector)
        return self._recording is not None or not directive.ends

    def _asked(self, steering: Steering) -> Directive:
        """What the person's side wants, asked anew if it calls or it is time to."""
        now_ns = time.monotonic_ns()
        is_recording = self._recording is not None
        due_ns = self._asked_ns + _ASK_NS
        if is_recording and not self._is_called and now_ns < due_ns:
            return self._directive
        self._asked_ns, self._is_called = now_ns, False
        asked = steering.poll(self._sink.progress, is_recording=is_recording)
        self._directive = replace(asked, marks=())
        return asked

    def _open(self, selector: selectors.BaseSelector) -> None:
        self._recording = Recording(
            *(self._display, self._allow, self._source, self._sink, self._mask),
            self._names,
        )
        for fileno in self._recording.filenos():
            selector.register(fileno, selectors.EVENT_READ)

    def _close(self, recording: Recording, selector: selectors.BaseSelector) -> None:
        for fileno in recording.filenos():
            selector.unregister(fileno)
        self._recording = None
        recording.close()

    def _wait_s(self) -> float:
        if self._recording is None:
            return _TURN_S
        return min(_TURN_S, self._recording.wait_s(time.monotonic_ns()))
