"""Programme state while recording: a thread that asks for a fresh lease.

Input: the vault's lease route. Output: the newest verified lease and programme, for
the loop that records. Time is CLOCK_BOOTTIME, read before the question is sent, so
that sleep counts and an answer that dawdles is not worth more. An old lease is never
extended: when the server stays away, it runs out.
"""

from __future__ import annotations

import secrets
import threading
import time
from typing import TYPE_CHECKING, Self

from overt.protocol.consent import HeldLease, verify_lease
from overt.protocol.errors import OvertError
from overt.recorder.person.enrol import keep_programme, load_programme

if TYPE_CHECKING:
    from overt.protocol.programme import Programme
    from overt.recorder.person.enrol import Enrolment
    from overt.recorder.person.home import Home
    from overt.recorder.person.vault_client import VaultClient

_LEAST_WAIT_S = 0.2
PULSE_S = 2.0  # a halt is heard of within this time; recording stops within 5 s


def boottime_ns() -> int:
    """Return CLOCK_BOOTTIME: nanoseconds since the start, sleep included."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class LeaseKeeper:
    """The newest programme state, kept fresh while it runs."""

    def __init__(self, home: Home, enrolment: Enrolment, client: VaultClient) -> None:
        """Take the programme that was seen last; no lease is held yet."""
        self._home, self._enrolment, self._client = home, enrolment, client
        self._lock, self._end = threading.Lock(), threading.Event()
        self._programme = load_programme(home, enrolment)
        self._held: HeldLease | None = None
        self._fault = ""
        self._thread: threading.Thread | None = None

    @property
    def programme(self) -> Programme:
        """The newest verified programme."""
        with self._lock:
            return self._programme

    @property
    def fault(self) -> str:
        """Why the last question had no good answer; empty if it had."""
        with self._lock:
            return self._fault

    def current(self) -> HeldLease | None:
        """Return the newest lease; whoever asks checks how long it still holds."""
        with self._lock:
            return self._held

    def refresh(self) -> HeldLease:
        """Ask once, now.

        Raises:
            NetworkError: The server is away; the lease held stays as it is.
            SealError: The answer is not the lease issuer's, or is an old one.
        """
        nonce, asked_ns = secrets.token_hex(16), boottime_ns()
        lease = verify_lease(self._client.lease(nonce), self.programme, nonce=nonce)
        if lease.version != self.programme.version:
            envelope = self._client.programme()
            newer = keep_programme(self._home, self._enrolment, envelope)
            with self._lock:
                self._programme = newer
        held = HeldLease(lease, asked_ns)
        with self._lock:
            self._held, self._fault = held, ""
        return held

    def start(self) -> None:
        """Ask every third of the lease's length from now on, and when it is time."""
        self._end.clear()
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End; a question that is under way is not waited for."""
        self._end.set()
        if self._thread is not None:
            self._thread.join(0.1)
            self._thread = None

    def _run(self) -> None:
        asked, pulse = time.monotonic(), ""
        third = max(self.programme.lease_s / 3, _LEAST_WAIT_S)
        while not self._end.wait(min(third, PULSE_S)):
            third = max(self.programme.lease_s / 3, _LEAST_WAIT_S)
            heard = self._pulse()
            if heard == pulse and time.monotonic() - asked < third:
                continue
            asked = time.monotonic()
            if self._try():
                pulse = heard

    def _pulse(self) -> str:
        """Return what the server's pulse is; nothing where it has none to tell."""
        try:
            return self._client.pulse()
        except OvertError:
            return ""

    def _try(self) -> bool:
        try:
            self.refresh()
        except OvertError as error:
            with self._lock:
                self._fault = str(error)
            return False
        return True

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()
