"""The segment that most vectors hold: its header, its records, and their JSON."""

from __future__ import annotations

from typing import Any

import numpy as np
from book import an_id, signer

from overt.protocol import records as r
from overt.protocol import segment as segments
from overt.protocol.canonical import sha256_hex

HEADER = segments.SegmentHeader(
    an_id("seg"),
    an_id("sess"),
    0,
    an_id("part"),
    an_id("dev"),
    an_id("prog"),
    an_id("cons"),
    "clear",
    130,
    64,
    1_800_000_000_123_456_789,
    9_007_199_254_740_993,
)


def mark(t_ns: int, kind: str, body: dict[str, Any]) -> r.MarkRecord:
    statement = segments.mark_bytes(HEADER.session, t_ns, kind, body)
    return r.MarkRecord(t_ns, kind, body, signer("device").sign(statement))


def the_records() -> list[r.Record]:
    t = HEADER.started_t_ns
    black = np.zeros((64, 64, 3), np.uint8)
    ramp = np.stack([np.tile(np.arange(64, dtype=np.uint8), (64, 1))] * 3, axis=2)
    begin = {"task": an_id("task"), "text": "Click on OK", "source": "person"}
    end = {"task": an_id("task"), "status": "done", "judge": "person"}
    window = {
        "class": "Chromium",
        "title": "A page",
        "pid": 1,
        "rect": [0, 0, 130, 64],
        "url": "http://127.0.0.1/a",
        "level": "clear",
    }
    events = [
        (t + 12_000_000, 1, 9, 0, 10, 20, 0),
        (t + 20_000_000, 1, 9, 0, -1, 32767, 0),
        (t + 28_000_000, 2, 9, 0, 12, 20, 1),
        (t + 36_000_000, 3, 9, 256, 12, 20, 1),
        (t + 32_000_000, 4, 11, 4, 12, 20, 0xFF0D),
    ]
    many = [(t + 70_000_000 + n * 1_000_000, 1, 9, 0, n, 2 * n, 0) for n in range(150)]
    return [
        mark(t, "task_begin", begin),
        r.TileRecord(0, np.stack([black, ramp])),
        r.FrameRecord(
            t + 1,
            r.FrameCause.KEYFRAME,
            exact=True,
            width_px=130,
            height_px=64,
            changed=np.array([[0, 1], [1, 0], [2, 0]], np.uint32),
        ),
        r.ContextRecord(t + 2, "window", window),
        r.InputRecord(np.array(events, r.EVENT_DTYPE)),
        r.MarkRecord(t + 30_000_000, "secret"),
        r.DirtyRecord(t + 40_000_000),
        r.FrameRecord(
            t + 50_000_000,
            r.FrameCause.PRESS,
            exact=False,
            width_px=130,
            height_px=64,
            changed=np.array([[2, 1]], np.uint32),
            age_us=1_200,
        ),
        mark(t + 60_000_000, "task_end", end),
        r.InputRecord(np.array(many, r.EVENT_DTYPE)),
    ]


def masked_records() -> list[r.Record]:
    """Return what stands below level `clear` for a goal, a screen and a typed text."""
    t = HEADER.started_t_ns
    goal = {"task": an_id("task"), "text": 'Enter "[OTHER_1:short]"', "source": "x"}
    button = [4, 6, 70, 22, "push button", "", 0, "#777777", "#eeeeee"]
    line = [0, 10, 48, 13, "static", "[OTHER_1:short] OK", 9, "#000000", "#eeeeee"]
    texts = {"runs": [button, line], "truncated": False}
    return [
        mark(t, "task_begin", goal),
        r.ContextRecord(t + 1, "texts", texts),
        r.ContextRecord(t + 2, "typed", {"text": "[OTHER_1:short]"}),
    ]


def described(record: r.Record) -> dict[str, Any]:
    """Say what a record holds, as JSON; times as texts, tiles by their SHA-256."""
    match record:
        case r.InputRecord(events):
            rows = [[str(row[0]), *map(int, list(row)[1:])] for row in events.tolist()]
            return {"record": "input", "events": rows}
        case r.TileRecord(first, pixels):
            digests = [sha256_hex(tile.tobytes()) for tile in pixels]
            return {"record": "tiles", "first_id": first, "sha256": digests}
        case r.FrameRecord():
            return {
                "record": "frame",
                "t_ns": str(record.t_ns),
                "cause": int(record.cause),
                "exact": record.exact,
                "width_px": record.width_px,
                "height_px": record.height_px,
                "changed": record.changed.tolist(),
                "age_us": record.age_us,
            }
        case r.DirtyRecord(t_ns):
            return {"record": "dirty", "t_ns": str(t_ns)}
        case r.ContextRecord(t_ns, kind, body):
            return {"record": "context", "t_ns": str(t_ns), "kind": kind, "body": body}
    return {
        "record": "mark",
        "t_ns": str(record.t_ns),
        "kind": record.kind,
        "body": record.body,
        "signature": record.signature.hex(),
    }
