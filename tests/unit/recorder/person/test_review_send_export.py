"""Review, sending, export and forgetting, on a spool made by hand."""

import json
import stat
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from overt.protocol.errors import (
    ConsentError,
    DataError,
    NetworkError,
    SealError,
    UsageError,
)
from overt.protocol.ids import new_id
from overt.protocol.records import (
    EVENT_DTYPE,
    EventKind,
    FrameCause,
    FrameRecord,
    InputRecord,
    MarkRecord,
    TileRecord,
)
from overt.protocol.sealing import SealingKey, open_segment, parse_sealed
from overt.protocol.segment import SegmentHeader, encode_record, read_segment
from overt.recorder.person import review
from overt.recorder.person.consenting import withdraw
from overt.recorder.person.exporting import export
from overt.recorder.person.forgetting import forget, pieces, recover
from overt.recorder.person.playback import open_own, screens
from overt.recorder.person.sending import Sender
from overt.recorder.spool import MINUTE_NS, SpoolState

pytestmark = pytest.mark.loopback
_EXACT = True
START_NS = 1_700_000_000_000_000_000


def _records(marks: tuple[MarkRecord, ...]) -> list[Any]:
    tiles = np.zeros((2, 64, 64, 3), np.uint8)
    tiles[0], tiles[1] = 40, 200
    events = np.zeros(3, EVENT_DTYPE)
    events["t_ns"] = (10, 20, 3_000_000_000)
    events["kind"] = (EventKind.MOTION, EventKind.BUTTON_PRESS, EventKind.KEY_PRESS)
    events["detail"] = (0, 1, 0x61)
    events["x_px"], events["y_px"] = 7, 8
    both = np.array([[0, 0], [1, 0]], np.uint32)
    later = np.array([[1, 1]], np.uint32)
    return [
        TileRecord(0, tiles),
        FrameRecord(5, FrameCause.KEYFRAME, _EXACT, 100, 50, both),
        InputRecord(events),
        FrameRecord(3_000_000_001, FrameCause.DAMAGE, not _EXACT, 100, 50, later),
        *marks,
    ]


def _segment(
    person: SimpleNamespace, session: str, sequence: int, *marks: MarkRecord,
    ends: bool = True,
) -> str:  # fmt: skip
    header = SegmentHeader(
        new_id("seg"), session, sequence, person.enrolment.person,
        person.enrolment.device, person.programme.programme, "cons_x", "clear",
        100, 50, START_NS + sequence * 10**9, 0,
    )  # fmt: skip
    spool = person.home.spool
    writer = spool.begin(header, person.identity.own.public)
    for record in _records(marks):
        writer.append(encode_record(record))
    if ends:
        writer.close()
        spool.set_state(header.segment, SpoolState.WAITING)
    else:
        writer.commit()
        writer.abandon()
    return header.segment


def _begin(task: str) -> MarkRecord:
    return MarkRecord(9, "task_begin", {"task": task, "text": "Go", "source": "me"})


@pytest.fixture
def three(consenting: SimpleNamespace) -> SimpleNamespace:
    """Three segments of one session; a task spans the first two."""
    session, task = new_id("sess"), new_id("task")
    end = MarkRecord(9, "task_end", {"task": task, "status": "done", "judge": "me"})
    consenting.segments = [
        _segment(consenting, session, 0, _begin(task), MarkRecord(9, "secret")),
        _segment(consenting, session, 1, end),
        _segment(consenting, session, 2),
    ]
    consenting.session, consenting.task = session, task
    return consenting


def _sender(person: SimpleNamespace) -> Sender:
    return Sender(
        person.home,
        person.identity,
        person.enrolment,
        person.programme,
        person.client,
    )


def test_the_overview_counts_and_finds_tasks_across_segments(
    three: SimpleNamespace,
) -> None:
    seen = review.overview(three.home.spool, three.identity.own)
    assert [one.segment for one in seen.segments] == three.segments
    first = seen.segments[0]
    assert (first.events, first.frames, first.secrets) == (3, 2, 1)
    assert first.duration_s == pytest.approx(3)
    (episode,) = seen.episodes
    assert (episode.text, episode.status) == ("Go", "done")
    assert list(episode.segments) == three.segments[:2]
    assert review.segments_of(seen, [three.task]) == three.segments[:2]
    assert review.segments_of(seen, [three.session]) == three.segments
    with pytest.raises(DataError):
        review.segments_of(seen, ["seg_nothing"])


