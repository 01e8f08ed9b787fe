"""`overt record`: everything that has to be there before, while and after recording.

Input: an unlocked identity and a display. Output: segments in the spool. It refuses
before anything is opened, and ends by itself when consent, programme state or the
indicator is gone. It has no hidden mode and no way to be started from elsewhere.
"""

from __future__ import annotations

import contextlib
import fcntl
import signal
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from overt.desktop.x11.probe import missing
from overt.desktop.x11.windows import WindowWatcher
from overt.protocol.errors import CaptureError, ConsentError, OvertError
from overt.protocol.ids import new_id
from overt.protocol.records import ContextRecord, Level, Record
from overt.recorder.capture.context import ContextThread
from overt.recorder.capture.recorder import Recorder
from overt.recorder.capture.segments import SegmentSink, Subject
from overt.recorder.person.consenting import standing
from overt.recorder.person.control import ControlServer, display_name
from overt.recorder.person.forgetting import recover
from overt.recorder.person.indicator import Indicator
from overt.recorder.person.lease import LeaseKeeper
from overt.recorder.person.permission import AllowListInForce, Permission
from overt.recorder.person.review import expire
from overt.recorder.person.steering import Hand, PersonSteering

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator

    from overt.protocol.programme import Programme
    from overt.recorder.person.enrol import Enrolment
    from overt.recorder.person.home import Home
    from overt.recorder.person.identity import Identity
    from overt.recorder.person.vault_client import VaultClient

_ORDER = list(Level)


class AgreedSink(SegmentSink):
    """Writes what the participant agreed to: context only if they said so."""

    def allow_context(self, asked: Callable[[], bool]) -> None:
        """Ask this before context is written."""
        self._may_have_context = asked

    def write(self, records: Iterable[Record]) -> None:
        """Take records in order; those that were not agreed to are left out."""
        if not self._may_have_context():
            records = [one for one in records if not isinstance(one, ContextRecord)]
        super().write(records)


class OnGrounds:
    """Permission, and whether an allowed window is there, as steering asks."""

    def __init__(
        self, permission: Permission, allow: AllowListInForce, display: str
    ) -> None:
        self._permission, self._allow, self._display = permission, allow, display

    def refusal(self) -> str:
        """Why recording is not allowed."""
        return self._permission.refusal()

    def may_show(self) -> bool:
        """Whether a window that may be recorded is on the screen."""
        with contextlib.closing(WindowWatcher(self._display)) as watcher:
            return self._allow.may_show(watcher.stack())


@contextlib.contextmanager
def display_lock(home: Home, display: str) -> Iterator[bool]:
    """Hold a display for one recorder of this home.

    Yields:
        Whether it is the only recorder of this home.

    Raises:
        CaptureError: Another recorder holds the display.
    """
    home.prepare()
    path = home.run / f"{display_name(display)}.lock"
    with path.open("a", encoding="ascii") as file:
        path.chmod(0o600)
        if not _lock(file.fileno()):
            raise CaptureError(
                f"Display {display} is being recorded already.",
                remedy="See: overt status",
            )
        others = [other for other in home.run.glob("*.lock") if other != path]
        yield not any(_is_held(other) for other in others)


def _lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_held(path: os.PathLike[str]) -> bool:
    with open(path, "a", encoding="ascii") as file:  # noqa: PTH123 - any path
        return not _lock(file.fileno())


@dataclass(frozen=True, slots=True)
class Participant:
    """Who records.

    Attributes:
        home: Their home.
        enrolment: What the device has pinned.
        identity: The unlocked keys.
        client: Signed calls to the vault.
    """

    home: Home
    enrolment: Enrolment
    identity: Identity
    client: VaultClient


def record(
    who: Participant,
    display: str,
    *,
    ready: Callable[[str], None] = lambda _session: None,
) -> str:
    """Record a display until its owner, or a lapse of what allows it, ends it.

    Args:
        who: The participant, unlocked.
        display: The X display.
        ready: Told the session's id when everything is up.

    Returns:
        The session id.

    Raises:
        ConsentError: Recording is or became not allowed; the reason says why.
        CaptureError: The display cannot be recorded, or the indicator went.
    """
    keeper = LeaseKeeper(who.home, who.enrolment, who.client)
    permission = Permission(who.home, who.identity.device.public_key(), keeper)
    with display_lock(who.home, display) as alone:
        if alone:
            recover(who.home, who.identity.own)
        _check_allowed(keeper, permission)
        if problems := missing(display):
            raise CaptureError(problems[0], remedy="Run: overt doctor")
        programme = keeper.programme
        expire(
            who.home,
            retention_days=programme.retention_days,
            now_utc_ns=time.time_ns(),
        )
        session = new_id("sess")
        with keeper, ContextThread() as source:
            sink = _sink(who, programme, session, permission)
            allow = AllowListInForce(keeper)
            recorder = Recorder(display, allow, source, sink)
            grounds = OnGrounds(permission, allow, display)
            with _steering(who, session, display, grounds) as steering:
                ready(session)
                recorder.run(steering)
    if not steering.ended_by_person:
        raise steering.fault()
    return session


def _sink(
    who: Participant, programme: Programme, session: str, permission: Permission
) -> AgreedSink:
    """Return where records go, under the consent record in force."""
    consent = standing(who.home, who.identity.device.public_key()).consent
    if consent is None:
        raise ConsentError("You have not consented.")
    levels = [rule.level for rule in programme.allow] or [Level.OFF]
    subject = Subject(
        session=session,
        person=who.enrolment.person,
        device=who.enrolment.device,
        programme=programme.programme,
        consent=consent.record,
        level=max(levels, key=_ORDER.index).value,
    )
    sink = AgreedSink(who.home.spool, who.identity.own.public, subject)
    sink.allow_context(lambda: "context" in permission.data_types)
    return sink


@contextlib.contextmanager
def _steering(
    who: Participant, session: str, display: str, grounds: OnGrounds
) -> Iterator[PersonSteering]:
    """Put up the indicator and the control socket; take both down at the end."""
    with contextlib.ExitStack() as stack:
        control = stack.enter_context(
            contextlib.closing(ControlServer(who.home, display))
        )
        indicator = stack.enter_context(contextlib.closing(Indicator(display)))
        hand = Hand(who.home, session, who.identity.device, grounds, indicator, control)
        steering = PersonSteering(hand)
        stack.enter_context(_signals(steering.end))
        yield steering


@contextlib.contextmanager
def _signals(end: Callable[[], None]) -> Iterator[None]:
    """Let SIGTERM, SIGINT and SIGHUP end the recording in order."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    names = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = {name: signal.signal(name, lambda *_: end()) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


def _check_allowed(keeper: LeaseKeeper, permission: Permission) -> None:
    """Ask for a lease, then whether recording is allowed.

    Raises:
        ConsentError: It is not.
    """
    why = ""
    try:
        keeper.refresh()
    except OvertError as error:
        why = f" {error}"
    if reason := permission.refusal():
        raise ConsentError(reason + why)
