"""Whether recording goes on, and why not: a state machine without a clock.

Stage: core of the recorder. Input: facts (consent decision, indicator, key, commands)
and the time, passed in. Output: `State`, in one word and a sentence. It records only
while every fact says so, starts only when its owner unlocked the key after whatever
stopped it, and calls recording *alive* only while commits prove it. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

STALE_NS = 5_000_000_000  # without a commit for so long, nothing is said to be recorded


class Phase(StrEnum):
    """What a session is doing."""

    STOPPED = "stopped"
    RECORDING = "recording"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class Facts:
    """What has to hold for recording to go on.

    Attributes:
        refusal: Why consent, DPIA, lease or halt forbid it; empty where they allow.
        indicator_problem: Why the indicator is not seen; empty where it is.
    """

    refusal: str = ""
    indicator_problem: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """What a session is doing and why.

    Attributes:
        phase: In one word.
        reason: Why it does not record; empty while it does.
        until_ns: Until when it is paused, CLOCK_BOOTTIME; None: until resumed.
    """

    phase: Phase
    reason: str = ""
    until_ns: int | None = None

    @property
    def records(self) -> bool:
        """Whether input and screen may be captured."""
        return self.phase is Phase.RECORDING


class Session:
    """One recorder's state. Begins stopped; `unlock` starts it."""

    def __init__(self) -> None:
        self._state = State(Phase.STOPPED, "The key has not been unlocked.")
        self._last_commit_ns: int | None = None

    @property
    def state(self) -> State:
        """What the session is doing."""
        return self._state

    def unlock(self, facts: Facts) -> State:
        """Its owner unlocked the key here and now: record if the facts allow."""
        problem = facts.refusal or facts.indicator_problem
        self._state = (
            State(Phase.STOPPED, problem) if problem else State(Phase.RECORDING)
        )
        self._last_commit_ns = None
        return self._state

    def tick(self, now_ns: int, facts: Facts) -> State:
        """Take the facts of this moment.

        Args:
            now_ns: CLOCK_BOOTTIME, which counts in sleep.
            facts: What holds now.
        """
        if self._state.phase is Phase.STOPPED:
            return self._state
        if problem := facts.refusal or facts.indicator_problem:
            self._state = State(Phase.STOPPED, problem)
        elif self._pause_is_over(now_ns):
            self._begin_anew()
        return self._state

    def pause(self, until_ns: int | None, reason: str = "You paused it.") -> State:
        """Pause until an instant of CLOCK_BOOTTIME, or until resumed."""
        if self._state.phase is not Phase.STOPPED:
            self._state = State(Phase.PAUSED, reason, until_ns)
        return self._state

    def resume(self, facts: Facts) -> State:
        """End a pause, if the facts allow; a stopped session stays stopped."""
        if self._state.phase is Phase.PAUSED:
            if problem := facts.refusal or facts.indicator_problem:
                self._state = State(Phase.STOPPED, problem)
            else:
                self._begin_anew()
        return self._state

    def _begin_anew(self) -> None:
        """Record after a pause: no write from before it proves anything now."""
        self._state, self._last_commit_ns = State(Phase.RECORDING), None

    def stop(self, reason: str) -> State:
        """Stop; only `unlock` starts again."""
        self._state = State(Phase.STOPPED, reason)
        return self._state

    def committed(self, now_ns: int) -> None:
        """A write of the recording became durable at this instant (monotonic)."""
        self._last_commit_ns = now_ns

    @property
    def last_commit_ns(self) -> int | None:
        """When the last write became durable; None where none did since `unlock`."""
        return self._last_commit_ns

    def is_alive(self, now_ns: int) -> bool:
        """Whether it may be said that recording goes on: the last commit proves it."""
        return (
            self._state.records
            and self._last_commit_ns is not None
            and 0 <= now_ns - self._last_commit_ns < STALE_NS
        )

    def is_stale(self, now_ns: int) -> bool:
        """Whether it should be writing, did, and has not for `STALE_NS`."""
        last_ns = self._last_commit_ns
        return (
            self._state.records and last_ns is not None and now_ns - last_ns >= STALE_NS
        )

    def _pause_is_over(self, now_ns: int) -> bool:
        until_ns = self._state.until_ns
        return (
            self._state.phase is Phase.PAUSED
            and until_ns is not None
            and now_ns >= until_ns
        )
