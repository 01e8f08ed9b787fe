"""Messages of D-Bus as bytes, for the few forms in which accessibility speaks.

Stage: codec of the accessibility bus. Input: method calls; bytes that came. Output:
bytes to send; what replies say. A tree takes a thousand messages, so the usual forms
are read here; jeepney reads all others. No I/O.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from jeepney import (
    DBusAddress,
    HeaderFields,
    Message,
    MessageType,
    new_method_call,
)

if TYPE_CHECKING:
    from collections.abc import Callable

Body = tuple[Any, ...]

_LITTLE: Final = ord("l")
_CALL, _RETURN, _ERROR, _VERSION = 1, 2, 3, 1
_HEAD = struct.Struct("<BBBBIII")  # order, type, flags, version, body, serial, fields
_NUMBER, _SIGNED, _BOX = (struct.Struct(form) for form in ("<I", "<i", "<iiii"))
_PATH, _INTERFACE, _MEMBER, _REPLY_SERIAL, _DESTINATION, _SIGNATURE = 1, 2, 3, 5, 6, 8
_SIMPLE = frozenset("siu")  # arguments that are written here
_MOST_BYTES = 1 << 27  # of a message, by the specification


class Reply(NamedTuple):
    """What came back for a call.

    Attributes:
        serial: Number of the call that it answers.
        body: What it holds; None where the call failed.
    """

    serial: int
    body: Body | None


def size_of(data: bytes | bytearray) -> int | None:
    """Return the size of the message that begins there; None: not known yet.

    Raises:
        ValueError: It is larger than a message may be.
    """
    if len(data) < _HEAD.size:
        return None
    form = "<III" if data[0] == _LITTLE else ">III"
    body, _, fields = struct.unpack_from(form, data, 4)
    size = _HEAD.size + fields + -fields % 8 + body
    if size > _MOST_BYTES:
        raise ValueError("A message is too large.")
    return int(size)


def encode_call(
    serial: int,
    ref: tuple[str, str],
    interface: str,
    member: str,
    signature: str = "",
    body: Body = (),
) -> bytes:
    """Return a method call.

    Args:
        serial: Its number; the reply names it.
        ref: Bus name and object path.
        interface: For example `org.a11y.atspi.Accessible`.
        member: For example `GetState`.
        signature: Types of the arguments.
        body: The arguments.
    """
    if not _SIMPLE.issuperset(signature):
        address = DBusAddress(ref[1], bus_name=ref[0], interface=interface)
        call = new_method_call(address, member, signature, body)
        return bytes(call.serialise(serial=serial))
    what, whom = _what(interface, member, signature), _whom(ref[0])
    fields = what + whom + b"\x01\x01o\0" + _text(ref[1])
    packed = _arguments(signature, body)
    head = _HEAD.pack(_LITTLE, _CALL, 0, _VERSION, len(packed), serial, len(fields))
    return head + fields + bytes(-len(fields) % 8) + packed


def reply_of(message: bytes) -> Reply | None:
    """Return what a whole message replies; None where it is no reply.

    Raises:
        ValueError: The message is malformed.
    """
    if message[1] not in {_RETURN, _ERROR}:
        return None
    try:
        return _read(message) if message[0] == _LITTLE else _read_slowly(message)
    except (IndexError, struct.error) as error:
        raise ValueError("A message is malformed.") from error


def _read(message: bytes) -> Reply:
    """Read a reply of a usual form."""
    serial, signature = 0, b""
    place = _HEAD.size
    end = place + _number(message, 12)
    while place < end:
        place += -place % 8
        code, kind, place = message[place], message[place + 2], place + 4
        if kind in b"so":
            place += 5 + _number(message, place)
        elif kind in b"u":
            serial = _number(message, place) if code == _REPLY_SERIAL else serial
            place += 4
        elif code == _SIGNATURE:
            signature = message[place + 1 : place + 1 + message[place]]
            place += 2 + message[place]
        else:
            return _read_slowly(message)
    if message[1] == _ERROR:
        return Reply(serial, None)
    reader = _READERS.get(signature)
    body = reader(message, end + -end % 8) if reader else None
    return _read_slowly(message) if body is None else Reply(serial, body)


def _read_slowly(message: bytes) -> Reply:
    """Read a reply of any form."""
    found = Message.from_buffer(message)
    is_return = found.header.message_type is MessageType.method_return
    serial = found.header.fields.get(HeaderFields.reply_serial, 0)
    return Reply(serial, found.body if is_return else None)


def _number(message: bytes, place: int) -> int:
    return int(_NUMBER.unpack_from(message, place)[0])


def _string(message: bytes, place: int) -> str:
    return message[place + 4 : place + 4 + _number(message, place)].decode()


def _variant(message: bytes, place: int) -> Body | None:
    """A variant that holds a text; None for any other."""
    if message[place : place + 3] != b"\x01s\0":
        return None
    return (("s", _string(message, place + 4)),)


def _references(message: bytes, place: int) -> Body:
    """An array of bus names with object paths."""
    end = place + 8 + _number(message, place)
    place, found = place + 8, []
    while place < end:
        place += -place % 8
        name = _string(message, place)
        place += 5 + _number(message, place)
        place += -place % 4
        found.append((name, _string(message, place)))
        place += 5 + _number(message, place)
    return (found,)


def _numbers(message: bytes, place: int) -> Body:
    count = _number(message, place) // 4
    return (list(struct.unpack_from(f"<{count}I", message, place + 4)),)


_READERS: dict[bytes, Callable[[bytes, int], Body | None]] = {
    b"s": lambda message, place: (_string(message, place),),
    b"u": _NUMBER.unpack_from,
    b"i": _SIGNED.unpack_from,
    b"(iiii)": lambda message, place: (_BOX.unpack_from(message, place),),
    b"au": _numbers,
    b"a(so)": _references,
    b"v": _variant,
}


@lru_cache(256)
def _what(interface: str, member: str, signature: str) -> bytes:
    fields = _field(_INTERFACE, interface) + _field(_MEMBER, member)
    if not signature:
        return fields
    said = signature.encode()
    return fields + _filled(b"\x08\x01g\0" + bytes([len(said)]) + said + b"\0")


@lru_cache(256)
def _whom(name: str) -> bytes:
    return _field(_DESTINATION, name)


def _field(code: int, text: str) -> bytes:
    return _filled(bytes([code]) + b"\x01s\0" + _text(text))


def _filled(field: bytes) -> bytes:
    return field + bytes(-len(field) % 8)


def _text(text: str) -> bytes:
    data = text.encode()
    return _NUMBER.pack(len(data)) + data + b"\0"


@lru_cache(256)
def _arguments(signature: str, body: Body) -> bytes:
    packed = b""
    for kind, value in zip(signature, body, strict=True):
        packed += bytes(-len(packed) % 4)
        if kind == "s":
            packed += _text(value)
        else:
            packed += (_NUMBER if kind == "u" else _SIGNED).pack(value)
    return packed
