"""Ask applications about themselves without making the capture loop wait.

Stage: between the accessibility adapter and the capture session. Input: questions
posted by the capture loop. Output: context records, focus changes, answers and URLs,
in the order in which the applications sent them. A thread of its own owns the
connection. If it dies nothing is answered any more, and what is not answered counts
as unknown. Never blocks the caller, never writes.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from overt.desktop.a11y.accessibility import Accessibility
from overt.desktop.a11y.focus import Focus, FocusChange, Ref
from overt.desktop.a11y.tree import BUDGET_S
from overt.protocol.errors import OvertError
from overt.protocol.records import ContextRecord
from overt.recorder.capture.secretplaces import Places

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_START_S = 5.0
_LONGEST_TREE_S = 0.4  # keys wait in quarantine for an answer up to 2 s


@dataclass(frozen=True, slots=True)
class Answer:
    """What an application said has its focus.

    Attributes:
        asked_ns: When the question was sent, CLOCK_MONOTONIC.
        answered_ns: When the answer was there.
        focus: The field; None where no answer came in time.
    """

    asked_ns: int
    answered_ns: int
    focus: Focus | None


@dataclass(frozen=True, slots=True)
class Url:
    """The URL that the active window of a process shows.

    Attributes:
        t_ns: When the answer was there, CLOCK_MONOTONIC.
        pid: The process.
        url: The document's URL; None where it has none or did not say.
    """

    t_ns: int
    pid: int
    url: str | None


@dataclass(frozen=True, slots=True)
class TreeRead:
    """A tree was read.

    Attributes:
        is_late: Whether not to its end, for want of time.
    """

    is_late: bool


Within = frozenset[Ref] | None  # embedded documents that may be read; None: all
Told = ContextRecord | FocusChange | Answer | Url | Places | TreeRead


class ContextThread:
    """A thread that talks to applications. Use it as a context manager.

    Args:
        session_bus: D-Bus address of the session bus; by default the environment's.
    """

    def __init__(self, session_bus: str | None = None) -> None:
        self._session_bus = session_bus
        self._urgent: deque[Callable[[Accessibility], Sequence[Told]]] = deque()
        self._later: deque[Callable[[Accessibility], Sequence[Told]]] = deque()
        self._told: deque[Told] = deque()
        self._told_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._stopping = False
        self._connected = threading.Event()
        self._url_pid = 0
        self._tree_budget_s = BUDGET_S
        self._thread = threading.Thread(target=self._run, name="context", daemon=True)
        self.error: Exception | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the thread and wait until it is connected or has failed."""
        self._thread.start()
        self._connected.wait(_START_S)

    def stop(self) -> None:
        """End the thread and close its descriptors; `poll` must not follow."""
        self._stopping = True
        self._wake()
        self._thread.join(_START_S)
        if not self._thread.is_alive():
            os.close(self._told_fd)
            os.close(self._wake_fd)

    @property
    def alive(self) -> bool:
        """Whether questions are being answered; `error` says why not."""
        return self._thread.is_alive() and self.error is None

    def fileno(self) -> int:
        """Return a descriptor that is readable while `poll` has something."""
        return self._told_fd

    def poll(self) -> list[Told]:
        """Return all that was told since the last call, in order; does not wait."""
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._told_fd)
        return [self._told.popleft() for _ in range(len(self._told))]

    def ask_focus(self, pid: int) -> None:
        """Ask a process what has its focus; an `Answer` follows."""
        self._urgent.append(lambda a11y: _answer(a11y, pid))
        self._wake()

    def ask_element(
        self, t_ns: int, pid: int, x_px: int, y_px: int, within: Within
    ) -> None:
        """Ask what is at a point; a `ContextRecord` `element` of `t_ns` may follow."""
        self._urgent.append(lambda a11y: _element(a11y, t_ns, pid, x_px, y_px, within))
        self._wake()

    def ask_url(self, pid: int) -> None:
        """Ask for a process's URL now and whenever a page is loaded: a `Url` each."""
        self._url_pid = pid
        self._later.append(lambda a11y: _url(a11y, pid))
        self._wake()

    def ask_tree(self, t_ns: int, pid: int, within: Within) -> None:
        """Ask what a process shows; a `ContextRecord` `tree` of `t_ns` may follow."""
        self._later.append(lambda a11y: self._tree(a11y, t_ns, pid, within))
        self._wake()

    def ask_places(self) -> None:
        """Ask where password fields and embedded documents are; `Places` follow.

        Embedded are those of the process whose URL was asked for last.
        """
        self._urgent.append(lambda a11y: _places(a11y, self._url_pid))
        self._wake()

    def _tree(
        self, a11y: Accessibility, t_ns: int, pid: int, within: Within
    ) -> list[Told]:
        """Read a tree; after one that took too long the next has more time."""
        nodes, truncated = a11y.tree(pid, self._tree_budget_s, within)
        grown_s = min(2 * self._tree_budget_s, _LONGEST_TREE_S)
        self._tree_budget_s = grown_s if a11y.is_late else BUDGET_S
        body = {"nodes": nodes, "truncated": truncated}
        record = ContextRecord(t_ns, "tree", body)
        return [record, TreeRead(a11y.is_late)] if nodes else []

    def _wake(self) -> None:
        os.eventfd_write(self._wake_fd, 1)

    def _run(self) -> None:
        try:
            with contextlib.closing(Accessibility(self._session_bus)) as a11y:
                self._connected.set()
                self._serve(a11y)
        except OvertError as error:
            self.error = error
        except Exception as error:  # noqa: BLE001 - a dead thread must not end capture
            self.error = error
        finally:
            self._connected.set()
            os.eventfd_write(self._told_fd, 1)

    def _serve(self, a11y: Accessibility) -> None:
        waiting = select.poll()
        waiting.register(a11y.fileno(), select.POLLIN)
        waiting.register(self._wake_fd, select.POLLIN)
        while not self._stopping:
            self._tell(a11y.focus_changes())
            if a11y.page_changed() and self._url_pid:
                self.ask_url(self._url_pid)
            if a11y.secrets_changed():  # an answer may have met one: before the wait
                self.ask_places()
            questions = self._urgent or self._later
            if questions:
                told = questions.popleft()(a11y)
                # what the application said before it answered comes first
                self._tell([*a11y.focus_changes(), *told])
            else:
                waiting.poll()
                with contextlib.suppress(BlockingIOError):
                    os.eventfd_read(self._wake_fd)

    def _tell(self, told: Sequence[Told]) -> None:
        if told:
            self._told.extend(told)
            os.eventfd_write(self._told_fd, 1)


def _places(a11y: Accessibility, page_pid: int) -> list[Told]:
    asked_ns = time.monotonic_ns()
    embedded = a11y.embedded(page_pid)
    rects = None if embedded is None else a11y.secret_places()
    return [Places(asked_ns, rects, embedded or {})]


def _answer(a11y: Accessibility, pid: int) -> list[Told]:
    asked_ns = time.monotonic_ns()
    focus = a11y.focused(pid)
    return [Answer(asked_ns, time.monotonic_ns(), focus)]


def _element(
    a11y: Accessibility, t_ns: int, pid: int, x_px: int, y_px: int, within: Within
) -> list[Told]:
    element = a11y.element_at(pid, x_px, y_px, within)
    return [] if element is None else [ContextRecord(t_ns, "element", element)]


def _url(a11y: Accessibility, pid: int) -> list[Told]:
    url = a11y.document_url(pid)
    return [Url(time.monotonic_ns(), pid, url)]
