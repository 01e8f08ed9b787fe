"""Input events as bytes, in two codings: many at once as columns, few as rows.

Input: `EVENT_DTYPE` arrays in the order of the X server. Output: payloads of the input
records of docs/spec/segment.md, and back. Columns are what zstd packs well when a mouse
of 1,000 Hz fills them; rows take two to four bytes an event at a person's pace, where a
batch is too short for any packer. Pure.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from overt.protocol.records import EVENT_DTYPE, EventArray, EventKind

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_ROWS: Final = 128  # longer batches are columns
_UNITS: Final = (1, 1_000_000)  # nanoseconds
_NEAR, _FAR, _OTHER = 1, 2, 7  # forms: motion close by, motion; anything, with a place
_PLACE = {
    EventKind.BUTTON_PRESS: 3, EventKind.BUTTON_RELEASE: 4,
    EventKind.KEY_PRESS: 5, EventKind.KEY_RELEASE: 6,
}  # fmt: skip
_KINDS = {form: kind for kind, form in _PLACE.items()} | {
    _NEAR: EventKind.MOTION,
    _FAR: EventKind.MOTION,
}
_NEW_DEVICE, _NEW_STATE = 8, 16
_TOLD = 7  # a time step that stands in the row
_LIMIT = 70  # bits of a number


def pack_columns(events: EventArray) -> bytes:
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


def unpack_columns(payload: bytes) -> EventArray:
    """Read what `pack_columns` wrote.

    Raises:
        ValueError: The payload is malformed.
        struct.error: It is too short.
    """
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


def _byte_planes(column: np.ndarray[Any, Any]) -> bytes:
    raw = np.ascontiguousarray(column)
    return raw.view("u1").reshape(-1, raw.dtype.itemsize).T.tobytes()


class _Memory:
    """What the row before leaves behind: the same on both sides."""

    def __init__(self) -> None:
        self.t = self.step = self.x = self.y = self.state = self.key = 0
        self.devices: dict[int, int] = {}


def can_be_rows(events: EventArray) -> bool:
    """Whether a batch is short, and of nothing but what rows can say."""
    kinds = events["kind"]
    motion = kinds == EventKind.MOTION
    known = (kinds >= EventKind.MOTION) & (kinds <= EventKind.KEY_RELEASE)
    plain = bool(known.all()) and not events["detail"][motion].any()
    return 0 < len(events) <= MOST_ROWS and plain


def pack_rows(events: EventArray) -> bytes:
    """Pack a batch for which `can_be_rows` holds as rows."""
    unit = 0 if (events["t_ns"] % _UNITS[1]).any() else 1
    memory = _Memory()
    memory.t = int(events["t_ns"][0]) // _UNITS[unit]
    out = bytearray([unit]) + _signed(memory.t)
    for t_ns, *rest in events.tolist():
        out += _row(t_ns // _UNITS[unit], rest, memory)
    return bytes(out)


def _row(t: int, rest: list[int], memory: _Memory) -> bytes:
    kind, device, state, x, y, detail = rest
    form, place = _form(kind, x - memory.x, y - memory.y)
    step = t - memory.t
    turn = _zigzag(step - memory.step)
    head = form | min(turn, _TOLD) << 5
    tail = bytearray() if turn < _TOLD else _number(turn)
    if device != memory.devices.get(kind, 0):
        head |= _NEW_DEVICE
        tail.append(device)
    if state != memory.state:
        head |= _NEW_STATE
        tail += _number(state)
    tail += place
    if kind != EventKind.MOTION:
        tail += _number(_detail(kind, detail, memory))
    memory.t, memory.step, memory.x, memory.y = t, step, x, y
    memory.state, memory.devices[kind] = state, device
    return bytes([head]) + tail


def _form(kind: int, dx: int, dy: int) -> tuple[int, bytes]:
    """The form of a row, and what it says of the place."""
    dx, dy = ((value + 0x8000) % 0x10000 - 0x8000 for value in (dx, dy))
    if kind == EventKind.MOTION:
        if -8 <= dx < 8 and -8 <= dy < 8:
            return _NEAR, bytes([(dx & 15) << 4 | dy & 15])
        return _FAR, bytes(_signed(dx) + _signed(dy))
    if not dx and not dy:
        return _PLACE[EventKind(kind)], b""
    return _OTHER, bytes([kind]) + _signed(dx) + _signed(dy)


def _detail(kind: int, detail: int, memory: _Memory) -> int:
    """A button's number; of a key 0 for the key before, else its keysym and one."""
    if kind < EventKind.KEY_PRESS:
        return detail
    before, memory.key = memory.key, detail
    return 0 if detail == before else detail + 1


def unpack_rows(payload: bytes) -> EventArray:
    """Read what `pack_rows` wrote.

    Raises:
        ValueError: The payload is malformed.
        IndexError: It is too short.
        OverflowError: A number is larger than its column.
    """
    data = iter(payload)
    try:
        unit, memory = _UNITS[next(data)], _Memory()
        memory.t = _read_signed(data)
        rows = [_read_row(head, data, memory, unit) for head in data]
    except StopIteration as error:
        raise IndexError from error
    if not rows:
        raise ValueError
    return np.array(rows, EVENT_DTYPE)


def _read_row(
    head: int, data: Iterator[int], memory: _Memory, unit: int
) -> tuple[int, ...]:
    form, turn = head & 7, head >> 5
    turn = turn if turn < _TOLD else _read_number(data)
    memory.step += _unzigzag(turn)
    memory.t += memory.step
    device = next(data) if head & _NEW_DEVICE else -1
    if head & _NEW_STATE:
        memory.state = _read_number(data)
    kind = next(data) if form == _OTHER else int(_KINDS[form])
    _read_place(form, data, memory)
    if device < 0:
        device = memory.devices.get(kind, 0)
    memory.devices[kind] = device
    detail = _read_detail(kind, data, memory)
    t_ns = memory.t * unit
    return t_ns, kind, device, memory.state, memory.x, memory.y, detail


def _read_place(form: int, data: Iterator[int], memory: _Memory) -> None:
    dx = dy = 0
    if form == _NEAR:
        near = next(data)
        dx, dy = ((near >> 4) + 8) % 16 - 8, ((near & 15) + 8) % 16 - 8
    elif form in {_FAR, _OTHER}:
        dx, dy = _read_signed(data), _read_signed(data)
    memory.x = (memory.x + dx + 0x8000) % 0x10000 - 0x8000
    memory.y = (memory.y + dy + 0x8000) % 0x10000 - 0x8000


def _read_detail(kind: int, data: Iterator[int], memory: _Memory) -> int:
    if kind == EventKind.MOTION:
        return 0
    said = _read_number(data)
    if kind < EventKind.KEY_PRESS:
        return said
    memory.key = said - 1 if said else memory.key
    return memory.key


def _zigzag(value: int) -> int:
    return value << 1 if value >= 0 else (-value << 1) - 1


def _unzigzag(value: int) -> int:
    return -(value + 1 >> 1) if value & 1 else value >> 1


def _signed(value: int) -> bytearray:
    return _number(_zigzag(value))


def _number(value: int) -> bytearray:
    """An unsigned number, seven bits a byte, lowest first (LEB128)."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return out


def _read_signed(data: Iterator[int]) -> int:
    return _unzigzag(_read_number(data))


def _read_number(data: Iterator[int]) -> int:
    value = shift = 0
    for byte in data:
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value
        shift += 7
        if shift >= _LIMIT:
            raise ValueError
    raise IndexError
