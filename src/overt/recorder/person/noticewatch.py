"""Notices while recording: a thread that asks the log whether a new key wants to read.

Input: the vault's log, at the start and once an hour. Output: what the person has to
know, for the indicator, its window and `overt status`. A vault that is away changes
nothing that is shown.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

from overt.recorder.person.readers import warnings

if TYPE_CHECKING:
    from overt.protocol.programme import Programme
    from overt.recorder.person.run import Participant

EVERY_S = 3600.0


class NoticeWatch:
    """The notices of one person, kept fresh while it is entered."""

    def __init__(self, who: Participant, programme: Programme) -> None:
        """Take who is told, and the programme that names the log's keys."""
        self._who, self._programme = who, programme
        self._lock, self._end = threading.Lock(), threading.Event()
        self._told: list[str] = []
        self._thread = threading.Thread(target=self._run, name="notices", daemon=True)

    def told(self) -> list[str]:
        """Return what the person has to know; empty if nothing."""
        with self._lock:
            return [*self._told]

    def look(self) -> None:
        """Ask the log once, now; where it is refused, that is told."""
        who = self._who
        told = warnings(who.home, self._programme, who.enrolment.person, who.client)
        if told is None:
            return
        with self._lock:
            self._told = told

    def _run(self) -> None:
        self.look()
        while not self._end.wait(EVERY_S):
            self.look()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._end.set()
        self._thread.join(0.1)
