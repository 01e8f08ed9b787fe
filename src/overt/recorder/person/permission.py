"""Whether this device may record now, asked again all the time.

Input: the home's papers, the newest lease and programme. Output: the reason why not,
or nothing; and the allow-list in force. `protocol.consent.decide` decides; what cannot
be read or verified refuses.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from overt.protocol.consent import Refused, decide_lease, decide_standing
from overt.protocol.errors import OvertError
from overt.protocol.records import Level
from overt.recorder.person.consenting import standing
from overt.recorder.person.lease import LeaseKeeper, boottime_ns

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from overt.desktop.types import Stack, Window
    from overt.protocol.consent import Allowed, ConsentRecord
    from overt.protocol.programme import Programme
    from overt.recorder.person.consenting import Standing
    from overt.recorder.person.home import Home
    from overt.recorder.person.wishes import WishesInForce

_ASK_S = 0.5
OWN_TITLE = "· my overt"  # in the title of every page of one's own


class Permission:
    """The decision to record under one consent record, no older than half a second.

    Attributes:
        data_types: What the participant agreed to; empty before recording is allowed.
        consent: Id of the consent record under which that is so.
    """

    def __init__(
        self, home: Home, device: Ed25519PublicKey, keeper: LeaseKeeper
    ) -> None:
        self._home, self._device, self._keeper = home, device, keeper
        self._asked_s, self._refusal = 0.0, "Not asked yet."
        self._papers: tuple[object, ...] = ()
        self._read: Standing | None = None
        self._judged: tuple[Programme, Standing, ConsentRecord | Refused] | None = None
        self.data_types: tuple[str, ...] = ()
        self.consent = ""

    def refusal(self) -> str:
        """Return why recording is not allowed; empty if it is."""
        now_s = time.monotonic()
        if not self._asked_s or now_s - self._asked_s >= _ASK_S:
            self._asked_s, self._refusal = now_s, self._ask()
        return self._refusal

    def _ask(self) -> str:
        try:
            now = self._standing()
        except OvertError as error:
            return str(error)
        programme = self._keeper.programme
        consent = self._judgement(programme, now)
        if isinstance(consent, Refused):
            return consent.reason
        held = self._keeper.current()
        decision = decide_lease(programme, consent, held, boottime_ns())
        if isinstance(decision, Refused):
            fault = self._keeper.fault if decision.code == "no-lease" else ""
            return f"{decision.reason} {fault}".rstrip()
        return self._hold(consent, decision)

    def _judgement(
        self, programme: Programme, now: Standing
    ) -> ConsentRecord | Refused:
        """What the papers say; judged anew whenever one of them is another."""
        judged = self._judged
        if judged is None or judged[0] is not programme or judged[1] is not now:
            said = decide_standing(programme, now.consent, withdrawn=now.withdrawn)
            self._judged = judged = programme, now, said
        return judged[2]

    def _standing(self) -> Standing:
        """What the participant has decided; read anew whenever a paper changed."""
        papers = (_stamp(self._home.consent), _stamp(self._home.withdrawal))
        if self._read is None or papers != self._papers:
            self._read, self._papers = None, papers
            self._read = standing(self._home, self._device)
        return self._read

    def _hold(self, consent: ConsentRecord, decision: Allowed) -> str:
        """Take the first consent record; a later one is for another recording."""
        if not self.consent:
            self.consent, self.data_types = consent.record, decision.data_types
        if consent.record != self.consent:
            return "You have consented anew. Start recording again: overt record."
        return ""


def _stamp(path: Path) -> tuple[int, ...]:
    """What tells one state of a file from another; papers are renamed into place."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size


class AllowListInForce:
    """The newest programme's allow-list and the participant's wishes, as one.

    Windows and pages of overt itself are off, whatever either says.
    """

    def __init__(self, keeper: LeaseKeeper, wishes: WishesInForce) -> None:
        self._keeper, self._wishes = keeper, wishes

    def level_for(self, app: str, url: str | None, title: str) -> Level:
        """Level of a window by class, page URL and title."""
        wishes = self._wishes.current()
        if wishes is None or is_own(app, title):
            return Level.OFF
        level = self._keeper.programme.level_for(app, url, title)
        return wishes.strictest(level, app, url, title)

    def needs_url(self, app: str) -> bool:
        """Whether what page a window shows decides about it."""
        wishes = self._wishes.current()
        wanted = wishes is not None and wishes.needs_url(app)
        return wanted or self._keeper.programme.needs_url(app)

    def may_show(self, stack: Stack) -> bool:
        """Whether a window is on the screen that some rule could allow."""
        return any(self._may_be_allowed(window) for window in stack.windows)

    def _may_be_allowed(self, window: Window) -> bool:
        programme = self._keeper.programme
        return any(
            self.level_for(window.app_class, rule.url or None, window.title)
            is not Level.OFF
            for rule in programme.allow
        )


def is_own(app: str, title: str) -> bool:
    """Whether a window is overt's own: indicator, control window, or a page."""
    return app.lower().startswith("overt") or OWN_TITLE in title
