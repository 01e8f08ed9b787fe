"""What leaves by itself: approved, held back, within budget, at a drawn moment."""

import os
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from overt.protocol.ids import new_id
from overt.protocol.segment import SegmentHeader
from overt.recorder.person import posting, review
from overt.recorder.person.home import Home
from overt.recorder.person.posting import DAY_S, DailySender, plan_for, ripe
from overt.recorder.person.sending import Sender
from overt.recorder.person.wishes import Budgets, Wishes, write_wishes
from overt.recorder.spool import SpoolEntry, SpoolState

pytestmark = pytest.mark.loopback
NOW_S = 20_000 * DAY_S + 3600


def entry(hours_old: float, state: SpoolState, size: int = 10**6) -> SpoolEntry:
    at_ns = int((NOW_S - hours_old * 3600) * 1e9)
    return SpoolEntry(f"seg_{hours_old}", "sess_a", 0, at_ns, at_ns, size, state)


def test_only_what_was_approved_and_waited_is_ripe_within_the_budget() -> None:
    entries = [
        entry(30, SpoolState.APPROVED),
        entry(29, SpoolState.WAITING),
        entry(28, SpoolState.APPROVED),
        entry(27, SpoolState.APPROVED),
        entry(23, SpoolState.APPROVED),
    ]

    def names(wishes: Wishes, sent_bytes: int = 0) -> list[str]:
        return [one.segment for one in ripe(entries, wishes, NOW_S, sent_bytes)]

    assert names(Wishes()) == ["seg_30", "seg_28", "seg_27"]
    assert names(Wishes(hold_back_h=0))[-1] == "seg_23"
    just_approved = replace(entries[0], since_utc_ns=(NOW_S - 3600) * 10**9)
    assert ripe([just_approved], Wishes(), NOW_S, 0) == []
    assert ripe([just_approved], Wishes(hold_back_h=1), NOW_S, 0) == [just_approved]
    small = Wishes(budgets=Budgets(upload_mb_day=2))
    assert names(small) == ["seg_30", "seg_28"]
    assert names(small, sent_bytes=1_500_000) == []
    assert len(names(Wishes(budgets=Budgets(upload_mb_day=0)))) == 3


def test_the_moment_is_drawn_once_a_day(tmp_path: Any) -> None:
    home = Home(tmp_path / "home")
    home.prepare()
    plan = plan_for(home, NOW_S)
    assert NOW_S <= plan.at_s < 20_001 * DAY_S
    assert plan_for(home, NOW_S + 60) == plan
    later = plan_for(home, NOW_S + DAY_S)
    assert later.day == plan.day + 1
    moments = set()
    for number in range(20):
        other = Home(tmp_path / str(number))
        other.prepare()
        moments.add(plan_for(other, NOW_S).at_s)
    assert len(moments) > 15


def test_it_sends_by_itself_only_when_asked_to(
    consenting: SimpleNamespace, vault: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = consenting
    header = SegmentHeader(
        new_id("seg"), new_id("sess"), 0, who.enrolment.person, who.enrolment.device,
        who.programme.programme, who.consent.record, "clear", 100, 50,
        (NOW_S - 48 * 3600) * 10**9, 0,
    )  # fmt: skip
    who.home.spool.begin(header, who.identity.own.public).close()
    who.home.spool.set_state(header.segment, SpoolState.WAITING)
    state = who.home.spool.folder / f"{header.segment}.state.json"
    daily = DailySender(
        Sender(who.home, who.identity, who.enrolment, who.programme, who.client)
    )
    metered = False
    monkeypatch.setattr(posting, "is_metered", lambda: metered)
    evening_s = NOW_S + 22 * 3600 + 3599
    assert daily.look(evening_s) == []  # not asked to
    write_wishes(who.home, Wishes(sends_daily=True))
    assert daily.look(evening_s) == []  # not approved
    review.approve(who.home.spool, [header.segment])
    os.utime(state, (NOW_S - 24 * 3600, NOW_S - 24 * 3600))  # approved a day ago
    metered = True
    assert daily.look(evening_s) == []
    metered = False
    moment_s = plan_for(who.home, evening_s).at_s
    assert daily.look(moment_s - 1) == []
    os.utime(state, (moment_s - 86_399,) * 2)  # has waited only after the moment
    assert daily.look(moment_s + 3600) == []
    os.utime(state, (moment_s - 86_400,) * 2)
    assert vault.segments == {}
    assert daily.look(moment_s) == [header.segment]
    assert len(vault.segments[header.segment]) > 65_536
    assert daily.look(moment_s) == []
