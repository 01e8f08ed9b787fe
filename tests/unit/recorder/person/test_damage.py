"""Torn files, refused segments, clocks that jump: no trouble hides or loses more."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from overt.protocol.errors import DataError, GovernError, NetworkError, SealError
from overt.protocol.ids import new_id
from overt.protocol.records import ContextRecord
from overt.protocol.segment import SegmentHeader, encode_record
from overt.recorder.person import review
from overt.recorder.person.locks import recording_lock, recover_if_idle
from overt.recorder.person.sending import Sender
from overt.recorder.person.wallclock import WallClock
from overt.recorder.spool import SpoolState

pytestmark = pytest.mark.loopback
S = 10**9


def _segment(person: SimpleNamespace, sequence: int, *, ends: bool = True) -> str:
    consent = person.consent.record
    header = SegmentHeader(
        new_id("seg"), "sess_" + "a" * 26, sequence, person.enrolment.person,
        person.enrolment.device, person.programme.programme, consent, "clear",
        100, 50, 1_700_000_000_000_000_000 + sequence, 0,
    )  # fmt: skip
    spool = person.home.spool
    writer = spool.begin(header, person.identity.own.public)
    writer.append(encode_record(ContextRecord(1, "window", {"class": "Allowed"})))
    if ends:
        writer.close()
        spool.set_state(header.segment, SpoolState.WAITING)
    else:
        writer.commit()
        writer.abandon()
    return header.segment


def _file(person: SimpleNamespace, segment: str) -> Path:
    path: Path = person.home.spool.folder / f"{segment}.ovsp"
    return path


def _cut(path: Path, size: int) -> None:
    with path.open("r+b") as file:
        file.truncate(size)


def _sender(person: SimpleNamespace) -> Sender:
    return Sender(
        person.home,
        person.identity,
        person.enrolment,
        person.programme,
        person.client,
    )


@pytest.mark.parametrize("size", [0, 5, 11, 60])
def test_a_torn_head_hides_no_other_segment(
    consenting: SimpleNamespace, size: int
) -> None:
    whole, torn = _segment(consenting, 0), _segment(consenting, 1)
    _cut(_file(consenting, torn), size)
    spool = consenting.home.spool
    assert [one.segment for one in spool.entries()] == [whole]
    assert list(spool.damaged()) == [torn]
    assert torn in spool.damaged()[torn]
    seen = review.overview(spool, consenting.identity.own)
    assert [one.segment for one in seen.segments] == [whole]
    assert [one.segment for one in seen.unreadable] == [torn]


def test_a_damaged_segment_can_be_discarded_and_not_approved(
    consenting: SimpleNamespace,
) -> None:
    whole, torn = _segment(consenting, 0), _segment(consenting, 1)
    _cut(_file(consenting, torn), 40)
    seen = review.overview(consenting.home.spool, consenting.identity.own)
    with pytest.raises(DataError, match="no segment"):
        review.segments_of(seen, [torn])
    names = review.segments_of(seen, [torn], damaged=True)
    assert review.discard(consenting.home, names) == [torn]
    left = {path.name for path in consenting.home.spool.folder.iterdir()}
    assert left == {f"{whole}.ovsp", f"{whole}.state.json"}


@pytest.mark.parametrize("size", [0, 11, 60, 700])
def test_recovery_removes_what_holds_nothing_and_keeps_the_rest(
    consenting: SimpleNamespace, size: int
) -> None:
    home, own = consenting.home, consenting.identity.own
    torn, kept = _segment(consenting, 0, ends=False), _segment(consenting, 1)
    alive = _segment(consenting, 2, ends=False)
    _cut(_file(consenting, torn), size)
    (home.spool.folder / "seg_x.state.json.part").write_bytes(b"half")
    with recording_lock(home):
        assert recover_if_idle(home, own) == []
        assert _file(consenting, torn).exists()
    assert recover_if_idle(home, own) == [alive]
    states = {one.segment: one.state for one in home.spool.entries()}
    assert states == {kept: SpoolState.WAITING, alive: SpoolState.WAITING}
    assert len(list(home.spool.folder.iterdir())) == 4


def test_what_does_not_open_any_more_waits_for_its_owners_word(
    consenting: SimpleNamespace,
) -> None:
    altered = _segment(consenting, 0, ends=False)
    path = _file(consenting, altered)
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(bytes(data[:400]) + os.urandom(40) + bytes(data[440:]))
    home, own = consenting.home, consenting.identity.own
    assert recover_if_idle(home, own) == [altered]
    seen = review.overview(home.spool, own)
    assert not seen.segments
    assert [one.segment for one in seen.unreadable] == [altered]


def test_a_malformed_state_destroys_nothing(consenting: SimpleNamespace) -> None:
    segment = _segment(consenting, 0)
    state = consenting.home.spool.folder / f"{segment}.state.json"
    state.write_bytes(b"{")
    assert recover_if_idle(consenting.home, consenting.identity.own) == []
    assert segment in consenting.home.spool.damaged()
    assert consenting.home.spool.read(segment, consenting.identity.own)


def test_a_refused_segment_does_not_hold_up_the_others(
    consenting: SimpleNamespace, vault: Any
) -> None:
    segments = [_segment(consenting, number) for number in range(3)]
    review.approve(consenting.home.spool, segments)
    route = ("PUT", f"/v1/segments/{segments[1]}")
    refusal = {"error": "No consent covers it.", "remedy": "", "code": "GovernError"}
    vault.overrides[route] = (403, refusal)
    sent = []
    with pytest.raises(GovernError, match="No consent covers it"):
        sent.extend(one.segment for one in _sender(consenting).send())
    states = [one.state for one in consenting.home.spool.entries()]
    assert states == [SpoolState.SENT, SpoolState.APPROVED, SpoolState.SENT]
    del vault.overrides[route]
    assert [one.segment for one in _sender(consenting).send()] == [segments[1]]


def test_a_damaged_segment_does_not_hold_up_the_others(
    consenting: SimpleNamespace, vault: Any
) -> None:
    first, second = _segment(consenting, 0), _segment(consenting, 1)
    review.approve(consenting.home.spool, [first, second])
    data = bytearray(_file(consenting, first).read_bytes())
    data[500] ^= 1
    _file(consenting, first).write_bytes(bytes(data))
    with pytest.raises(SealError):
        list(_sender(consenting).send())
    assert list(vault.segments) == [second]
    assert not list(consenting.home.outbox.iterdir())


def test_a_server_that_goes_away_is_not_asked_for_the_rest(
    consenting: SimpleNamespace, vault: Any
) -> None:
    segments = [_segment(consenting, number) for number in range(3)]
    review.approve(consenting.home.spool, segments)
    vault.puts_until_away = 1
    with pytest.raises(NetworkError):
        list(_sender(consenting).send())
    assert len(vault.segments) <= 1
    vault.away, vault.puts_until_away = False, None
    list(_sender(consenting).send())
    assert set(vault.segments) == set(segments)


def test_forgetting_counts_time_that_passed_not_the_wall_clock() -> None:
    wall = WallClock()
    wall.note(0, 1000 * S)
    wall.note(50 * S, 1050 * S)
    assert wall.since_utc_ns(100 * S, 20 * S) == 1079 * S
    wall.note(90 * S, 5090 * S)  # somebody set the clock forward by 4000 s
    # a file of instant 85 is dated 1085: it is younger than 20 s at instant 100
    assert wall.since_utc_ns(100 * S, 20 * S) <= 1085 * S
    # once the jump is longer ago, files before it need not be taken
    assert wall.since_utc_ns(200 * S, 20 * S) == 5179 * S
    wall.note(300 * S, 300 * S)  # and back again, far
    assert wall.since_utc_ns(310 * S, 60 * S) <= 260 * S
