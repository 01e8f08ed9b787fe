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
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import zstandard

from overt.protocol.canonical import canonical_bytes, parse_json
from overt.protocol.errors import DataError
from overt.protocol.events import (
    can_be_rows,
    pack_columns,
    pack_rows,
    unpack_columns,
    unpack_rows,
)
from overt.protocol.forms import read_form
from overt.protocol.records import (
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

MAGIC = b"OVERTSG2"
MAGIC_1 = b"OVERTSG1"  # read, not written any more
_FRAME_1 = struct.Struct("<BxxxII")  # record type, payload bytes, CRC-32
_CRC = struct.Struct("<I")
_SCREEN = struct.Struct("<qBBHHI")  # t_ns, cause, exact, width, height, age_us
_STORED = 0x80  # with the type: the payload is not compressed
MAX_PAYLOAD = 64 << 20  # a record that claims more is refused before it is read

HEADER, INPUT, TILES, SCREEN, DIRTY, CONTEXT, MARK, END, ROWS = range(1, 10)
KIND_NAMES = {
    HEADER: "header", INPUT: "input", TILES: "tiles", SCREEN: "screen",
    DIRTY: "dirty", CONTEXT: "context", MARK: "mark", END: "end", ROWS: "input",
}  # fmt: skip
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


def nameless(data: bytes) -> bytes:
    """Return a segment's bytes with a header that names nobody and nothing.

    What is sent to the vault says in its sealed header whose it is, and there alone,
    so that a release can name people anew without opening anything.

    Args:
        data: A segment that `read_segment` takes.
    """
    frames = _frames(data)
    header, (rest, _, _) = _parse_header(next(frames)[2]), next(frames)
    bare = replace(
        header, segment="", session="", person="", device="", programme="", consent=""
    )
    payload = json.dumps(asdict(bare), sort_keys=True).encode()
    if not data.startswith(MAGIC_1):
        return MAGIC + _frame(HEADER, payload) + data[rest:]
    packed = zstandard.ZstdCompressor(level=3).compress(payload)
    crc = zlib.crc32(packed, zlib.crc32(bytes([HEADER])))
    return MAGIC_1 + _FRAME_1.pack(HEADER, len(packed), crc) + packed + data[rest:]


def encode_record(record: Record) -> bytes:
    """Return the framed bytes of one record."""
    match record:
        case InputRecord(events):
            return _input(events)
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
    if not data.startswith((MAGIC, MAGIC_1)):
        raise DataError("A file does not begin like an overt segment.")
    parser = _Parser(data.startswith(MAGIC_1))
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

    def __init__(self, is_version_1: bool) -> None:  # noqa: FBT001 - said by the magic
        self._is_version_1 = is_version_1
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
            if self._is_version_1:
                kind, payload = _risen(kind, payload)
            self.records.append(_parse_record(kind, payload, offset))


def _input(events: EventArray) -> bytes:
    """Frame a batch in the coding that takes less."""
    columns = _frame(INPUT, pack_columns(events))
    if not can_be_rows(events):
        return columns
    return min(columns, _frame(ROWS, pack_rows(events)), key=len)


def _frame(kind: int, payload: bytes) -> bytes:
    packed = zstandard.ZstdCompressor(level=3).compress(payload)
    if len(packed) >= len(payload):
        kind, packed = kind | _STORED, payload
    crc = zlib.crc32(packed, zlib.crc32(bytes([kind])))
    return bytes([kind]) + _size(len(packed)) + _CRC.pack(crc) + packed


def _size(value: int) -> bytes:
    """A number, seven bits a byte, lowest first."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _frames(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield where each record begins, its type and its payload."""
    offset, head = len(MAGIC), _head_1 if data.startswith(MAGIC_1) else _head
    while offset < len(data):
        try:
            kind, size, crc, start = head(data, offset)
        except (struct.error, IndexError):
            size = len(data)
            kind = crc = start = 0
        packed = data[start : start + size]
        if len(packed) < size or not start:
            raise DataError(f"A segment's frame is truncated, at byte {offset}.")
        if zlib.crc32(packed, zlib.crc32(bytes([kind]))) != crc:
            raise DataError(f"A segment's checksum is wrong, at byte {offset}.")
        if kind & _STORED and head is _head:
            yield offset, kind & ~_STORED, packed
        else:
            yield offset, kind, _inflate(packed, offset)
        offset = start + size


def _head(data: bytes, offset: int) -> tuple[int, int, int, int]:
    """Type, size, checksum of a frame, and where its payload begins."""
    size, at = 0, offset + 1
    for shift in range(0, 35, 7):
        byte = data[at]
        size |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            break
    return data[offset], size, *_CRC.unpack_from(data, at), at + _CRC.size


def _head_1(data: bytes, offset: int) -> tuple[int, int, int, int]:
    """The same in version 1."""
    return *_FRAME_1.unpack_from(data, offset), offset + _FRAME_1.size


def _inflate(packed: bytes, offset: int) -> bytes:
    try:
        size = zstandard.frame_content_size(packed)
        if size < 0 or size > MAX_PAYLOAD:
            raise DataError(f"A segment's record is too large, at byte {offset}.")
        return zstandard.ZstdDecompressor().decompress(packed)
    except zstandard.ZstdError as error:
        raise DataError(f"A segment's record is garbled, at byte {offset}.") from error


def _risen(kind: int, payload: bytes) -> tuple[int, bytes]:
    """A record of version 1 as one of version 2; a frame's age was not told then."""
    if kind == ROWS:
        return 0, payload
    if kind == SCREEN:
        return kind, payload[:14] + bytes(4) + payload[14:]
    return kind, payload


def _parse_header(payload: bytes) -> SegmentHeader:
    body = parse_json(payload, what="A segment's header")
    return read_form(SegmentHeader, body, what="A segment's header")


def _parse_record(kind: int, payload: bytes, offset: int) -> Record:
    try:
        match kind:
            case 2 | 9:
                unpack = unpack_columns if kind == INPUT else unpack_rows
                return InputRecord(unpack(payload))
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
    size = frame.width_px, frame.height_px
    head = _SCREEN.pack(frame.t_ns, frame.cause, frame.exact, *size, frame.age_us)
    return head + np.ascontiguousarray(frame.changed, "<u4").T.tobytes()


def _unpack_screen(payload: bytes) -> FrameRecord:
    t_ns, cause, exact, width, height, age_us = _SCREEN.unpack_from(payload)
    changed = np.frombuffer(payload, "<u4", offset=_SCREEN.size).reshape(2, -1).T.copy()
    return FrameRecord(
        t_ns, FrameCause(cause), bool(exact), width, height, changed, age_us
    )


def _unpack_tiles(payload: bytes) -> TileRecord:
    (first,) = struct.unpack_from("<I", payload)
    pixels = np.frombuffer(payload, "u1", offset=4)
    if len(pixels) % _TILE_BYTES:
        raise ValueError
    return TileRecord(first, pixels.reshape(-1, TILE_PX, TILE_PX, 3).copy())
