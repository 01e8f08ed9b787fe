"""What was approved leaves by itself, once a day, at a time that tells nothing.

Input: approved segments, the participant's wishes, the time. Output: segments at the
vault, if their owner asked for it with `overt limits --daily`. Each has waited for the
hold-back period since it was approved; the moment is drawn anew each day, and what is
ready later waits for the next; the day's volume stays within its budget; over a
connection that costs by volume nothing leaves. A failure waits for the next day. It
approves nothing.
"""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from jeepney import DBusAddress, Properties

from overt.protocol.errors import DataError, OvertError
from overt.recorder.person.home import read_paper, write_paper
from overt.recorder.person.presence import Bus
from overt.recorder.person.wishes import read_wishes
from overt.recorder.spool import SpoolEntry, SpoolState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from overt.recorder.person.home import Home
    from overt.recorder.person.sending import Sender
    from overt.recorder.person.wishes import Wishes

DAY_S = 86_400
_LOOK_S = 30.0
_NETWORK = DBusAddress(
    "/org/freedesktop/NetworkManager",
    "org.freedesktop.NetworkManager",
    "org.freedesktop.NetworkManager",
)
_METERED = (1, 3)  # NMMetered: yes, guessed yes


@dataclass(frozen=True, slots=True)
class Plan:
    """When approved segments leave next.

    Attributes:
        day: Days since 1970 of which `at_s` is.
        at_s: The moment of that day, Unix seconds.
        sent_bytes: How much has left on that day.
    """

    day: int
    at_s: int
    sent_bytes: int = 0


def plan_for(home: Home, now_s: int) -> Plan:
    """Return today's plan; draw one where there is none, for what is left of today."""
    day = now_s // DAY_S
    try:
        body = read_paper(home.root / "posting.json") or {}
        held = Plan(int(body["day"]), int(body["at_s"]), int(body["sent_bytes"]))
    except (KeyError, TypeError, ValueError, DataError):
        held = Plan(-1, 0)
    if held.day == day:
        return held
    left_s = (day + 1) * DAY_S - now_s
    fresh = Plan(day, now_s + secrets.randbelow(left_s))
    keep(home, fresh)
    return fresh


def keep(home: Home, plan: Plan) -> None:
    """Write a plan down, so that a restart draws no second time."""
    facts = {"day": plan.day, "at_s": plan.at_s, "sent_bytes": plan.sent_bytes}
    write_paper(home.root / "posting.json", facts)


def ripe(
    entries: Sequence[SpoolEntry], wishes: Wishes, at_s: int, sent_bytes: int
) -> list[SpoolEntry]:
    """Return what may leave, oldest first, within the day's budget.

    Args:
        entries: What is in the spool.
        wishes: How long it waits after its end and its approval, and how much may go.
        at_s: The day's moment, Unix seconds: what has waited long enough only later
            leaves tomorrow, so that no time of sending tells one of recording.
        sent_bytes: How much has left today.
    """
    waited_ns = (at_s - wishes.hold_back_h * 3600) * 10**9
    room = wishes.budgets.upload_mb_day * 10**6 - sent_bytes
    chosen = []
    for entry in entries:
        begun_ns = max(entry.until_utc_ns, entry.since_utc_ns)
        if entry.state is not SpoolState.APPROVED or begun_ns > waited_ns:
            continue
        room -= entry.size_bytes
        if wishes.budgets.upload_mb_day and room < 0:
            break
        chosen.append(entry)
    return chosen


def is_metered() -> bool:
    """Whether the network costs by volume; where nobody tells, it does not."""
    bus = Bus("SYSTEM")
    try:
        told = bus.call(Properties(_NETWORK).get("Metered"))
    finally:
        bus.close()
    return told is not None and told[1] in _METERED


class DailySender:
    """Looks twice a minute whether the moment has come, while it is entered."""

    def __init__(self, sender: Sender) -> None:
        self._sender, self._end = sender, threading.Event()
        self._thread = threading.Thread(target=self._run, name="posting", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._end.set()
        self._thread.join(0.1)

    def _run(self) -> None:
        while not self._end.wait(_LOOK_S):
            try:
                self.look(int(time.time()))
            except OvertError:
                continue  # what was not sent waits

    def look(self, now_s: int) -> list[str]:
        """Send what is ripe, if the moment has come; return the ids.

        Raises:
            OvertError: Wishes cannot be read, or the server is away or refuses.
        """
        home = self._sender.home
        wishes = read_wishes(home)
        if not wishes.sends_daily:
            return []
        plan = plan_for(home, now_s)
        if now_s < plan.at_s or (is_metered() and not wishes.budgets.on_metered):
            return []
        chosen = ripe(home.spool.entries(), wishes, plan.at_s, plan.sent_bytes)
        sent = []
        for one in self._sender.send([entry.segment for entry in chosen]):
            sent.append(one.segment)
            size = next(e.size_bytes for e in chosen if e.segment == one.segment)
            plan = Plan(plan.day, plan.at_s, plan.sent_bytes + size)
            keep(home, plan)
        return sent
