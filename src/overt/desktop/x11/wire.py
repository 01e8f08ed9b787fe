"""A raw X connection: requests out, packets in, none lost and in the server's order.

python-xlib connects, authenticates and finds the extensions; from then on this module
owns the socket. Input: encoded requests. Output: whole packets (errors, replies,
events, generic events) in the order in which the server wrote them. It never
interprets an event and never reorders one.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from Xlib import display as xdisplay
from Xlib import error as xerror
from Xlib.support import connect as xconnect

from overt.desktop.types import Rect
from overt.protocol.errors import CaptureError

if TYPE_CHECKING:
    from collections.abc import Sequence

ERROR, REPLY, GENERIC_EVENT = 0, 1, 35
_SOCKETS = Path("/proc/net/unix")
_HEADER_BYTES = 32
_ANSWER_S = 5.0  # a local server that is silent for longer hangs


@dataclass(frozen=True, slots=True)
class Extension:
    """Where an extension's requests, events and errors start on this server."""

    major: int
    first_event: int
    first_error: int


class RefusedError(CaptureError):
    """The X server answered a request with an error."""

    def __init__(self, packet: bytes) -> None:
        self.code = packet[1]
        minor = struct.unpack_from("=H", packet, 8)[0]
        super().__init__(
            f"The X server refused request {packet[10]}.{minor} with error {self.code}."
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply and the packets that the server wrote before it, in order."""

    reply: bytes
    before: list[bytes]


def connect(name: str | None) -> xdisplay.Display:
    """Open a display with python-xlib; `None` means $DISPLAY.

    Raises:
        CaptureError: The display cannot be opened.
    """
    try:
        return xdisplay.Display(_local(name))
    except (xerror.DisplayError, xerror.XError, OSError) as fault:
        shown = name if name is not None else "$DISPLAY"
        raise CaptureError(
            f"The display {shown} cannot be opened.",
            remedy="Start an X server on this machine, set DISPLAY and give access to"
            " it (XAUTHORITY).",
        ) from fault


def _local(name: str | None) -> str:
    """The display's name in the form that keeps python-xlib off the network."""
    _, _, host, number, screen = xconnect.get_display(name)
    path = f"/tmp/.X11-unix/X{number}"  # noqa: S108 (fixed by X11)
    if host not in {"", "unix"}:
        raise ConnectionRefusedError(f"{host} is not this machine")
    if not Path(path).exists() and f"@{path}\n" not in _SOCKETS.read_text("utf-8"):
        raise FileNotFoundError(path)
    return f"unix/:{number}.{screen}"


class Wire:
    """One connection to an X server, read without blocking."""

    def __init__(self, name: str | None, extensions: Sequence[str] = ()) -> None:
        """Connect and look the extensions up.

        Raises:
            CaptureError: The display cannot be opened or lacks an extension.
        """
        display = connect(name)
        try:
            self._extensions = {each: _extension(display, each) for each in extensions}
        except CaptureError:
            display.close()
            raise
        screen = display.screen()
        self.root: int = screen.root.id
        self.root_depth: int = screen.root_depth
        geometry = screen.root.get_geometry()
        self.root_rect = Rect(0, 0, geometry.width, geometry.height)
        self._display = display  # kept for its resource ids, never used to talk again
        self._serial: int = display.display.request_serial
        self._socket: socket.socket = display.display.socket
        self._socket.settimeout(0.0)  # never blocks
        self._pending = bytearray()

    def fileno(self) -> int:
        """The socket, for a selector."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close the connection; the server frees all that belonged to it."""
        self._socket.close()

    def extension(self, name: str) -> Extension:
        """Where the requests and events of a named extension start."""
        return self._extensions[name]

    def new_id(self) -> int:
        """A resource id that nothing else on this connection uses."""
        return int(self._display.display.allocate_resource_id())

    def atom(self, name: str) -> int:
        """The number of a named atom, made if need be (InternAtom)."""
        text = name.encode("ascii")
        body = struct.pack("=HH", len(text), 0) + text + bytes(-len(text) % 4)
        return int(struct.unpack_from("=I", self.ask(16, 0, body).reply, 8)[0])

    def send(
        self, major: int, data: int, body: bytes = b"", fds: Sequence[int] = ()
    ) -> int:
        """Send one request; `body` is padded to whole words by the caller.

        Args:
            major: Major opcode.
            data: Second byte: the minor opcode of an extension's request.
            body: What follows the four bytes of the request's head.
            fds: File descriptors that go along.

        Returns:
            The request's sequence number (16 bits).

        Raises:
            CaptureError: The server is gone.
        """
        serial = self._serial
        self._serial = (serial + 1) & 0xFFFF
        packet = struct.pack("=BBH", major, data, 1 + len(body) // 4) + body
        while packet:
            packet = packet[self._write(packet, fds) :]
            fds = ()
        return serial

    def ask(self, major: int, data: int, body: bytes = b"") -> Answer:
        """Send one request and wait for its reply."""
        return self.answer(self.send(major, data, body))

    def packets(self) -> list[bytes]:
        """All whole packets that have arrived, without waiting.

        Raises:
            CaptureError: The server is gone.
            RefusedError: It refused one of our requests.
        """
        packets = self.drain()
        for packet in packets:
            if packet[0] == ERROR:
                raise RefusedError(packet)
        return packets

    def drain(self) -> list[bytes]:
        """As `packets`, with errors as packets among the others.

        Raises:
            CaptureError: The server is gone.
        """
        self._read()
        return self._cut()

    def take(self) -> bytes:
        """All bytes that have arrived; whoever takes them cuts them into packets.

        Raises:
            CaptureError: The server is gone.
        """
        self._read()
        taken = bytes(self._pending)
        self._pending.clear()
        return taken

    def answer(self, serial: int) -> Answer:
        """Wait for the reply to a request; what came before it is kept in order.

        Raises:
            CaptureError: The server is gone or silent.
            RefusedError: It refused the request; nothing that came is lost.
        """
        before: list[bytes] = []
        deadline = time.monotonic() + _ANSWER_S
        while True:
            packets = self._cut()
            for place, packet in enumerate(packets):
                if packet[0] in {ERROR, REPLY} and _serial(packet) == serial:
                    return self._settle(packet, before, packets[place + 1 :])
                before.append(packet)
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._socket], [], [], left)[0]:
                raise CaptureError(f"The X server did not answer in {_ANSWER_S:.0f} s.")
            self._read()

    def _settle(self, packet: bytes, before: list[bytes], after: list[bytes]) -> Answer:
        if packet[0] == REPLY:
            self._push_back(after)
            return Answer(packet, before)
        self._push_back(before + after)
        raise RefusedError(packet)

    def _write(self, packet: bytes, fds: Sequence[int]) -> int:
        try:
            if fds:
                return socket.send_fds(self._socket, [packet], list(fds))
            return self._socket.send(packet)
        except BlockingIOError:
            self._read()  # the server may wait for us to read
            select.select([], [self._socket], [], _ANSWER_S)
            return 0
        except OSError as fault:
            raise _gone() from fault

    def _read(self) -> None:
        while True:
            try:
                chunk = self._socket.recv(1 << 18)
            except BlockingIOError:
                return
            except OSError as fault:
                raise _gone() from fault
            if not chunk:
                raise _gone()
            self._pending += chunk

    def _cut(self) -> list[bytes]:
        pending, place, packets = self._pending, 0, []
        while len(pending) - place >= _HEADER_BYTES:
            size = packet_bytes(pending, place)
            if len(pending) - place < size:
                break
            packets.append(bytes(pending[place : place + size]))
            place += size
        del pending[:place]
        return packets

    def _push_back(self, packets: list[bytes]) -> None:
        self._pending[:0] = b"".join(packets)


def packet_bytes(buffer: bytes | bytearray, place: int) -> int:
    """Length of the packet that starts at `place`, from its first eight bytes."""
    if buffer[place] & 0x7F not in (REPLY, GENERIC_EVENT):
        return _HEADER_BYTES
    return _HEADER_BYTES + 4 * int(struct.unpack_from("=I", buffer, place + 4)[0])


def _serial(packet: bytes) -> int:
    return int(struct.unpack_from("=H", packet, 2)[0])


def _extension(display: xdisplay.Display, name: str) -> Extension:
    found = display.query_extension(name)
    if not found:
        raise CaptureError(
            f"The display {display.get_display_name()} lacks the extension {name}.",
            remedy="Use an X.Org server (or Xvfb) with this extension enabled.",
        )
    return Extension(found.major_opcode, found.first_event, found.first_error)


def _gone() -> CaptureError:
    return CaptureError("The X server closed the connection.")
