"""The person's hand on the recorder: calls, consent, lease, indicator, task marks.

Stage: asked by the capture loop at every turn (`recorder.Steering`). Input: calls of
the control socket, clicks on the indicator, the permission to record, what was
committed. Output: whether to record, and signed marks. What the indicator says comes
from the last commit, not from what was wanted. It starts nothing that was stopped.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from overt.protocol.errors import (
    CaptureError,
    ConsentError,
    OvertError,
    UsageError,
)
from overt.protocol.ids import new_id
from overt.protocol.records import MarkRecord
from overt.protocol.segment import mark_bytes
from overt.recorder.capture.recorder import Directive
from overt.recorder.capture.session import Facts, Phase, Session, State
from overt.recorder.person.asking import (
    interval_of,
    minutes_of,
    pause_end_ns,
    words_of,
)
from overt.recorder.person.badge import Badge
from overt.recorder.person.forgetting import clear_states, forget, pieces, told
from overt.recorder.person.lease import boottime_ns
from overt.recorder.person.wallclock import WallClock
from overt.recorder.spool import MINUTE_NS

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from overt.protocol.canonical import Json
    from overt.recorder.capture.names import Names
    from overt.recorder.capture.segments import Progress
    from overt.recorder.person.control import ControlServer
    from overt.recorder.person.home import Home

CLICK_PAUSE_S = 300
_FAREWELL_S = 2.0  # how long the indicator says why it stopped before it goes
_ANNOUNCE_NS = 10 * 10**9  # so long before a pause ends the indicator says so
_LEVELS = {"": "starting", "off": "not here"}
_STATUSES = ("done", "failed", "discard")
_UNSETTLED_NS = 5 * 10**9  # what is younger may still be held back


class Sight(Protocol):
    """The indicator, as steering sees it."""

    def show(self, badge: Badge) -> None:
        """Say something."""
        ...

    def clicked(self) -> bool:
        """Whether it was clicked."""
        ...

    def chorded(self) -> bool:
        """Whether the chord that pauses was pressed."""
        ...

    def problem(self) -> str:
        """Why recording must stop."""
        ...


class Grounds(Protocol):
    """What allows recording, and whether there is anything to record."""

    def refusal(self) -> str:
        """Why recording is not allowed."""
        ...

    def absence(self) -> str:
        """Why nobody sits here: the session is locked, or another user's turn."""
        ...

    def excess(self) -> str:
        """Which budget is used up."""
        ...

    def windows(self) -> list[Json]:
        """Return the windows on the screen."""
        ...

    def may_show(self) -> bool:
        """Whether a window that may be recorded is on the screen."""
        ...


@dataclass(frozen=True, slots=True)
class Hand:
    """Who steers what.

    Attributes:
        home: The participant's home.
        session: Id of the recording session.
        device: Signs marks.
        grounds: What allows recording.
        indicator: The indicator.
        control: The control socket.
        names: The values of the task that runs, as they may be recorded.
        told: What the person has to know beside the recording; asked at each look.
    """

    home: Home
    session: str
    device: Ed25519PrivateKey
    grounds: Grounds
    indicator: Sight
    control: ControlServer
    names: Names
    told: Callable[[], list[str]] = list


