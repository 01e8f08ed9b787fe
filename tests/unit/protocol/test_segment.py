"""The segment container: what is written is read; what is torn or altered is not."""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard

from overt.protocol import records as r
from overt.protocol import segment as s
from overt.protocol.errors import DataError

HEADER = s.SegmentHeader(
    "seg_" + "b" * 26, "sess_" + "b" * 26, 0, "part_" + "b" * 26, "dev_" + "b" * 26,
    "prog_" + "b" * 26, "cons_" + "b" * 26, "clear", 100, 70,
    1_800_000_000_123_456_789, 9_007_199_254_740_993,
)  # fmt: skip


def events(*rows: tuple[int, ...]) -> r.EventArray:
    return np.array(list(rows), r.EVENT_DTYPE)


RECORDS: list[Any] = [
    r.TileRecord(0, np.arange(2 * 64 * 64 * 3, dtype=np.uint8).reshape(2, 64, 64, 3)),
    r.FrameRecord(
        5, r.FrameCause.KEYFRAME, exact=True, width_px=100, height_px=70,
        changed=np.array([[0, 0], [1, 1], [2, 0], [3, 0]], np.uint32),
    ),
    r.InputRecord(
        events(
            (10**15, 1, 9, 0, -32768, 32767, 0),
            (10**15 + 8_000_000, 2, 9, 0x100, 32767, -32768, 1),
            (10**15 + 4_000_000, 4, 11, 0xFFFF, 5, 6, 0xFFFFFFFF),  # time went back
        )
    ),
    r.DirtyRecord(-(2**63)),
    r.ContextRecord(7, "window", {"title": "é", "rect": [0, 0, 1, 2], "url": None}),
    r.MarkRecord(8, "task_begin", {"text": "Do it"}, b"s" * 64),
    r.MarkRecord(9, "secret"),
    r.FrameRecord(
        2**63 - 1, r.FrameCause.PRESS, exact=False, width_px=65535, height_px=0,
        changed=np.zeros((0, 2), np.uint32),
    ),
    r.InputRecord(events()),
    r.TileRecord(2, np.zeros((0, 64, 64, 3), np.uint8)),
]  # fmt: skip


def container(records: list[Any] = RECORDS) -> bytes:
    frames = [s.encode_record(record) for record in records]
    return b"".join([s.begin_segment(HEADER), *frames, s.end_segment(len(frames))])


def frame(kind: int, payload: bytes) -> bytes:
    packed = zstandard.compress(payload)
    return raw_frame(kind, packed)


def raw_frame(kind: int, packed: bytes) -> bytes:
    crc = zlib.crc32(bytes([kind]) + packed)
    return bytes([kind]) + s._size(len(packed)) + struct.pack("<I", crc) + packed


def plain(record: Any) -> Any:
    """A record as values that compare."""
    values = {name: getattr(record, name) for name in record.__slots__}
    return type(record), {
        name: (item.dtype.descr, item.shape, item.tobytes())
        if isinstance(item, np.ndarray)
        else item
        for name, item in values.items()
    }


def test_records_are_read_as_written() -> None:
    parsed = s.read_segment(container())
    assert parsed.header == HEADER
    assert parsed.complete
    assert list(map(plain, parsed.records)) == list(map(plain, RECORDS))


def test_a_segment_without_records_is_one() -> None:
    assert s.read_segment(container([])).records == ()


def test_every_truncation_is_refused_or_recovered_as_a_prefix() -> None:
    data, whole = container(), list(map(plain, RECORDS))
    first = len(s.begin_segment(HEADER))
    for size in range(0, len(data), 3):
        with pytest.raises(DataError):
            s.read_segment(data[:size])
        if size < first:
            with pytest.raises(DataError):
                s.read_segment(data[:size], recover=True)
            continue
        parsed = s.read_segment(data[:size], recover=True)
        assert not parsed.complete
        assert list(map(plain, parsed.records)) == whole[: len(parsed.records)]


