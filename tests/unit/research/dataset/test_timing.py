"""A built dataset says bursts and end points: no time of a key, no way of a pointer."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from overt.research.dataset.sealed import as_dataset
from overt.research.dataset.shards import write_dataset
from overt.research.refine.episodes import refine, trajectories

if TYPE_CHECKING:
    from overt.research.dataset.rows import Origin

RETURN = 0xFF0D


def recorded(desk: Any, held_ms: tuple[int, ...], way: tuple[int, ...]) -> Any:
    """Record one episode: a way to a click, then a word and Return."""
    desk.begin("task_a", 'Enter "word" and submit')
    desk.wait(200)
    for y in way:
        desk.wait(10)
        desk.at = (20 + 2 * y, y)
        desk.event(1)  # motion
    desk.at = (60, 70)
    desk.wait(10)
    desk.event(1)
    desk.click()
    desk.wait(200)
    desk.type("")
    for letter, pause in zip("word", held_ms, strict=True):
        desk.key(ord(letter), held_ms=pause)
    desk.key(RETURN)
    desk.end("task_a")
    return desk.finish()


def raw_times(segments: Any) -> list[int]:
    return [
        int(event["t_ns"])
        for record in segments[0].records
        if hasattr(record, "events")
        for event in record.events
    ]


def rows(segments: Any, origin: Origin, **kwargs: bool) -> list[dict[str, Any]]:
    built = write_dataset(trajectories(refine(segments, **kwargs)), origin)
    return list(as_dataset(built).rows())


def test_rhythm_and_way_leave_no_trace(new_desk: Any, origin: Origin) -> None:
    even = recorded(new_desk(), (30, 30, 30, 30), (15, 30, 45))
    uneven = recorded(new_desk(), (11, 52, 16, 41), (60, 12, 5))
    raw_even, raw_uneven = (raw_times(segments) for segments in (even, uneven))
    assert raw_even != raw_uneven
    one, other = (
        write_dataset(trajectories(refine(s)), origin) for s in (even, uneven)
    )
    assert one.shards == other.shards


def test_keys_are_one_burst(new_desk: Any, origin: Origin) -> None:
    found = rows(recorded(new_desk(), (30, 30, 30, 30), (15, 30, 45)), origin)
    click, typing, enter, done = found
    assert (typing["t_ms"], typing["duration_ms"]) == (500, 200)
    assert (enter["t_ms"], enter["duration_ms"]) == (500, 200)
    assert (click["t_ms"], click["duration_ms"]) == (200, None)
    assert (done["t_ms"], done["duration_ms"]) == (800, None)
    assert {row["timing"] for row in found} == {None}


def test_no_column_holds_an_instant_of_the_machine(
    new_desk: Any, origin: Origin
) -> None:
    segments = recorded(new_desk(now_ms=7_654_321), (30, 20, 30, 20), (15, 30, 45))
    units = (1, 1000, 1_000_000)
    instants = {str(t_ns // unit) for t_ns in raw_times(segments) for unit in units}
    for row in rows(segments, origin):
        told = [value for name, value in row.items() if not name.startswith("frame_")]
        assert not instants & set(json.dumps(told).replace(",", " ").split())
        assert row["t_ms"] % 100 == 0
        assert (row["duration_ms"] or 0) % 100 == 0


def test_a_grant_for_timing_gets_the_events(new_desk: Any, origin: Origin) -> None:
    segments = recorded(new_desk(), (11, 52, 16, 41), (60, 12, 5))
    click, typing, *_ = rows(segments, origin, traces=True)
    way = [event[2:] for event in json.loads(click["timing"]) if event[1] == 1]
    assert way[-1] == [60, 70]
    assert len(way) == 4
    pressed = [event[0] for event in json.loads(typing["timing"]) if event[1] == 4]
    steps = [after - before for before, after in pairwise(pressed)]
    assert steps == [22_000_000, 104_000_000, 32_000_000]
