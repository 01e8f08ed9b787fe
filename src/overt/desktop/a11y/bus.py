"""The accessibility bus: calls with a deadline, many at once, and signals.

Stage: transport of the accessibility adapter. Input: the session bus's address.
Output: bodies of replies, and signals with the time they were read. One thread uses
one bus. Never interprets what it carries; a call that fails or takes too long is a
`None`, not an exception.
"""

from __future__ import annotations

import select
import time
from collections import deque
from contextlib import closing
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

from jeepney import (
    DBusAddress,
    HeaderFields,
    MatchRule,
    Message,
    MessageType,
    new_method_call,
)
from jeepney.bus import get_bus
from jeepney.io.blocking import open_dbus_connection, prep_socket

from overt.desktop.a11y.messages import encode_call, reply_of, size_of
from overt.protocol.errors import CaptureError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from overt.desktop.a11y.focus import Ref
    from overt.desktop.a11y.messages import Body

CALL_S = 0.2
ACCESSIBLE = "org.a11y.atspi.Accessible"
_PROPERTIES = "org.freedesktop.DBus.Properties"
_REGISTRY = "org.a11y.atspi.Registry"
_BUS = "org.freedesktop.DBus"
_ADDRESS = DBusAddress(
    "/org/a11y/bus", bus_name="org.a11y.Bus", interface="org.a11y.Bus"
)
_CHUNK_BYTES = 1 << 16
_MISSING = "Install at-spi2-core and switch accessibility on for the session."


class Signal(NamedTuple):
    """A signal as it came."""

    t_ns: int  # CLOCK_MONOTONIC when it was read
    sender: str
    path: str
    interface: str
    member: str
    body: tuple[Any, ...]


class Request(NamedTuple):
    """A method to call on an accessible object."""

    ref: Ref
    interface: str
    member: str
    signature: str = ""
    body: tuple[Any, ...] = ()


def get(ref: Ref, interface: str, name: str) -> Request:
    """Return the request for a property; its reply body is a pair (type, value)."""
    return Request(ref, _PROPERTIES, "Get", "ss", (interface, name))


class AccessibilityBus:
    """A connection to the accessibility bus of a session.

    Raises:
        CaptureError: The session has no accessibility bus, or it does not answer.
    """

    def __init__(self, session_bus: str) -> None:
        self.signals: deque[Signal] = deque()
        try:
            with closing(open_dbus_connection(bus=session_bus)) as session:
                reply = session.send_and_get_reply(
                    new_method_call(_ADDRESS, "GetAddress"), timeout=5 * CALL_S
                )
            is_answer = reply.header.message_type is MessageType.method_return
            address = reply.body[0] if is_answer else ""
            self._socket = prep_socket(get_bus(address), timeout=5 * CALL_S)
        except (OSError, ValueError, KeyError, IndexError) as error:
            raise CaptureError(
                "The accessibility bus does not answer.", remedy=_MISSING
            ) from error
        self._serials, self._came = count(1), bytearray()
        if self._ask_bus("Hello") is None:
            self.close()
            raise CaptureError("The accessibility bus refuses.", remedy=_MISSING)

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def fileno(self) -> int:
        """Return the socket's descriptor, readable when a message waits."""
        return int(self._socket.fileno())

    def subscribe(self, interface: str, member: str, event: str) -> None:
        """Ask applications to send an event, and the bus to pass it on.

        Args:
            interface: For example `org.a11y.atspi.Event.Object`.
            member: For example `StateChanged`.
            event: AT-SPI's name of it, for example `object:state-changed:focused`.
        """
        detail = event.split(":")[2:]
        rule = MatchRule(type="signal", interface=interface, member=member)
        if detail:
            rule.add_arg_condition(0, detail[0])
        self._ask_bus("AddMatch", "s", (rule.serialise(),))
        registry = _REGISTRY, "/org/a11y/atspi/registry"
        self.call(Request(registry, _REGISTRY, "RegisterEvent", "s", (event,)))

    def pid_of(self, bus_name: str) -> int:
        """Return the process behind a bus name; 0 where the bus does not know it."""
        pid = self._ask_bus("GetConnectionUnixProcessID", "s", (bus_name,))
        return int(pid or 0)

    def _ask_bus(self, member: str, signature: str = "", body: Body = ()) -> Any:
        bus = _BUS, "/org/freedesktop/DBus"
        return self.call(Request(bus, _BUS, member, signature, body))

    def call(self, request: Request, timeout_s: float = CALL_S) -> Any:
        """Return what a reply holds; None where none came in time."""
        (value,) = self.call_all([request], timeout_s)
        return value

    def call_all(self, requests: Sequence[Request], timeout_s: float) -> list[Any]:
        """Send every request, then collect what each reply holds.

        Returns:
            For each request the value, a tuple where the method returns several;
            None where it failed or no reply came in time.
        """
        deadline_s = time.monotonic() + timeout_s
        places = {next(self._serials): place for place in range(len(requests))}
        pairs = zip(places, requests, strict=True)
        self._socket.sendall(
            b"".join(encode_call(serial, *request) for serial, request in pairs)
        )
        values: list[Any] = [None] * len(requests)
        while places and (message := self._receive(deadline_s)) is not None:
            reply = reply_of(message)
            if reply is None:
                self._note(message)
            elif (place := places.pop(reply.serial, None)) is not None:
                values[place] = _value(reply.body)
        return values

    def read_signals(self) -> None:
        """Take in what waits on the socket, without blocking.

        Raises:
            OSError: The connection is gone.
        """
        while (message := self._receive(0)) is not None:
            self._note(message)

    def _receive(self, deadline_s: float) -> bytes | None:
        """Return the next message; None where none came by then (monotonic)."""
        came = self._came
        while (size := size_of(came)) is None or len(came) < size:
            left_s = max(deadline_s - time.monotonic(), 0)
            if not select.select([self._socket], [], [], left_s)[0]:
                return None
            chunk = self._socket.recv(_CHUNK_BYTES)
            if not chunk:
                raise ConnectionResetError("The accessibility bus hung up.")
            came += chunk
        message = bytes(came[:size])
        del came[:size]
        return message

    def _note(self, message: bytes) -> None:
        found = Message.from_buffer(message)
        if found.header.message_type is not MessageType.signal:
            return
        fields = found.header.fields
        self.signals.append(
            Signal(
                time.monotonic_ns(),
                fields.get(HeaderFields.sender, ""),
                fields.get(HeaderFields.path, ""),
                fields.get(HeaderFields.interface, ""),
                fields.get(HeaderFields.member, ""),
                found.body,
            )
        )


def _value(body: tuple[Any, ...] | None) -> Any:
    return body[0] if body is not None and len(body) == 1 else body