def test_an_altered_record_ends_what_is_recovered() -> None:
    data = bytearray(container())
    at = len(s.begin_segment(HEADER)) + len(s.encode_record(RECORDS[0])) + 20
    data[at] ^= 1
    with pytest.raises(DataError, match="checksum is wrong, at byte"):
        s.read_segment(bytes(data))
    parsed = s.read_segment(bytes(data), recover=True)
    assert list(map(plain, parsed.records)) == [plain(RECORDS[0])]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "does not begin like"),
        (b"OVERTSG3" + container()[8:], "does not begin like"),
        (s.MAGIC, "no whole header"),
        (s.MAGIC + s.end_segment(0), "header is misplaced, at byte 8"),
        (s.begin_segment(HEADER), "truncated"),
        (s.begin_segment(HEADER) * 1 + s.begin_segment(HEADER)[8:], "misplaced"),
        (container() + b"x", "truncated, at byte"),
        (container() + s.end_segment(10), "follow a segment's end"),
        (s.begin_segment(HEADER) + s.end_segment(1), "count is wrong"),
        (s.begin_segment(HEADER) + frame(10, b""), "unknown type 10"),
        (s.begin_segment(HEADER) + frame(0, b""), "unknown type 0"),
        (s.begin_segment(HEADER) + raw_frame(5, b"junk"), "garbled"),
        (s.begin_segment(HEADER) + raw_frame(5, b""), "garbled"),
    ],
)
def test_malformed_containers_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        s.read_segment(data)


def head(count: int, first: int = 0, scale: int = 1) -> bytes:
    return struct.pack("<IqQ", count, first, scale)


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        (2, b""),
        (2, head(1)),
        (2, head(2**32 - 1)),
        (2, head(1) + bytes(21)),
        (2, head(1, 0, 2**64 - 1) + bytes(20)),
        (3, b"abc"),
        (3, bytes(5)),
        (4, bytes(17)),
        (4, bytes(18 + 4)),
        (4, bytes(8) + b"\x07" + bytes(9)),
        (5, b""),
        (5, bytes(9)),
        (6, bytes(7)),
        (6, bytes(8) + b"[]"),
        (6, bytes(8) + b'{"kind":1,"body":{}}'),
        (6, bytes(8) + b'{"kind":"a"}'),
        (6, bytes(8) + b'{"kind":"a","body":[]}'),
        (6, bytes(8) + b'{"kind":"a","body":{"x":NaN}}'),
        (7, b""),
        (7, b"\xff" + bytes(20)),
        (9, b""),
        (9, b"\x01\x00"),  # no event
        (9, b"\x02\x00\x01\x00"),  # no such unit
        (9, b"\x01\x00\x01"),  # a motion without its way
        (9, b"\x01\x00\x00"),  # no such form
        (9, b"\x01\x00\x05" + b"\xff" * 12),  # a number without an end
        (9, b"\x01" + b"\xff" * 9 + b"\x7f\x01\x00"),  # past the end of time
    ],
)
def test_malformed_records_are_refused(kind: int, payload: bytes) -> None:
    with pytest.raises(DataError):
        s.read_segment(s.begin_segment(HEADER) + frame(kind, payload))


def test_a_record_that_claims_to_be_huge_is_refused_before_it_is_read() -> None:
    bomb = zstandard.compress(bytes(s.MAX_PAYLOAD + 1))
    with pytest.raises(DataError, match="too large"):
        s.read_segment(s.begin_segment(HEADER) + raw_frame(3, bomb))
    stream = zstandard.ZstdCompressor(write_content_size=False).compress(b"x")
    with pytest.raises(DataError, match="too large"):
        s.read_segment(s.begin_segment(HEADER) + raw_frame(3, stream))


@pytest.mark.parametrize(
    "change",
    [{"sequence": "0"}, {"width_px": 1.5}, {"level": None}, {"operator": "x"}],
)
def test_headers_of_another_form_are_refused(change: dict[str, Any]) -> None:
    payload = json.dumps(asdict(HEADER) | change).encode()
    with pytest.raises(DataError, match="A segment's header"):
        s.read_segment(s.MAGIC + frame(1, payload) + s.end_segment(0))


