"""The quick codec of D-Bus says what jeepney says."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from jeepney import DBusAddress, HeaderFields, Message, MessageType, new_method_call
from jeepney.low_level import Endianness, Header

from overt.desktop.a11y.messages import encode_call, reply_of, size_of

REF = (":1.5", "/org/a11y/atspi/accessible/12")


def _message(
    signature: str,
    body: tuple[Any, ...],
    kind: MessageType = MessageType.method_return,
    order: Endianness = Endianness.little,
) -> bytes:
    fields = {
        HeaderFields.reply_serial: 7,
        HeaderFields.sender: ":1.5",
        HeaderFields.destination: ":1.33",
    }
    if signature:
        fields[HeaderFields.signature] = signature
    made: bytes = Message(Header(order, kind, 0, 1, -1, 3, fields), body).serialise()
    return made


@pytest.mark.parametrize("order", list(Endianness))
@pytest.mark.parametrize(
    ("signature", "body"),
    [
        ("s", ("push button",)),
        ("s", ("Grüße \N{SNOWMAN}",)),
        ("u", (5,)),
        ("i", (-3,)),
        ("b", (True,)),
        ("(iiii)", ((1, -2, 3, 4),)),
        ("au", ([1, 2],)),
        ("au", ([],)),
        ("a(so)", ([(":1.4", "/a/b"), (":1.44", "/org/x/123")],)),
        ("a(so)", ([],)),
        ("(so)", ((":1.4", "/a/b"),)),
        ("v", (("s", "name"),)),
        ("v", (("(so)", (":1.2", "/a")),)),
        ("as", (["a", "b"],)),
        ("su", ("a", 3)),
        ("", ()),
    ],
)
def test_a_reply_is_read(
    signature: str, body: tuple[Any, ...], order: Endianness
) -> None:
    message = _message(signature, body, order=order)
    assert size_of(message) == size_of(message + b"more") == len(message)
    assert reply_of(message) == (7, body)


def test_an_error_has_no_body_and_a_signal_is_no_reply() -> None:
    assert reply_of(_message("s", ("oops",), MessageType.error)) == (7, None)
    assert reply_of(_message("s", ("x",), MessageType.signal)) is None


def test_what_is_cut_or_too_large_is_refused() -> None:
    message = _message("a(so)", ([(":1.4", "/a/b")],))
    assert size_of(message[:15]) is None
    with pytest.raises(ValueError, match="malformed"):
        reply_of(message[:-6])
    with pytest.raises(ValueError, match="large"):
        size_of(message[:4] + struct.pack("<I", 1 << 28) + message[8:])


@pytest.mark.parametrize(
    "asked",
    [
        ("org.a11y.atspi.Accessible", "GetState"),
        ("org.freedesktop.DBus.Properties", "Get", "ss", ("a.b", "Name")),
        ("org.a11y.atspi.Text", "GetRangeExtents", "iiu", (1, -22, 0)),
        ("x.y", "Z", "s", ("",)),
    ],
)
def test_a_call_is_what_jeepney_would_send(asked: tuple[Any, ...]) -> None:
    made = Message.from_buffer(encode_call(9, REF, *asked))
    address = DBusAddress(REF[1], bus_name=REF[0], interface=asked[0])
    wanted = new_method_call(address, *asked[1:])
    assert made.header.serial == 9
    assert made.header.fields == wanted.header.fields
    assert (made.header.flags, made.body) == (wanted.header.flags, wanted.body)