def test_only_what_is_approved_is_sent_and_opens_with_the_vaults_key_alone(
    three: SimpleNamespace, vault: Any
) -> None:
    review.approve(three.home.spool, three.segments[:2])
    sent = list(_sender(three).send())
    assert [one.segment for one in sent] == three.segments[:2]
    assert sorted(vault.segments) == sorted(three.segments[:2])
    sealed = parse_sealed(vault.segments[three.segments[0]])
    assert sealed.header.segment == three.segments[0]
    opened = read_segment(open_segment(sealed, vault.person_key))
    kept = read_segment(three.home.spool.read(three.segments[0], three.identity.own))
    assert len(opened.records) == len(kept.records)
    # what is inside names nobody: a release can name them anew
    told = ("segment", "session", "person", "device", "programme", "consent")
    assert {getattr(opened.header, name) for name in told} == {""}
    same = {name: getattr(kept.header, name) for name in told}
    assert replace(opened.header, **same) == kept.header
    with pytest.raises(SealError):
        open_segment(sealed, three.identity.own)
    states = [three.home.spool.entry(one).state for one in three.segments]
    assert states == [SpoolState.SENT, SpoolState.SENT, SpoolState.WAITING]
    assert list(three.home.outbox.iterdir()) == []


def test_a_broken_sending_goes_on_with_the_same_bytes(
    three: SimpleNamespace, vault: Any
) -> None:
    review.approve(three.home.spool, three.segments)
    vault.puts_until_away = 2
    with pytest.raises(NetworkError):
        list(_sender(three).send())
    assert len(vault.segments) == 2
    first = dict(vault.segments)
    vault.away, vault.puts_until_away = False, None
    assert len(list(_sender(three).send())) in {1, 2}
    assert {name: vault.segments[name] for name in first} == first
    assert len(vault.segments) == 3


def test_a_lost_receipt_is_fetched_with_the_same_bytes(
    three: SimpleNamespace, vault: Any
) -> None:
    segment = three.segments[0]
    review.approve(three.home.spool, [segment])
    route = ("PUT", f"/v1/segments/{segment}")
    vault.overrides[route] = (503, {})
    with pytest.raises(NetworkError):
        list(_sender(three).send())
    kept = (three.home.outbox / f"{segment}.ovsl").read_bytes()
    vault.overrides.clear()
    list(_sender(three).send())
    assert vault.segments[segment] == kept


def test_nothing_is_sent_after_a_withdrawal(three: SimpleNamespace, vault: Any) -> None:
    review.approve(three.home.spool, three.segments)
    withdraw(three.home, three.identity.device, erase=False)
    with pytest.raises(ConsentError):
        list(_sender(three).send())
    assert vault.segments == {}


def test_discarding_destroys_the_sealed_copy_too(
    three: SimpleNamespace, vault: Any
) -> None:
    segment = three.segments[0]
    review.approve(three.home.spool, [segment])
    vault.overrides["PUT", f"/v1/segments/{segment}"] = (503, {})
    with pytest.raises(NetworkError):
        list(_sender(three).send())
    review.discard(three.home, [segment])
    left = [path.name for path in three.home.root.rglob("*") if segment in path.name]
    assert left == []


def test_what_is_being_recorded_is_neither_approved_nor_discarded(
    consenting: SimpleNamespace,
) -> None:
    segment = _segment(consenting, new_id("sess"), 0, ends=False)
    for act in (
        lambda: review.approve(consenting.home.spool, [segment]),
        lambda: review.discard(consenting.home, [segment]),
    ):
        with pytest.raises(UsageError, match="still being recorded"):
            act()


def test_what_a_kill_left_is_recovered_and_can_be_sent(
    consenting: SimpleNamespace, vault: Any
) -> None:
    segment = _segment(consenting, new_id("sess"), 0, ends=False)
    empty = consenting.home.spool.folder / f"{new_id('seg')}.ovsp"
    empty.write_bytes(b"")
    assert recover(consenting.home, consenting.identity.own) == [segment]
    assert not empty.exists()
    review.approve(consenting.home.spool, [segment])
    list(_sender(consenting).send())
    sealed = parse_sealed(vault.segments[segment])
    assert read_segment(open_segment(sealed, vault.person_key)).complete


