"""Accessibility of a private session, switched on as an assistive tool would."""

from __future__ import annotations

import time
from contextlib import closing

from jeepney import DBusAddress, MessageType, Properties
from jeepney.io.blocking import DBusConnection, open_dbus_connection

from overt.protocol.errors import CaptureError

_STATUS = DBusAddress(
    "/org/a11y/bus", bus_name="org.a11y.Bus", interface="org.a11y.Status"
)
_START_S = 15.0


def enable_accessibility(session_bus: str) -> None:
    """Set `org.a11y.Status.IsEnabled` and wait until it holds.

    Args:
        session_bus: D-Bus address of the session bus.

    Raises:
        CaptureError: The accessibility bus does not answer.
    """
    deadline = time.monotonic() + _START_S
    with closing(open_dbus_connection(bus=session_bus)) as bus:
        while time.monotonic() < deadline:
            if _enable(bus):
                return
            time.sleep(0.05)
    raise CaptureError(
        "The accessibility bus does not answer.",
        remedy="Check that at-spi2-core is installed whole.",
    )


def _enable(bus: DBusConnection) -> bool:
    """Ask once; return whether the property reads true afterwards."""
    status = Properties(_STATUS)
    bus.send_and_get_reply(status.set("IsEnabled", "b", bool(1)))
    reply = bus.send_and_get_reply(status.get("IsEnabled"))
    if reply.header.message_type is not MessageType.method_return:
        return False
    return bool(reply.body[0][1])
