"""Whether the person still sits here: session locked, or another user's turn.

Input: the session's screen savers and logind, over D-Bus. Output: a reason to stop, or
nothing. A thread asks once a second, so that a bus that hangs holds up no recording. A
machine without these services tells nothing: then a lock screen is known only as a
window that is never recorded. Nothing is kept of what was asked.
"""

from __future__ import annotations

import contextlib
import os
import threading
from typing import TYPE_CHECKING, Any, Self

from jeepney import DBusAddress, MessageType, Properties, new_method_call
from jeepney.io.blocking import open_dbus_connection

if TYPE_CHECKING:
    from jeepney.io.blocking import DBusConnection

_ASK_S, _CALL_S = 1.0, 0.5
_SAVERS = (
    ("org.freedesktop.ScreenSaver", "/org/freedesktop/ScreenSaver"),
    ("org.gnome.ScreenSaver", "/org/gnome/ScreenSaver"),
    ("org.cinnamon.ScreenSaver", "/org/cinnamon/ScreenSaver"),
    ("org.mate.ScreenSaver", "/org/mate/ScreenSaver"),
    ("org.xfce.ScreenSaver", "/org/xfce/ScreenSaver"),
)
_BUS = DBusAddress(
    "/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus"
)
_LOGIND = DBusAddress(
    "/org/freedesktop/login1",
    "org.freedesktop.login1",
    "org.freedesktop.login1.Manager",
)
_SESSION = "org.freedesktop.login1.Session"
LOCKED = "The session is locked."
SWITCHED = "Another user's session is in front."


class Presence:
    """The last answer, kept fresh by a thread while it is entered."""

    def __init__(self, *, ask_s: float = _ASK_S) -> None:
        self._ask_s, self._end = ask_s, threading.Event()
        self._absence = ""
        self._thread = threading.Thread(target=self._run, name="presence", daemon=True)

    def absence(self) -> str:
        """Return why nobody sits here; empty where somebody does or may."""
        return self._absence

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._end.set()
        self._thread.join(2 * _CALL_S)

    def _run(self) -> None:
        with contextlib.ExitStack() as stack:
            session, system = Bus("SESSION"), Bus("SYSTEM")
            stack.callback(session.close)
            stack.callback(system.close)
            while not self._end.is_set():
                self._absence = absence(session, system)
                self._end.wait(self._ask_s)


def absence(session: Bus, system: Bus) -> str:
    """Ask both buses; return why nobody sits here, or nothing."""
    if any(_saver_runs(session, *saver) for saver in _SAVERS):
        return LOCKED
    facts = _logind(system)
    if facts.get("LockedHint"):
        return LOCKED
    return SWITCHED if facts.get("Active") is False else ""


def _saver_runs(bus: Bus, name: str, path: str) -> bool:
    """Whether a screen saver that runs already says that it is on."""
    if not bus.call(new_method_call(_BUS, "NameHasOwner", "s", (name,))):
        return False
    return bus.call(new_method_call(DBusAddress(path, name, name), "GetActive")) is True


def _logind(bus: Bus) -> dict[str, Any]:
    """Return what logind says of the session that this process belongs to."""
    owned = new_method_call(_BUS, "NameHasOwner", "s", (_LOGIND.bus_name,))
    if not bus.call(owned):
        return {}
    path = bus.call(new_method_call(_LOGIND, "GetSessionByPID", "u", (os.getpid(),)))
    if not isinstance(path, str):
        return {}
    address = DBusAddress(path, _LOGIND.bus_name, _SESSION)
    facts = bus.call(Properties(address).get_all())
    return {name: one[1] for name, one in facts.items()} if facts else {}


class Bus:
    """A bus that may be away: a call without an answer is None."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._connection: DBusConnection | None = None

    def call(self, message: Any) -> Any:
        """Return the first value of the answer."""
        try:
            if self._connection is None:
                self._connection = open_dbus_connection(bus=self._name)
            reply = self._connection.send_and_get_reply(message, timeout=_CALL_S)
        except (OSError, KeyError, ValueError, EOFError):
            self.close()
            return None
        is_answer = reply.header.message_type is MessageType.method_return
        return reply.body[0] if is_answer and reply.body else None

    def close(self) -> None:
        """Hang up."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.close()
