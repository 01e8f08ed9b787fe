"""The segment container: records to bytes and back.

A segment is a sequence of CRC-framed, zstd-compressed records and stands alone: it
has its own tile table and begins with a key frame. Input: records of
`overt.protocol.records`; output: bytes, appended as they come, so that what was
written before a crash can be read. Specified in docs/spec/segment.md.
"""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import zstandard

from overt.protocol.canonical import canonical_bytes, parse_json
from overt.protocol.errors import DataError
from overt.protocol.forms import read_form
from overt.protocol.records import (
    EVENT_DTYPE,
    TILE_PX,
    ContextRecord,
    DirtyRecord,
    EventArray,
    FrameCause,
    FrameRecord,
    InputRecord,
    MarkRecord,
    Record,
    TileRecord,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

MAGIC = b"OVERTSG1"
FRAME = struct.Struct("<BxxxII")  # record type, payload bytes, CRC-32
MAX_PAYLOAD = 64 << 20  # a record that claims more is refused before it is read

HEADER, INPUT, TILES, SCREEN, DIRTY, CONTEXT, MARK, END = range(1, 9)
KIND_NAMES = {
    HEADER: "header", INPUT: "input", TILES: "tiles", SCREEN: "screen",
    DIRTY: "dirty", CONTEXT: "context", MARK: "mark", END: "end",
}  # fmt: skip
_MAX_SCALE = (1 << 63) - 1
_TILE_BYTES = TILE_PX * TILE_PX * 3


@dataclass(frozen=True, slots=True)
class SegmentHeader:
    """Whose segment it is, under which consent, and when.

    Attributes:
        segment: Segment id.
        session: Id of the recording session; its segments are numbered.
        sequence: Number of this segment in its session, from 0.
        person: Pseudonym of the participant.
        device: Device id.
        programme: Programme id.
        consent: Id of the consent record in force.
        level: Highest level at which anything in it was recorded.
        width_px: Width of the root window at the start.
        height_px: Height of the root window at the start.
        started_utc_ns: UTC nanoseconds since 1970 at `started_t_ns`.
        started_t_ns: CLOCK_MONOTONIC nanoseconds of the same instant.
    """

    segment: str
    session: str
    sequence: int
    person: str
    device: str
    programme: str
    consent: str
    level: str
    width_px: int
    height_px: int
    started_utc_ns: int
    started_t_ns: int


@dataclass(frozen=True, slots=True)
class Segment:
    """A parsed segment.

    Attributes:
        header: Its header.
        records: Its records in the order of writing.
        complete: Whether its end record is there.
    """

    header: SegmentHeader
    records: tuple[Record, ...] = field(default=())
    complete: bool = False


def begin_segment(header: SegmentHeader) -> bytes:
    """Return the first bytes of a segment: magic and header record."""
    # nanoseconds exceed 2**53, beyond which RFC 8785 has no number: plain JSON here
    return MAGIC + _frame(HEADER, json.dumps(asdict(header), sort_keys=True).encode())


def encode_record(record: Record) -> bytes:
    """Return the framed bytes of one record."""
    match record:
        case InputRecord(events):
            return _frame(INPUT, _pack_events(events))
        case TileRecord(first_id, pixels):
            return _frame(TILES, struct.pack("<I", first_id) + pixels.tobytes())
        case FrameRecord():
            return _frame(SCREEN, _pack_screen(record))
        case DirtyRecord(t_ns):
            return _frame(DIRTY, struct.pack("<q", t_ns))
        case ContextRecord(t_ns, kind, body):
            return _frame(CONTEXT, _pack_json(t_ns, kind, body))
        case MarkRecord(t_ns, kind, body, signature):
            packed = _pack_json(t_ns, kind, body)
            return _frame(MARK, struct.pack("<B", len(signature)) + signature + packed)


def end_segment(records: int) -> bytes:
    """Return the end record; it states how many records lie before it."""
    return _frame(END, struct.pack("<I", records))


def mark_bytes(session: str, t_ns: int, kind: str, body: dict[str, Any]) -> bytes:
    """Return what a device signs when a person makes a mark."""
    statement = {"session": session, "t_ns": str(t_ns), "kind": kind, "body": body}
    return b"overt mark v1\0" + canonical_bytes(statement)


def read_segment(data: bytes, *, recover: bool = False) -> Segment:
    """Parse a segment.

    Args:
        data: The bytes of the container.
        recover: Take what is whole and leave a torn end away, as after a crash.

    Raises:
        DataError: Magic, frame, checksum or a record's content is wrong, or the end
            record is missing; the message names the byte offset.
    """
    if not data.startswith(MAGIC):
        raise DataError("A file does not begin like an overt segment.")
    parser = _Parser()
    try:
        for offset, kind, payload in _frames(data):
            parser.take(offset, kind, payload)
    except DataError:
        if not recover:
            raise
    if parser.header is None:
        raise DataError("A segment has no whole header.")
    if not parser.complete and not recover:
        raise DataError("A segment ends before its end record: it is truncated.")
    return Segment(parser.header, tuple(parser.records), parser.complete)


def stored_sizes(data: bytes) -> dict[str, int]:
    """Return how many bytes of a segment each kind of record takes, framing included.

    Raises:
        DataError: A frame is malformed.
    """
    sizes: dict[str, int] = {}
    ends = [*[offset for offset, _, _ in _frames(data)][1:], len(data)]
    for (offset, kind, _), end in zip(_frames(data), ends, strict=True):
        name = KIND_NAMES.get(kind, "unknown")
        sizes[name] = sizes.get(name, 0) + end - offset
    return sizes


class _Parser:
    """What has been read of a segment so far."""

    def __init__(self) -> None:
        self.header: SegmentHeader | None = None
        self.records: list[Record] = []
        self.complete = False

    def take(self, offset: int, kind: int, payload: bytes) -> None:
        if self.complete:
            raise DataError(f"Bytes follow a segment's end, at byte {offset}.")
        if (self.header is None) != (kind == HEADER):
            raise DataError(f"A segment's header is misplaced, at byte {offset}.")
        if kind == HEADER:
            self.header = _parse_header(payload)
        elif kind == END:
            if payload != struct.pack("<I", len(self.records)):
                raise DataError(f"A segment's record count is wrong, at byte {offset}.")
            self.complete = True
        else:
            self.records.append(_parse_record(kind, payload, offset))


def _frame(kind: int, payload: bytes) -> bytes:
    packed = zstandard.ZstdCompressor(level=3).compress(payload)
    crc = zlib.crc32(packed, zlib.crc32(bytes([kind])))
    return FRAME.pack(kind, len(packed), crc) + packed


def _frames(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    offset = len(MAGIC)
    while offset < len(data):
        if offset + FRAME.size > len(data):
            raise DataError(f"A segment's frame is truncated, at byte {offset}.")
        kind, size, crc = FRAME.unpack_from(data, offset)
        packed = data[offset + FRAME.size : offset + FRAME.size + size]
        if len(packed) < size:
            raise DataError(f"A segment's frame is truncated, at byte {offset}.")
        if zlib.crc32(packed, zlib.crc32(bytes([kind]))) != crc:
            raise DataError(f"A segment's checksum is wrong, at byte {offset}.")
        yield offset, kind, _inflate(packed, offset)
        offset += FRAME.size + size


def _inflate(packed: bytes, offset: int) -> bytes:
    try:
        size = zstandard.frame_content_size(packed)
        if size < 0 or size > MAX_PAYLOAD:
            raise DataError(f"A segment's record is too large, at byte {offset}.")
        return zstandard.ZstdDecompressor().decompress(packed)
    except zstandard.ZstdError as error:
        raise DataError(f"A segment's record is garbled, at byte {offset}.") from error


def _parse_header(payload: bytes) -> SegmentHeader:
    body = parse_json(payload, what="A segment's header")
    return read_form(SegmentHeader, body, what="A segment's header")


def _parse_record(kind: int, payload: bytes, offset: int) -> Record:
    try:
        match kind:
            case 2:
                return InputRecord(_unpack_events(payload))
            case 3:
                return _unpack_tiles(payload)
            case 4:
                return _unpack_screen(payload)
            case 5:
                return DirtyRecord(*struct.unpack("<q", payload))
            case 6:
                return ContextRecord(*_unpack_json(payload))
            case 7:
                size = payload[0]
                t_ns, name, body = _unpack_json(payload[1 + size :])
                return MarkRecord(t_ns, name, body, payload[1 : 1 + size])
    except (
        struct.error, ValueError, IndexError, KeyError, TypeError, OverflowError,
    ) as error:  # fmt: skip
        raise DataError(
            f"A segment's record is malformed, at byte {offset}."
        ) from error
    raise DataError(f"A segment has a record of unknown type {kind}, at byte {offset}.")


def _pack_json(t_ns: int, kind: str, body: dict[str, Any]) -> bytes:
    return struct.pack("<q", t_ns) + canonical_bytes({"kind": kind, "body": body})


def _unpack_json(payload: bytes) -> tuple[int, str, dict[str, Any]]:
    (t_ns,) = struct.unpack_from("<q", payload)
    value = parse_json(payload[8:], what="A record's body")
    kind, body = value["kind"], value["body"]
    if not isinstance(kind, str) or not isinstance(body, dict):
        raise TypeError
    return t_ns, kind, body


def _pack_screen(frame: FrameRecord) -> bytes:
    head = struct.pack(
        "<qBBHH", frame.t_ns, frame.cause, frame.exact, frame.width_px, frame.height_px
    )
    return head + np.ascontiguousarray(frame.changed, "<u4").T.tobytes()


def _unpack_screen(payload: bytes) -> FrameRecord:
    t_ns, cause, exact, width, height = struct.unpack_from("<qBBHH", payload)
    columns = np.frombuffer(payload, "<u4", offset=14).reshape(2, -1)
    return FrameRecord(
        t_ns, FrameCause(cause), bool(exact), width, height, columns.T.copy()
    )


def _unpack_tiles(payload: bytes) -> TileRecord:
    (first,) = struct.unpack_from("<I", payload)
    pixels = np.frombuffer(payload, "u1", offset=4)
    if len(pixels) % _TILE_BYTES:
        raise ValueError
    return TileRecord(first, pixels.reshape(-1, TILE_PX, TILE_PX, 3).copy())


def _byte_planes(column: np.ndarray[Any, Any]) -> bytes:
    raw = np.ascontiguousarray(column)
    return raw.view("u1").reshape(-1, raw.dtype.itemsize).T.tobytes()


def _pack_events(events: EventArray) -> bytes:
    """Pack as delta columns: times over their common step, positions modulo 2**16."""
    count = len(events)
    if not count:
        return struct.pack("<IqQ", 0, 0, 1)
    t_ns = events["t_ns"]
    steps = np.diff(t_ns, prepend=t_ns[:1])
    scale = int(np.gcd.reduce(steps))
    scale = scale if scale > 0 else 1  # all at once, or a step of -2**63
    parts = [struct.pack("<IqQ", count, int(t_ns[0]), scale)]
    parts.append(_byte_planes((steps // scale).astype("<i8")))
    parts.extend(events[name].tobytes() for name in ("kind", "device"))
    parts.append(_byte_planes(events["state"]))
    parts.extend(
        _byte_planes(np.diff(events[name].view("<u2"), prepend=np.uint16(0)))
        for name in ("x_px", "y_px")
    )
    parts.append(_byte_planes(events["detail"]))
    return b"".join(parts)


def _unpack_events(payload: bytes) -> EventArray:
    count, first, scale = struct.unpack_from("<IqQ", payload)
    offset = 20
    if len(payload) != offset + 20 * count:
        raise ValueError
    events = np.zeros(count, EVENT_DTYPE)

    def column(dtype: str) -> np.ndarray[Any, Any]:
        nonlocal offset
        width = np.dtype(dtype).itemsize
        raw = np.frombuffer(payload, "u1", width * count, offset)
        offset += width * count
        return raw.reshape(width, count).T.copy().view(dtype).ravel()

    steps = column("<i8")
    events["t_ns"] = first + np.cumsum(steps * np.int64(scale)) if count else 0
    for name in ("kind", "device"):
        events[name] = column("u1")
    events["state"] = column("<u2")
    for name in ("x_px", "y_px"):
        events[name] = np.cumsum(column("<u2"), dtype="<u2").view("<i2")
    events["detail"] = column("<u4")
    return events
