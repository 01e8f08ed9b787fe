"""`overt record`: everything that has to be there before, while and after recording.

Input: an unlocked identity and a display. Output: segments in the spool. It refuses
before anything is opened, and ends by itself when consent, programme state or the
indicator is gone. It has no hidden mode and no way to be started from elsewhere.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from overt.desktop.x11.probe import missing
from overt.desktop.x11.windows import WindowWatcher
from overt.protocol.errors import CaptureError, ConsentError, OvertError
from overt.protocol.ids import new_id
from overt.protocol.records import Level
from overt.recorder.capture.context import ContextThread
from overt.recorder.capture.idlereader import IdleReader
from overt.recorder.capture.names import Names
from overt.recorder.capture.recorder import Recorder
from overt.recorder.capture.recording import black
from overt.recorder.capture.screenlog import AreaMask
from overt.recorder.capture.segments import SegmentSink, Subject
from overt.recorder.person.control import ControlServer
from overt.recorder.person.hardening import give_back, harden, keep_little
from overt.recorder.person.indicator import Indicator
from overt.recorder.person.lease import LeaseKeeper
from overt.recorder.person.locks import (
    display_lock,
    recording_lock,
    recover_if_idle,
)
from overt.recorder.person.meter import Meter
from overt.recorder.person.noticewatch import NoticeWatch
from overt.recorder.person.permission import AllowListInForce, Permission, is_own
from overt.recorder.person.posting import DailySender
from overt.recorder.person.presence import Presence
from overt.recorder.person.review import expire
from overt.recorder.person.sending import Sender
from overt.recorder.person.steering import Hand, PersonSteering
from overt.recorder.person.wishes import WishesInForce, read_wishes
from overt.redact.naming import remembered, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from overt.protocol.canonical import Json
    from overt.protocol.programme import Programme
    from overt.protocol.records import Pixels
    from overt.recorder.person.enrol import Enrolment
    from overt.recorder.person.home import Home
    from overt.recorder.person.identity import Identity
    from overt.recorder.person.vault_client import VaultClient
    from overt.redact.naming import Span

_ORDER = list(Level)


class OnGrounds:
    """Permission, presence, budgets, and whether an allowed window is there."""

    def __init__(
        self,
        permission: Permission,
        allow: AllowListInForce,
        presence: Presence,
        meter: Meter,
        display: str,
    ) -> None:
        self._permission, self._allow, self._display = permission, allow, display
        self._presence, self._meter = presence, meter

    def refusal(self) -> str:
        """Why recording is not allowed."""
        return self._permission.refusal()

    def absence(self) -> str:
        """Why nobody sits here."""
        return self._presence.absence()

    def excess(self) -> str:
        """Which budget is used up."""
        return self._meter.excess()

    def windows(self) -> list[Json]:
        """Return the windows on the screen, topmost first."""
        with contextlib.closing(WindowWatcher(self._display)) as watcher:
            stack = watcher.stack()
        return [
            {"app": one.app_class, "title": one.title}
            for one in reversed(stack.windows)
            if one.managed and not is_own(one.app_class, one.title)
        ]

    def may_show(self) -> bool:
        """Whether a window that may be recorded is on the screen."""
        with contextlib.closing(WindowWatcher(self._display)) as watcher:
            return self._allow.may_show(watcher.stack())


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
    if not display:
        raise CaptureError(missing(None)[0], remedy="Run: overt doctor")
    harden()
    keep_little()
    keeper = LeaseKeeper(who.home, who.enrolment, who.client)
    permission = Permission(who.home, who.identity.device.public_key(), keeper)
    with display_lock(who.home, display):
        recover_if_idle(who.home, who.identity.own)
        _check_allowed(keeper, permission)
        if problems := missing(display):
            raise CaptureError(problems[0], remedy="Run: overt doctor")
        indicator = Indicator(display)  # comes up meanwhile
        names = naming(keeper, who.home)  # makes its rules before there are pictures
        with contextlib.closing(indicator), recording_lock(who.home):
            mask = masking(keeper.programme)
            expire_now(who.home, keeper.programme)
            session = new_id("sess")
            sink = _sink(who, keeper.programme, session, permission)
            wishes = WishesInForce(who.home)
            sender = Sender(
                who.home, who.identity, who.enrolment, keeper.programme, who.client
            )
            with (
                keeper,
                ContextThread() as source,
                Presence() as presence,
                DailySender(sender),
                NoticeWatch(who, keeper.programme) as news,
            ):
                allow = AllowListInForce(keeper, wishes)
                recorder = Recorder(display, allow, source, sink, mask, names)
                meter = Meter(who.home, wishes)
                grounds = OnGrounds(permission, allow, presence, meter, display)
                seen = display, indicator, names, news
                with _steering(who, session, grounds, seen) as steering:
                    ready(session)
                    recorder.run(steering)
    if not steering.ended_by_person:
        raise steering.fault()
    return session


def expire_now(home: Home, programme: Programme) -> list[str]:
    """Destroy what has outlived its time; call it when the clock was found right."""
    return expire(
        home,
        retention_days=programme.retention_days,
        waiting_days=read_wishes(home).expire_days,
        now_utc_ns=time.time_ns(),
    )


def expire_if_sure(who: Participant) -> list[str]:
    """Destroy what has outlived its time, if the server finds the clock right."""
    keeper = LeaseKeeper(who.home, who.enrolment, who.client)
    try:
        keeper.refresh()
    except OvertError:
        return []
    return expire_now(who.home, keeper.programme)


def masking(programme: Programme) -> Callable[[Pixels], Pixels]:
    """Return what masks text at levels below `clear`, here and now.

    Raises:
        CaptureError: The programme masks apps and the library for it is missing.
    """
    try:
        from overt.redact.pixels import Lexicon, Masker, WordMasker, has_ocr, mask
    except ImportError as error:
        levels = {rule.level for rule in programme.allow}
        if levels & {Level.MASKED, Level.WORDS}:
            raise CaptureError(
                "The programme masks text on the screen, and OpenCV, which finds it,"
                " is not installed.",
                remedy="Install it: pip install 'overt[mask]'",
            ) from error
        return black
    if not has_ocr():
        return AreaMask(mask, Masker)
    lexicon = Lexicon(programme.notice.language)
    return AreaMask(mask, Masker, IdleReader(lexicon, partial(WordMasker, lexicon)))


def naming(keeper: LeaseKeeper, home: Home) -> Names:
    """Return what names the values of a task, where text is masked.

    Without the library that tells common words nothing of a text is revealed.
    """
    language = keeper.programme.notice.language

    def masks(text: str) -> Sequence[Span]:
        try:
            from overt.redact.text import spans
        except ImportError:
            return whole(text)
        return spans(text, "words", language)

    def masks_goals() -> bool:
        levels = {rule.level for rule in keeper.programme.allow}
        levels |= {wish.level for wish in read_wishes(home).never}
        return bool(levels & {Level.MASKED, Level.WORDS})

    def warm() -> None:
        masks("name@example.org 1")  # any text that the rules look at
        give_back()  # most of what making the rules took

    if masks_goals():
        threading.Thread(target=warm, name="rules", daemon=True).start()
    return Names(remembered(masks), masks_goals)


def _sink(
    who: Participant, programme: Programme, session: str, permission: Permission
) -> SegmentSink:
    """Return where records go, under the consent record in force."""
    levels = [rule.level for rule in programme.allow] or [Level.OFF]
    subject = Subject(
        session=session,
        person=who.enrolment.person,
        device=who.enrolment.device,
        programme=programme.programme,
        consent=permission.consent,
        level=max(levels, key=_ORDER.index).value,
        data_types=permission.data_types,
    )
    return SegmentSink(who.home.spool, who.identity.own.public, subject)


@contextlib.contextmanager
def _steering(
    who: Participant,
    session: str,
    grounds: OnGrounds,
    seen: tuple[str, Indicator, Names, NoticeWatch],
) -> Iterator[PersonSteering]:
    """Put up the control socket and wait for the indicator."""
    display, indicator, names, news = seen
    with contextlib.ExitStack() as stack:
        control = stack.enter_context(
            contextlib.closing(ControlServer(who.home, display))
        )
        indicator.wait_until_up()
        device = who.identity.device
        parts = grounds, indicator, control, names, news.told
        hand = Hand(who.home, session, device, *parts)
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
