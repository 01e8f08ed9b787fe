"""The accessibility bus: calls with a deadline, many at once, and signals.

Stage: transport of the accessibility adapter. Input: the session bus's address.
Output: bodies of replies, and signals with the time they were read. One thread uses
one bus. Never interprets what it carries; a call that fails or takes too long is a
`None`, not an exception.
"""

from __future__ import annotations

import time
from collections import deque
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

from jeepney import (
    DBusAddress,
    HeaderFields,
    MatchRule,
    MessageType,
    message_bus,
    new_method_call,
)
from jeepney.io.blocking import open_dbus_connection

from overt.protocol.errors import CaptureError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jeepney import Message

    from overt.desktop.a11y.focus import Ref

CALL_S = 0.2
ACCESSIBLE = "org.a11y.atspi.Accessible"
_PROPERTIES = "org.freedesktop.DBus.Properties"
_REGISTRY = DBusAddress(
    "/org/a11y/atspi/registry",
    bus_name="org.a11y.atspi.Registry",
    interface="org.a11y.atspi.Registry",
)
_ADDRESS = DBusAddress(
    "/org/a11y/bus", bus_name="org.a11y.Bus", interface="org.a11y.Bus"
)
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
    signature: str | None = None
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
            address = reply.body[0] if _is_return(reply) else ""
            self._connection = open_dbus_connection(bus=address)
        except (OSError, ValueError, KeyError, IndexError) as error:
            raise CaptureError(
                "The accessibility bus does not answer.", remedy=_MISSING
            ) from error

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def fileno(self) -> int:
        """Return the socket's descriptor, readable when a message waits."""
        return int(self._connection.sock.fileno())

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
        register = new_method_call(_REGISTRY, "RegisterEvent", "s", (event,))
        for message in (message_bus.AddMatch(rule), register):
            self._exchange([message], time.monotonic() + CALL_S)

    def pid_of(self, bus_name: str) -> int:
        """Return the process behind a bus name; 0 where the bus does not know it."""
        message = message_bus.GetConnectionUnixProcessID(bus_name)
        (body,) = self._exchange([message], time.monotonic() + CALL_S)
        return int(body[0]) if body else 0

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
        messages = [_message(request) for request in requests]
        bodies = self._exchange(messages, time.monotonic() + timeout_s)
        return [_value(body) for body in bodies]

    def read_signals(self) -> None:
        """Take in what waits on the socket, without blocking.

        Raises:
            OSError: The connection is gone.
        """
        while True:
            try:
                self._note(self._connection.receive(timeout=0))
            except TimeoutError:
                return

    def _exchange(
        self, messages: Sequence[Message], deadline_s: float
    ) -> list[tuple[Any, ...] | None]:
        """Send all, then match replies by serial until the deadline."""
        serials = [next(self._connection.outgoing_serial) for _ in messages]
        places = {serial: place for place, serial in enumerate(serials)}
        pairs = zip(messages, serials, strict=True)
        data = b"".join(message.serialise(serial=serial) for message, serial in pairs)
        self._connection.sock.sendall(data)
        bodies: list[tuple[Any, ...] | None] = [None] * len(messages)
        while places:
            reply = self._receive(deadline_s)
            if reply is None:
                break
            serial = reply.header.fields.get(HeaderFields.reply_serial, -1)
            if serial in places:
                place = places.pop(serial)
                bodies[place] = reply.body if _is_return(reply) else None
            else:
                self._note(reply)
        return bodies

    def _receive(self, deadline_s: float) -> Message | None:
        left_s = deadline_s - time.monotonic()
        try:
            return self._connection.receive(timeout=max(left_s, 0))
        except TimeoutError:
            return None

    def _note(self, message: Message) -> None:
        if message.header.message_type is not MessageType.signal:
            return
        fields = message.header.fields
        self.signals.append(
            Signal(
                time.monotonic_ns(),
                fields.get(HeaderFields.sender, ""),
                fields.get(HeaderFields.path, ""),
                fields.get(HeaderFields.interface, ""),
                fields.get(HeaderFields.member, ""),
                message.body,
            )
        )


def _value(body: tuple[Any, ...] | None) -> Any:
    return body[0] if body is not None and len(body) == 1 else body


def _message(request: Request) -> Message:
    address = DBusAddress(
        request.ref[1], bus_name=request.ref[0], interface=request.interface
    )
    return new_method_call(address, request.member, request.signature, request.body)


def _is_return(message: Message) -> bool:
    return message.header.message_type is MessageType.method_return