class PersonSteering:
    """Steers one recorder."""

    def __init__(self, hand: Hand) -> None:
        """Unlock the session: its owner has just opened their key."""
        self._hand, self._session = hand, Session()
        self._marks: list[MarkRecord] = []
        self._task: tuple[str, str] | None = None
        self._forget_since_ns: int | None = None
        self._wall = WallClock()
        self._asked_to_end = False
        self._stopped_s: float | None = None
        self._is_recording = self._in_gap = self._discards = False
        self._level, self._seen_commit_ns = "", 0
        self._has_begun = False
        self._was_refused = False  # by what allows recording, when it stopped
        self._session.unlock(self._facts())

    @property
    def state(self) -> State:
        """What the session is doing, and why."""
        return self._session.state

    @property
    def ended_by_person(self) -> bool:
        """Whether the end was asked for, not forced."""
        return self._asked_to_end

    def fault(self) -> OvertError:
        """Return the error for a recording that ended by itself."""
        reason = self.state.reason or "Recording ended."
        if self._was_refused:
            return ConsentError(reason, remedy="What was recorded is kept.")
        return CaptureError(reason, remedy="What was recorded is kept.")

    def end(self) -> None:
        """Ask for the end, as a signal does."""
        self._asked_to_end = True

    def fileno(self) -> int:
        """A descriptor that is readable when somebody calls."""
        return self._hand.control.fileno()

    def poll(self, progress: Progress, *, is_recording: bool) -> Directive:
        """Serve calls and say what to do."""
        self._is_recording = is_recording
        commit_ns = progress.last_commit_ns
        if commit_ns is not None and commit_ns != self._seen_commit_ns:
            self._seen_commit_ns = commit_ns
            self._session.committed(commit_ns)
        before = self.state
        self._wall.note(boottime_ns(), time.time_ns())
        self._session.tick(boottime_ns(), self._facts())
        self._hand.control.poll(self._handle)
        self._feel()
        if self._asked_to_end:
            self._session.stop("You stopped it.")
        self._note_gap(before)
        self._finish_forgetting()
        self._level = progress.level
        self._hand.indicator.show(self._badge())
        return self._directive()

    def _facts(self) -> Facts:
        """Look at what has to hold, and remember whether permission did."""
        hand = self._hand
        problem = hand.indicator.problem() or hand.grounds.absence()
        facts = Facts(hand.grounds.refusal(), problem)
        if self.state.phase is not Phase.STOPPED or not self._has_begun:
            self._was_refused, self._has_begun = bool(facts.refusal), True
        return facts

    def _directive(self) -> Directive:
        marks, self._marks = tuple(self._marks), []
        records = self.state.records and self._forget_since_ns is None
        discards, self._discards = self._discards, False
        return Directive(records, self._is_over(), marks, discards=discards)

    def _is_over(self) -> bool:
        """Whether the loop is to end; a forced stop is shown for a moment first."""
        if self.state.phase is not Phase.STOPPED:
            return False
        if self._stopped_s is None:
            self._stopped_s = time.monotonic()
        waited_s = time.monotonic() - self._stopped_s
        seen = not self._hand.indicator.problem()
        return self._asked_to_end or not seen or waited_s >= _FAREWELL_S

    def _note_gap(self, before: State) -> None:
        """Put the border of a pause into the stream, while there is one."""
        now_ns = time.monotonic_ns()
        if before.records and not self.state.records and self._is_recording:
            body = {"reason": str(self.state.phase)}
            self._marks.append(MarkRecord(now_ns, "gap", body))
            self._in_gap = True
        elif self._in_gap and self.state.records and self._is_recording:
            self._marks.append(MarkRecord(now_ns, "resume"))
            self._in_gap = False

    def _feel(self) -> None:
        """Obey the chord and the indicator; pause where a budget is used up."""
        if self._hand.indicator.chorded():
            self._discards = self.state.records
            self._session.pause(None, "You pressed the chord.")
        if self._hand.indicator.clicked():
            self._click()
        if self.state.records and (excess := self._hand.grounds.excess()):
            self._session.pause(None, excess)

    def _click(self) -> None:
        if self.state.phase is Phase.PAUSED:
            self._session.resume(self._facts())
        else:
            self._session.pause(boottime_ns() + CLICK_PAUSE_S * 10**9)

    def _badge(self) -> Badge:
        """Return what the indicator shows: the state, and a mark for news."""
        return replace(self._state_badge(), has_news=bool(self._hand.told()))

    def _state_badge(self) -> Badge:
        state = self.state
        if state.phase is Phase.STOPPED:
            return Badge("grey", f"Not recording: {state.reason}")
        if state.phase is Phase.PAUSED:
            return Badge("amber", _pause_text(state))
        if self._forget_since_ns is not None:
            return Badge("grey", "Not recording: forgetting")
        now_ns = time.monotonic_ns()
        if self._session.is_alive(now_ns):
            return Badge("red", f"Recording: {_LEVELS.get(self._level, self._level)}")
        if self._session.is_stale(now_ns):
            return Badge("alarm", "Nothing is written!")
        return Badge("grey", "Not recording: starting")

    def _handle(self, command: str, arguments: Json) -> Json:
        match command:
            case "pause":
                return self._pause(arguments)
            case "resume":
                self._session.resume(self._facts())
            case "task_begin":
                return self._task_begin(arguments)
            case "task_end":
                return self._task_end(arguments)
            case "forget":
                return self._forget(arguments)
            case "windows":
                return {"windows": self._hand.grounds.windows()}
            case "stop":
                self._asked_to_end = True
        return self._status()

    def _status(self) -> Json:
        now_ns, last_ns = time.monotonic_ns(), self._session.last_commit_ns
        state, badge = self.state, self._badge()
        return {
            "phase": state.phase.value,
            "reason": state.reason,
            "records": self._session.is_alive(now_ns),
            "last_commit_s": None if last_ns is None else (now_ns - last_ns) / 1e9,
            "session": self._hand.session,
            "task": self._task[0] if self._task else None,
            "task_text": self._task[1] if self._task else None,
            "forgetting": self._forget_since_ns is not None,
            "level": self._level if self.state.records else "",
            "tone": badge.tone,
            "text": badge.text + (". A notice: overt my" if badge.has_news else ""),
            "notices": self._hand.told(),
        }

    def _pause(self, arguments: Json) -> Json:
        now = datetime.now().astimezone()
        until_ns = pause_end_ns(arguments, boottime_ns(), now)
        if self.state.phase is Phase.STOPPED:
            raise CaptureError(f"Nothing is being recorded: {self.state.reason}")
        self._session.pause(until_ns)
        return self._status()

    def _task_begin(self, arguments: Json) -> Json:
        text, source = words_of(arguments, "text"), words_of(arguments, "source")
        self._check_records()
        if self._task is not None:
            raise UsageError(
                f"Task {self._task[0]} still runs.", remedy="Run: overt task end done"
            )
        task = new_id("task")
        now_ns = time.monotonic_ns()
        goal = self._hand.names.begin(now_ns, text)
        body = {"task": task, "text": goal, "source": source}
        self._sign("task_begin", body, now_ns)
        self._task = (task, text)
        return {"task": task, "session": self._hand.session}

    def _task_end(self, arguments: Json) -> Json:
        status, judge = arguments.get("status"), words_of(arguments, "judge")
        if status not in _STATUSES:
            raise UsageError(f"A task ends {', '.join(_STATUSES)}; not {status!r:.40}.")
        if self._task is None:
            raise UsageError("No task runs.", remedy="Run: overt task begin TEXT")
        self._check_records()
        task, self._task = self._task[0], None
        now_ns = time.monotonic_ns()
        self._hand.names.end(now_ns)
        body = {"task": task, "status": status, "judge": judge}
        self._sign("task_end", body, now_ns)
        return {"task": task, "status": status}

    def _check_records(self) -> None:
        if self.state.phase is Phase.PAUSED:
            raise ConsentError(
                "Nothing is being recorded: paused.", remedy="Run: overt resume"
            )
        if not self.state.records:
            raise ConsentError(f"Nothing is being recorded: {self.state.reason}")
        if not self._is_recording or not self._session.is_alive(time.monotonic_ns()):
            raise CaptureError(
                "Nothing is being recorded yet.", remedy="Try again in a second."
            )
        if not self._hand.grounds.may_show():
            raise ConsentError(
                "Nothing is being recorded: no window on the screen may be.",
                remedy="Open one that the programme allows: overt consent show",
            )

    def _sign(self, kind: str, body: Json, t_ns: int) -> None:
        signed = mark_bytes(self._hand.session, t_ns, kind, body)
        self._marks.append(MarkRecord(t_ns, kind, body, self._hand.device.sign(signed)))

    def _forget(self, arguments: Json) -> Json:
        """Say what goes; unless that was all that was asked, destroy it."""
        home = self._hand.home
        since_ns, until_ns = self._interval(arguments)
        if until_ns is not None and self._is_being_written(until_ns):
            until_ns = None
        found = [told(one) for one in pieces(home, since_ns, until_ns)]
        if arguments.get("preview"):
            since = str(since_ns)
            return {"pieces": found, "forgotten": 0, "segments": [], "since": since}
        gone = forget(home, since_ns, until_ns)
        if until_ns is None:
            self._forget_since_ns, self._task = since_ns, None
        return {"pieces": found, "forgotten": len(gone), "segments": gone}

    def _interval(self, arguments: Json) -> tuple[int, int | None]:
        minutes = minutes_of(arguments)
        if minutes is None:
            return interval_of(arguments)
        return self._wall.since_utc_ns(boottime_ns(), int(minutes * 60e9)), None

    def _is_being_written(self, until_ns: int) -> bool:
        """Whether an interval may reach into what has not been written to its end."""
        return until_ns > (time.time_ns() - _UNSETTLED_NS) // MINUTE_NS * MINUTE_NS

    def _finish_forgetting(self) -> None:
        """Once the segment that was being written is closed, clear it away."""
        if self._forget_since_ns is not None and not self._is_recording:
            forget(self._hand.home, self._forget_since_ns)
            clear_states(self._hand.home)
            self._forget_since_ns = None


def _pause_text(state: State) -> str:
    if state.until_ns is None:
        own = state.reason in {"You paused it.", "You pressed the chord."}
        return "Paused until resumed" if own else f"Paused: {state.reason}"
    left_ns = max(state.until_ns - boottime_ns(), 0)
    if left_ns <= _ANNOUNCE_NS:
        return f"Records again in {-(-left_ns // 10**9)} s"
    end = datetime.fromtimestamp(time.time() + left_ns / 1e9 + 30, UTC).astimezone()
    return f"Paused until {end:%H:%M}"