def test_forgetting_takes_whole_minutes_and_leaves_the_rest(
    consenting: SimpleNamespace,
) -> None:
    session = new_id("sess")
    names = [_segment(consenting, session, 60 * number) for number in range(4)]
    home, first_ns = consenting.home, START_NS // MINUTE_NS * MINUTE_NS
    since_ns, until_ns = first_ns + MINUTE_NS, first_ns + 3 * MINUTE_NS
    assert [one.segment for one in pieces(home, since_ns, until_ns)] == names[1:3]
    box = home.spool.folder / f"{names[1]}.ovsp"
    with box.open("rb") as held:
        before = held.read()
        assert forget(home, since_ns, until_ns) == names[1:3]
        held.seek(0)
        after = held.read()
    assert before[:8] == after[:8]
    assert before[300:600] != after[300:600]  # its key went before the file
    assert [one.segment for one in home.spool.entries()] == [names[0], names[3]]
    assert forget(home, until_ns - 1) == [names[3]]
    assert forget(home, until_ns) == []
    assert open_own(home.spool, names[0], consenting.identity.own).complete


def test_forgetting_takes_damaged_files_by_their_date(three: SimpleNamespace) -> None:
    path = three.home.spool.folder / f"{three.segments[0]}.ovsp"
    path.write_bytes(b"OVERTSP2 torn")
    now_ns = time.time_ns()
    found = pieces(three.home, now_ns - 60 * 10**9)
    assert [(one.segment, one.state) for one in found] == [(path.stem, "damaged")]
    assert forget(three.home, now_ns - 60 * 10**9) == [path.stem]
    assert not path.exists()


def test_what_nobody_reviewed_expires_unsent(
    three: SimpleNamespace, vault: Any
) -> None:
    day_ns, spool = 86_400 * 10**9, three.home.spool
    approved, waiting = three.segments[0], three.segments[1:]
    review.approve(spool, [approved])

    def expire(days: float) -> list[str]:
        now_ns = START_NS + int(days * day_ns)
        return review.expire(
            three.home, retention_days=30, waiting_days=7, now_utc_ns=now_ns
        )

    assert expire(6.9) == []
    assert expire(7.1) == waiting
    assert [one.segment for one in spool.entries()] == [approved]
    assert expire(31) == [approved]
    assert list(spool.folder.iterdir()) == []
    assert vault.segments == {}


def test_the_export_is_whole_and_private(
    three: SimpleNamespace, tmp_path: Path
) -> None:
    folder = tmp_path / "mine"
    counts = export(three.home.spool, three.segments, three.identity.own, folder)
    assert counts == {"segments": 3, "events": 9, "frames": 6}
    lines = (folder / "events.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    assert rows[1] == {
        "t_ns": 20, "type": "button_press", "device": 0, "x_px": 7, "y_px": 8,
        "button": 1,
    }  # fmt: skip
    assert rows[2]["key"] == "a"
    pictures = sorted((folder / "frames").iterdir())
    with Image.open(pictures[1]) as picture:
        assert picture.size == (100, 50)
        assert picture.getpixel((99, 0)) == (200, 200, 200)
        assert picture.getpixel((0, 0)) == (40, 40, 40)
    for path in folder.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
    with pytest.raises(UsageError, match="exists"):
        export(three.home.spool, three.segments, three.identity.own, folder)


def test_a_foreign_key_exports_nothing(three: SimpleNamespace, tmp_path: Path) -> None:
    with pytest.raises(SealError):
        export(
            three.home.spool, three.segments, SealingKey.generate(), tmp_path / "mine"
        )
    assert not (tmp_path / "mine").exists()
    assert not (tmp_path / "mine.part").exists()


def test_screens_are_rebuilt_independently(three: SimpleNamespace) -> None:
    opened = open_own(three.home.spool, three.segments[0], three.identity.own)
    first, second = screens(opened)
    assert (first.pixels == 40).all()
    assert (second.pixels[:, 64:] == 200).all()