def test_event_batches_cost_few_bytes() -> None:
    rng = np.random.default_rng(7)
    batch = np.zeros(500, r.EVENT_DTYPE)
    batch["t_ns"] = 10**15 + np.arange(500) * 8_000_000
    batch["kind"], batch["device"] = r.EventKind.MOTION, 9
    batch["x_px"] = 500 + np.cumsum(rng.integers(-3, 4, 500))
    batch["y_px"] = 500 + np.cumsum(rng.integers(-3, 4, 500))
    assert len(s.encode_record(r.InputRecord(batch))) < 4 * 500


@pytest.mark.parametrize("level", ["clear", "masked"])
def test_few_events_cost_few_bytes(level: str) -> None:
    """What hands do in 0.4 s: a pointer that slows down, a click, two letters."""
    rng = np.random.default_rng(8)
    letter = ord("a") if level == "clear" else 0x0100FFFD
    rows = [(8 * n, 1, 0, 0, 900 + 3 * n, 500 - n, 0) for n in range(30)]
    rows += [(260, 2, 4, 0, 987, 471, 1), (330, 3, 4, 256, 987, 471, 1)]
    rows += [(350, 4, 5, 0, 987, 471, letter), (395, 5, 5, 0, 987, 471, letter)]
    batch = events(*rows)
    batch["t_ns"] = (10**9 + batch["t_ns"] + rng.integers(0, 2, len(rows))) * 10**6
    assert len(s.encode_record(r.InputRecord(batch))) < 3 * len(rows)


def test_a_segment_of_version_1_is_read() -> None:
    """Frames of 12 bytes' head, all compressed; a frame's age was not told."""

    def old(record: bytes) -> bytes:
        kind, size, crc, start = s._head(record, 0)
        payload = record[start : start + size]
        if not kind & 128:
            payload = zstandard.decompress(payload)
        if kind & 127 == 4:
            payload = payload[:14] + payload[18:]
        packed = zstandard.compress(payload)
        crc = zlib.crc32(bytes([kind & 127]) + packed)
        return struct.pack("<BxxxII", kind & 127, len(packed), crc) + packed

    whole = [each for each in RECORDS if not isinstance(each, r.InputRecord)]
    parts = [s.begin_segment(HEADER)[8:], *map(s.encode_record, whole)]
    data = b"OVERTSG1" + b"".join(map(old, [*parts, s.end_segment(len(whole))]))
    read = s.read_segment(data)
    assert read.header == HEADER
    assert list(map(plain, read.records)) == list(map(plain, whole))


def test_a_mark_is_signed_for_its_session_time_and_text() -> None:
    statement = s.mark_bytes("sess_1", 2**60, "task_begin", {"text": "a"})
    assert statement.startswith(b"overt mark v1\0")
    others = [
        s.mark_bytes("sess_2", 2**60, "task_begin", {"text": "a"}),
        s.mark_bytes("sess_1", 2**60 + 1, "task_begin", {"text": "a"}),
        s.mark_bytes("sess_1", 2**60, "task_end", {"text": "a"}),
        s.mark_bytes("sess_1", 2**60, "task_begin", {"text": "b"}),
    ]
    assert len({statement, *others}) == 5


@pytest.mark.parametrize("version", [b"1", b"2"])
def test_what_is_sent_is_the_same_recording_and_names_nobody(version: bytes) -> None:
    name = "segment-1.bin" if version == b"1" else "segment.bin"
    data = (Path(__file__).parents[2] / "vectors" / "files" / name).read_bytes()
    bare, whole = s.nameless(data), s.read_segment(data)
    assert bare.startswith(b"OVERTSG" + version)
    assert bare[-100:] == data[-100:]
    read = s.read_segment(bare)
    assert (len(read.records), read.complete) == (len(whole.records), True)
    told = asdict(whole.header)
    named = [key for key, text in told.items() if "_" in str(text)]
    assert sorted(named) == [
        "consent", "device", "person", "programme", "segment", "session",
    ]  # fmt: skip
    assert asdict(read.header) == told | dict.fromkeys(named, "")
    assert s.nameless(bare) == bare
