"""The recorder's control socket: how commands reach the recorder of one display.

Input: JSON lines over a Unix socket in the home's run folder, from the same user
alone. Output: JSON lines. The server is polled by the loop that records and never
blocks it. It can pause, mark, forget and stop; it cannot start a recording, and no
content passes through it but the task texts that a person states.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import selectors
import socket
import struct
from typing import TYPE_CHECKING

from overt.protocol import errors
from overt.protocol.canonical import Json, parse_json
from overt.protocol.errors import CaptureError, OvertError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from overt.recorder.person.home import Home

COMMANDS = (
    "status", "pause", "resume", "task_begin", "task_end", "stop", "forget", "windows",
)  # fmt: skip
_MOST_LINE = 64 << 10
_MOST_PEERS = 16
_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid


def display_name(display: str) -> str:
    """Return a display's name as a file name: `:99.0` and `:99` are `display-99`.

    Raises:
        UsageError: It is no display of this machine.
    """
    form = re.fullmatch(r"(?:unix/?)?:(\d{1,5})(?:\.\d{1,3})?", display)
    if form is None:
        raise UsageError(
            f"{display!r:.40} is no display of this machine.",
            remedy="Set DISPLAY, for example to :0, or give --display.",
        )
    return f"display-{form.group(1)}"


def recorded_displays(home: Home) -> list[str]:
    """Return the displays whose recorder answers, in order."""
    names = sorted(path.stem for path in home.run.glob("display-*.sock"))
    displays = [f":{name.removeprefix('display-')}" for name in names]
    return [one for one in displays if ControlClient(home, one).answers()]


@contextlib.contextmanager
def _short(folder: Path, name: str) -> Iterator[str]:
    """Yield a path of any folder that fits into a socket address (108 bytes)."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{handle}/{name}"
    finally:
        os.close(handle)


class ControlServer:
    """The socket of one display's recorder."""

    def __init__(self, home: Home, display: str) -> None:
        """Listen; the caller holds the display's lock.

        Raises:
            UsageError: The display's name is malformed.
            CaptureError: The socket cannot be made.
        """
        self._path = home.run / f"{display_name(display)}.sock"
        self._path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._selector = selectors.EpollSelector()
        self._pending: dict[socket.socket, bytearray] = {}
        try:
            before = os.umask(0o177)
            try:
                with _short(self._path.parent, self._path.name) as address:
                    self._socket.bind(address)
            finally:
                os.umask(before)
            self._socket.listen(8)
        except OSError as error:
            self.close()
            raise CaptureError(
                f"The control socket cannot be made: {error.strerror}."
            ) from error
        self._socket.setblocking(False)  # noqa: FBT003 - the socket module's own form
        self._selector.register(self._socket, selectors.EVENT_READ)

    def fileno(self) -> int:
        """A descriptor that is readable when `poll` has something to do."""
        return self._selector.fileno()

    def poll(self, handle: Callable[[str, Json], Json]) -> int:
        """Answer every whole call that has arrived, without waiting.

        Args:
            handle: Takes the command and its arguments, returns the answer; an
                OvertError that it raises becomes the answer.

        Returns:
            How many calls were answered.
        """
        answered = 0
        for key, _ in self._selector.select(0):
            if key.fileobj is self._socket:
                self._accept()
            elif isinstance(key.fileobj, socket.socket):
                answered += self._serve(key.fileobj, handle)
        return answered

    def close(self) -> None:
        """Hang up on everybody and remove the socket."""
        for peer in list(self._pending):
            self._hang_up(peer)
        self._selector.close()
        self._socket.close()
        self._path.unlink(missing_ok=True)

    def _accept(self) -> None:
        try:
            peer, _ = self._socket.accept()
        except OSError:
            return
        raw = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        _, uid, _ = _CREDENTIALS.unpack(raw)
        if uid != os.getuid() or len(self._pending) >= _MOST_PEERS:
            peer.close()
            return
        peer.setblocking(False)  # noqa: FBT003 - the socket module's own form
        self._pending[peer] = bytearray()
        self._selector.register(peer, selectors.EVENT_READ)

    def _serve(self, peer: socket.socket, handle: Callable[[str, Json], Json]) -> int:
        pending, answered = self._pending[peer], 0
        try:
            chunk = peer.recv(_MOST_LINE)
            pending += chunk
            while (end := pending.find(b"\n")) >= 0:
                line = bytes(pending[:end])
                del pending[: end + 1]
                peer.sendall(_answer(line, handle))
                answered += 1
        except OSError:
            chunk = b""
        if not chunk or len(pending) >= _MOST_LINE:
            self._hang_up(peer)
        return answered

    def _hang_up(self, peer: socket.socket) -> None:
        self._pending.pop(peer, None)
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(peer)
        peer.close()


def _answer(line: bytes, handle: Callable[[str, Json], Json]) -> bytes:
    try:
        call = parse_json(line, what="A call to the recorder")
        command = call.pop("command", None)
        if command not in COMMANDS:
            raise UsageError(f"The recorder knows no command {command!r:.40}.")
        body = {"ok": True, **handle(str(command), call)}
    except OvertError as error:
        message = str(error).removesuffix(error.remedy).rstrip()
        body = {
            "ok": False,
            "error": message,
            "remedy": error.remedy,
            "code": type(error).__name__,
        }
    return json.dumps(body).encode() + b"\n"


class ControlClient:
    """Calls to the recorder of one display."""

    def __init__(self, home: Home, display: str, *, timeout_s: float = 5.0) -> None:
        """Name the recorder; nothing is connected yet.

        Raises:
            UsageError: The display's name is malformed.
        """
        self._path = home.run / f"{display_name(display)}.sock"
        self._display, self._timeout_s = display, timeout_s

    def call(self, command: str, **arguments: object) -> Json:
        """Call the recorder and return its answer.

        Raises:
            CaptureError: No recorder runs on this display, or it hangs.
            OvertError: What the recorder answered, by the class that it names.
        """
        line = json.dumps({"command": command, **arguments}).encode() + b"\n"
        answer = parse_json(self._exchange(line), what="The recorder's answer")
        if answer.pop("ok", False):
            return answer
        kind = getattr(errors, str(answer.get("code")), CaptureError)
        remedy = str(answer.get("remedy", ""))
        raise kind(str(answer.get("error", "The recorder refuses.")), remedy=remedy)

    def answers(self) -> bool:
        """Whether a recorder runs on this display."""
        try:
            self.call("status")
        except CaptureError:
            return False
        return True

    def _exchange(self, line: bytes) -> bytes:
        try:
            with (
                socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer,
                _short(self._path.parent, self._path.name) as address,
            ):
                peer.settimeout(self._timeout_s)
                peer.connect(address)
                peer.sendall(line)
                return peer.makefile("rb").readline(_MOST_LINE)
        except TimeoutError as error:
            raise CaptureError("The recorder does not answer.") from error
        except OSError as error:
            raise CaptureError(
                f"No recorder runs on display {self._display}.",
                remedy="Start one: overt record",
            ) from error
